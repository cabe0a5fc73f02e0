"""What a question to the index needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


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
