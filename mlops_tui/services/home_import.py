"""Entries of an unpacked bundle into the ledger of this home, piece by piece. What they were decided on was written beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.graft import MERGE_FILE, RECORDED, Item, Todo
from mlops_store.ids import check_name
from mlops_store.index.tx import Tx
from mlops_store.ledger import entry_hash
from mlops_store.records import LedgerEntry
from mlops_store.scopes import Scopes
from mlops_tui.verbs.home import HomeImport, HomeImported

_PIECE = 300
"""Entries that one command takes on: others write in between."""


def import_(tx: Tx, request: HomeImport) -> HomeImported:
    """Takes the next entries over; `left` says how many there are still. Raises Problem `not_unpacked`, `home_changed`."""
    todo = _todo(tx.home.tmp, request.source)
    done = {row["h"] for row in tx.rows("SELECT origin_hash AS h FROM imports WHERE home = ?", [todo.home])}
    left = [item for item in todo.items if item.entry.hash not in done]
    piece = left[:_PIECE]
    while piece and piece[-1].entry.more and len(piece) < len(left):
        piece.append(left[len(piece)])  # a command is taken over whole
    _require_unchanged(tx, todo, piece)
    for item in piece:
        _append(tx, todo.home, item)
    applied = sum(item.applied for item in piece)
    return HomeImported(applied=applied, recorded=len(piece) - applied, left=len(left) - len(piece))


def _todo(tmp: Path, source: str) -> Todo:
    folder = Path(source)
    if folder.parent != tmp or not (folder / MERGE_FILE).is_file():
        raise Problem("not_unpacked", f"{source!r} is no bundle that was unpacked into the home", "`mlops-tui home import` unpacks it", status=2)  # fmt: skip
    try:
        return msgspec.json.decode((folder / MERGE_FILE).read_bytes(), type=Todo)
    except msgspec.DecodeError as error:
        raise Problem(
            "bundle_damaged", f"{folder / MERGE_FILE} cannot be read: {error}", "import the bundle again"
        ) from error


def _require_unchanged(tx: Tx, todo: Todo, piece: list[Item]) -> None:
    """What takes effect was decided against the ledger as it was: nobody may have decided about the same things since."""
    rows = tx.rows(
        "SELECT seq, time, actor, verb, subject, data FROM ledger WHERE seq > ? AND seq NOT IN (SELECT seq FROM imports WHERE home = ?) ORDER BY seq",
        [todo.head, todo.home],
    )
    scopes = Scopes()
    ours = {scopes.of(LedgerEntry(**{**row, "data": msgspec.json.decode(row["data"])})) for row in rows}
    for item in piece:
        if item.applied and item.scope in ours:
            raise Problem("home_changed", f"{' '.join(item.scope)} was decided about here meanwhile", "import the bundle again", status=3)  # fmt: skip


def _append(tx: Tx, home: str, item: Item) -> None:
    entry = item.entry
    if entry_hash(entry) != entry.hash:
        raise Problem(
            "bundle_damaged",
            f"entry {entry.seq} of the bundle was changed after it was written",
            "use another copy",
        )
    origin: dict[str, Any] = {
        "home": home, "seq": entry.seq, "hash": entry.hash, "time": entry.time, "actor": entry.actor, "verb": entry.verb,
    }  # fmt: skip
    if "origin" in entry.data:
        origin["origin"] = entry.data["origin"]
    if not item.applied:
        tx.append(RECORDED, entry.subject, {"origin": origin, "data": entry.data}, entry.why)
        return
    for name in ("project", "model", "source", "view"):
        value = entry.data.get(name)
        if isinstance(value, str) and value:
            check_name(value, name)  # names become paths
    tx.append(entry.verb, entry.subject, {**entry.data, "origin": origin}, entry.why)
