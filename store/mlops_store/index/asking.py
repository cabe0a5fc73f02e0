"""What a question to the index needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

_FEW = 100


class Rows(Protocol):
    """What can be asked: Tx and Read."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]: ...


def among(run_ids: Sequence[str]) -> tuple[str, list[Any]]:
    """The condition that a row is of one of these runs. The range lets whole parts of a table be left out unread, where the runs are near
    each other, as those of a page of the newest are."""
    ids = list(run_ids)
    return (
        "run_id BETWEEN ? AND ? AND run_id IN (SELECT unnest(?::VARCHAR[]))",
        [min(ids, default=""), max(ids, default=""), ids],
    )


def these(column: str, kind: str, values: list[Any]) -> tuple[str, list[Any]]:
    """The condition that a column is one of these. A few as parameters: those the primary key finds, at 30 µs each."""
    if len(values) <= _FEW:
        return f"{column} IN ({', '.join('?' * len(values))})", values
    return f"{column} BETWEEN ? AND ? AND {column} IN (SELECT unnest(?::{kind}[]))", [
        min(values),
        max(values),
        values,
    ]
