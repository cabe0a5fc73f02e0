"""Questions about the ledger itself."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.index.runs import Rows


def entries(
    read: Rows,
    *,
    verb: str | None = None,
    subject: str | None = None,
    actor: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """Entries, newest first, `data` as data. `verb` may end in `.` to mean all verbs of a noun; `before` is the last seq of the page before."""
    found = read.rows(
        "SELECT seq, time, actor, verb, subject, data, why, hash FROM ledger WHERE (? IS NULL OR seq < ?) "
        "AND (? IS NULL OR verb = ? OR (ends_with(?, '.') AND starts_with(verb, ?))) AND (? IS NULL OR subject = ?) AND (? IS NULL OR actor = ?) "
        "ORDER BY seq DESC LIMIT ?",
        [before, before, verb, verb, verb, verb, subject, subject, actor, actor, limit],
    )
    return [{**row, "data": msgspec.json.decode(row["data"])} for row in found]


def seq_at(read: Rows, time: int) -> int:
    """The last sequence number not later than a time (UTC ms); 0 where there is none. Ledger times never fall."""
    return int(read.rows("SELECT coalesce(max(seq), 0) AS seq FROM ledger WHERE time <= ?", [time])[0]["seq"])
