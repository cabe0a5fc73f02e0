"""Ledger entries by which people mark runs: tags and notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from mlops_store.index.database import Connection, insert_columns
from mlops_store.index.payload import Data, listed, mapping, text
from mlops_store.records import LedgerEntry

_AT_ONCE = 1000


def tag_words(data: Data) -> dict[str, tuple[str | None, bool]]:
    """What an entry says of each tag that it names: its value, and whether it is cleared. A tag that is taken away has the value
    None, which stands over what the run's journals say, now and later; a cleared one is the journals' own again."""
    words: dict[str, tuple[str | None, bool]] = {
        key: (None, True) for key in listed(data, "clear") if isinstance(key, str)
    }
    words |= {key: (None, False) for key in listed(data, "remove") if isinstance(key, str)}
    words |= {key: (value, False) for key, value in mapping(data, "set").items() if isinstance(value, str)}
    return words


def log_marks(con: Connection) -> None:
    """Fills `mark_log` from what the index has of the ledger."""
    after = 0
    while True:
        found = con.execute(
            "SELECT seq, verb, data FROM ledger WHERE verb IN ('run.tag', 'run.note') AND seq > ? ORDER BY seq LIMIT ?",
            [after, _AT_ONCE],
        ).fetchall()
        if not found:
            return
        _log(con, [(seq, verb, msgspec.json.decode(data)) for seq, verb, data in found])
        after = found[-1][0]


def _marks(con: Connection, entries: Sequence[LedgerEntry]) -> None:
    _log(con, [(entry.seq, entry.verb, entry.data) for entry in entries])


def _log(con: Connection, entries: Sequence[tuple[int, str, Data]]) -> None:
    values = [
        (text(data, "run_id"), *word, seq) for seq, verb, data in entries for word in _words(verb, data)
    ]
    insert_columns(con, "mark_log", values)


def _words(verb: str, data: Data) -> Iterator[tuple[str | None, str | None, bool]]:
    """Key, value and whether the key is cleared."""
    if verb == "run.note":
        yield None, text(data, "text") or None, False
    else:
        yield from ((key, *word) for key, word in tag_words(data).items())


TOGETHER = {"run.tag": _marks, "run.note": _marks}
HANDLERS = {
    "run.tag": lambda con, entry: _marks(con, [entry]),
    "run.note": lambda con, entry: _marks(con, [entry]),
}
