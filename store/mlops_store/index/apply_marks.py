"""Ledger entries by which people mark runs: tags and notes."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_store.index.apply_care import ensure_rows
from mlops_store.index.database import Connection, unnested, write_columns
from mlops_store.index.payload import listed, mapping, text
from mlops_store.records import LedgerEntry


def _tags(con: Connection, entries: Sequence[LedgerEntry]) -> None:
    """A tag that was taken away stays as NULL: it stands over what the run's journals say, now and later. What is
    cleared is the journals' own again. Of many entries the last word on each tag counts."""
    last: dict[tuple[str, str], tuple[str | None, int] | None] = {}
    for entry in entries:
        run_id = text(entry.data, "run_id")
        values = {key: value for key, value in mapping(entry.data, "set").items() if isinstance(value, str)}
        removed = [key for key in listed(entry.data, "remove") if isinstance(key, str) and key not in values]
        last |= {(run_id, key): None for key in listed(entry.data, "clear") if isinstance(key, str)}
        last |= {(run_id, key): (value, entry.seq) for key, value in values.items()}
        last |= {(run_id, key): (None, entry.seq) for key in removed}
    write_columns(
        con,
        "DELETE FROM run_tags USING (SELECT unnest(?::VARCHAR[]) AS r, unnest(?::VARCHAR[]) AS k) AS gone "
        "WHERE run_tags.run_id = gone.r AND run_tags.key = gone.k",
        [place for place, word in last.items() if word is None],
    )
    write_columns(con, _TAG, [(*place, *word) for place, word in last.items() if word is not None])


_TAG = (
    f"MERGE INTO run_tags USING ({unnested(('VARCHAR', 'VARCHAR', 'VARCHAR', 'BIGINT'))}) AS said(r, k, v, s) "
    "ON run_tags.run_id = said.r AND run_tags.key = said.k WHEN MATCHED THEN UPDATE SET value = v, seq = s "
    "WHEN NOT MATCHED THEN INSERT VALUES (r, k, v, s)"
)
"""Two thirds of what an upsert takes."""


def _notes(con: Connection, entries: Sequence[LedgerEntry]) -> None:
    """Of many entries the last word on each run counts. A run whose folder was not read yet gets a row."""
    last = {text(entry.data, "run_id"): text(entry.data, "text") or None for entry in entries}
    if write_columns(con, _NOTE, list(last.items())) < len(last):
        ensure_rows(con, last)
        write_columns(con, _NOTE, list(last.items()))


_NOTE = (
    "UPDATE runs SET note = said.note FROM (SELECT unnest(?::VARCHAR[]) AS r, unnest(?::VARCHAR[]) AS note) AS said "
    "WHERE runs.run_id = said.r"
)

TOGETHER = {"run.tag": _tags, "run.note": _notes}
HANDLERS = {
    "run.tag": lambda con, entry: _tags(con, [entry]),
    "run.note": lambda con, entry: _notes(con, [entry]),
}
