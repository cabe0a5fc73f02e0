"""A list written to a file: CSV, JSON lines, Markdown or Parquet, by the file's ending; an SVG of the screen."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from textual.worker import WorkerFailed

from mlops_store.errors import Problem
from mlops_tui.text import clean, short
from mlops_tui.tui.dialogs.form import Field, Form, Values

if TYPE_CHECKING:
    from mlops_tui.tui.screens.list_room import ListRoom
    from mlops_tui.tui.screens.room import Room

ENDINGS = (".csv", ".jsonl", ".md", ".parquet", ".svg")
PAGE = 1000

_TO_PARQUET = """
import sys, polars
polars.read_ndjson(sys.stdin.buffer.read(), infer_schema_length=None).write_parquet(sys.argv[1])
"""


async def export(room: ListRoom) -> None:
    """Asks where to, then writes the marked rows, or all that the filter finds. Call it in a worker."""
    marked = room.table.selection.words(room.total or 0)
    what = f"what is marked: {marked}" if marked else "all rows that the filter finds"
    path = await _ask(room, room.VERB.split(" ", maxsplit=1)[0] + "s", what)
    if path is None:
        return
    try:
        rows = [] if path.suffix == ".svg" else await all_rows(room)
    except Problem as problem:
        room.mlops.complain(problem)
        return
    await _write(room, path, rows)


async def export_rows(room: Room, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Asks where to, then writes these rows. Call it in a worker."""
    path = await _ask(room, name, f"{len(rows):,} rows")
    if path is not None:
        await _write(room, path, rows)


async def export_screen(room: Room) -> None:
    """Asks where to, then writes a picture of the screen. Call it in a worker."""
    path = await _ask(room, "screen", "the screen as SVG", ".svg")
    if path is not None:
        await _write(room, path, [])


async def _ask(room: Room, name: str, what: str, ending: str = ".csv") -> Path | None:
    fields = [
        Field("path", "file", str(Path.home() / f"{name}{ending}"), hint="ends in " + ", ".join(ENDINGS))
    ]
    values: Values | None = await room.app.push_screen_wait(
        Form(f"Export {what}", fields, yes="Write", check=check)
    )
    return None if values is None else Path(values["path"]).expanduser()


async def _write(room: Room, path: Path, rows: Sequence[dict[str, Any]]) -> None:
    if path.suffix == ".svg":
        picture = room.app.export_screenshot()
        rows, text = [], f"wrote the screen to {path.absolute()}"
    else:
        picture, text = "", f"wrote {len(rows):,} rows to {path.absolute()}"
    try:
        if picture:
            path.write_text(picture, encoding="utf-8")
        else:
            await room.run_worker(lambda: write(path, rows), thread=True, exit_on_error=False).wait()
    except (OSError, subprocess.CalledProcessError, WorkerFailed) as error:
        room.mlops.complain(
            Problem("export_failed", f"{path} was not written: {error}", "choose another file")
        )
    else:
        room.mlops.tell(text)


def check(values: Values) -> tuple[str, str] | None:
    """What is wrong with the file's name."""
    path = Path(values["path"]).expanduser()
    if path.suffix not in ENDINGS:
        return "path", "the ending says the format: " + ", ".join(ENDINGS)
    if path.exists():
        return "path", f"{path} is there already"
    return (
        None if path.absolute().parent.is_dir() else ("path", f"there is no folder {path.absolute().parent}")
    )


async def all_rows(room: ListRoom) -> list[dict[str, Any]]:
    """The marked rows, or all, as plain data. Raises Problem."""
    chosen, rows, token = room.table.selection, [], None
    some = bool(chosen.words(room.total or 0))
    while True:
        asked = {**room.question(), "limit": PAGE, **({"page": token} if token else {})}
        page = await room.link.ask(room.VERB, asked)
        rows += [msgspec.to_builtins(row) for row in page.items if not some or room.row_key(row) in chosen]
        token = page.next
        if token is None:
            return rows


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Writes a new file. Raises OSError, CalledProcessError (Parquet is written by a process of its own)."""
    if path.suffix == ".parquet":
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in map(flat, rows))
        subprocess.run(
            [sys.executable, "-c", _TO_PARQUET, str(path)], input=lines, check=True, capture_output=True
        )
        return
    text = {".csv": as_csv, ".md": as_markdown, ".jsonl": as_json_lines}[path.suffix](rows)
    with open(path, "x", encoding="utf-8", newline="") as file:
        file.write(text)


def as_json_lines(rows: Iterable[dict[str, Any]]) -> str:
    """One JSON object a line, as `--json` has it."""
    return "".join(msgspec.json.encode(row).decode() + "\n" for row in rows)


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Nested values in columns of their own: `metrics.auc.last`. Text that a spreadsheet would run gets an apostrophe."""
    flats = [flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flats for name in row))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([_harmless(row.get(name)) for name in names] for row in flats)
    return out.getvalue()


def as_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A table of the plain values."""
    flats = [flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flats for name in row))
    lines = ["| " + " | ".join(_cell(name) for name in names) + " |", "|" + "---|" * len(names)]
    return (
        "\n".join(
            [*lines, *("| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in flats)]
        )
        + "\n"
    )


def flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names; lists as JSON text."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            found.update(flat(value, f"{name}."))
        else:
            found[name] = msgspec.json.encode(value).decode() if isinstance(value, list) else value
    return found


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _cell(value: Any) -> str:
    text = "" if value is None else clean(value if isinstance(value, str) else short(value, 200))
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
