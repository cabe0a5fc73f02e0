"""A bundle: part or all of a home as plain files, for another disk or another box; as a folder or as one tar file.

```
ledger/entries.jsonl      entries as they stand in the ledger of the home, with their hashes
objects/ runs/ data/ quarantine/ trash/runs/     as in the home
bundle.json               what is in it: size and sha256 of every file; written last
```
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from mlops_store.atomic import read_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ids import NAME, RUN_ID, run_month
from mlops_store.ledger import ledger_files
from mlops_store.records import LedgerEntry

FORMAT = 1
BUNDLE_FILE = "bundle.json"
ENTRIES_FILE = "ledger/entries.jsonl"
MOST_BYTES = 256 << 20
"""Bytes of a `bundle.json` that are read: about two million files."""

_SHA = re.compile(r"^[0-9a-f]{64}$")
_DECODER = msgspec.json.Decoder(LedgerEntry)


class BundleFile(msgspec.Struct):
    """A file of a bundle; `changed` is its time of change (ns) in the home, which saves the next backup from reading it again."""

    size: int
    sha256: str
    changed: int = 0


class Bundle(msgspec.Struct, kw_only=True):
    """`bundle.json`. `whole`: all of the home, its ledger from the first entry; `head` is the hash of the last entry."""

    format: int = FORMAT
    home: str
    made: int
    whole: bool
    what: str
    entries: int
    head: str = ""
    files: dict[str, BundleFile] = {}


@dataclass(frozen=True)
class Line:
    """An entry with the bytes that it has in the ledger."""

    entry: LedgerEntry
    raw: bytes


def entry_lines(paths: list[Path], *, whole: bool = True) -> Iterator[Line]:
    """Whole commands only (a part of a ledger, without `whole`, may have parts of them); ends at a torn tail. Raises Problem `ledger_damaged` where more follows what cannot be read."""
    pending: list[Line] = []
    bad = ""
    for path in paths:
        with open(path, "rb") as file:
            for number, raw in enumerate(file, start=1):
                if bad:
                    raise Problem("ledger_damaged", f"{bad}: the line cannot be read, and entries follow it", "`mlops-tui ledger verify` lists all damage")  # fmt: skip
                try:
                    entry = _DECODER.decode(raw) if raw.endswith(b"\n") else None
                except msgspec.DecodeError:
                    entry = None
                if entry is None:
                    bad = f"{path}:{number}"
                    continue
                pending.append(Line(entry, raw))
                if not (whole and entry.more):
                    yield from pending
                    pending = []


def home_lines(home: Home) -> Iterator[Line]:
    """The ledger of a home."""
    return entry_lines(ledger_files(home.ledger))


def read_bundle(path: Path) -> Bundle:
    """`bundle.json`, checked. Raises Problem `no_bundle`, `bundle_newer`, `bundle_unsafe`."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Problem(
                "bundle_unsafe", f"{path} is larger than {MOST_BYTES >> 20} MB", "do not use this bundle"
            )
        bundle = read_json(path, Bundle)
    except (OSError, msgspec.DecodeError) as error:
        raise Problem("no_bundle", f"{path} is not that of a whole bundle: {error}", "make it again: `mlops-tui home export`", status=2) from error  # fmt: skip
    if bundle.format > FORMAT:
        raise Problem("bundle_newer", f"the bundle has format {bundle.format}, this program knows {FORMAT}", "upgrade mlops-tui", status=3)  # fmt: skip
    for name, file in bundle.files.items():
        check_member(name)
        if file.size < 0 or not _SHA.match(file.sha256):
            raise unsafe(name, "its size or digest is none")
        if name.startswith("objects/") and name.rsplit("/", 1)[1] != file.sha256:
            raise unsafe(name, "an object is named by its content")
    return bundle


def check_member(name: str) -> None:
    """Raises Problem `bundle_unsafe` for a name that does not belong into a home: absolute, with `..`, or in a place of no kind of ours."""
    pure = PurePosixPath(name)
    parts = pure.parts
    plain = (
        "\0" not in name
        and len(name.encode(errors="surrogatepass")) < 3000
        and str(pure) == name
        and not pure.is_absolute()
    )
    if (
        not plain
        or any(part in ("..", ".", "") or len(os.fsencode(part)) > 255 for part in parts)
        or not _belongs(parts)
    ):
        raise unsafe(name, "it does not belong into a home")


def unsafe(name: str, why: str) -> Problem:
    return Problem("bundle_unsafe", f"the bundle has {name[:200]!r}: {why}", "do not use this bundle")


def _belongs(parts: tuple[str, ...]) -> bool:
    match parts:
        case ("ledger", "entries.jsonl"):
            return True
        case ("objects", folder, name):
            return bool(_SHA.match(name)) and folder == name[:2]
        case ("runs", month, run_id, _, *_):
            return bool(RUN_ID.match(run_id)) and month == run_month(run_id)
        case ("trash", "runs", run_id, _, *_):
            return bool(RUN_ID.match(run_id))
        case ("data" | "quarantine", project, source, _, *_):
            return all(NAME.match(name) and ".." not in name for name in (project, source))
    return False
