"""Rows as the writer left them, so that it need not read them again."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

LIMIT = 1 << 13
"""Rows of one table that are kept: some megabytes. Of what was longest not written the row is read again."""


class Standing(Generic[T]):
    """Rows of one table by (run, name). What a transaction sets counts from `commit` on, and is gone with `forget`.

    For a table whose rows nobody but ingestion changes, and where others remove rows, `release` says so.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._rows: dict[tuple[str, str], T] = {}
        self._new: dict[tuple[str, str], T] = {}

    def get(self, key: tuple[str, str]) -> T | None:
        """The row as the last transaction left it; None where that is not known."""
        return self._rows.get(key)

    def set(self, key: tuple[str, str], row: T) -> None:
        """What the transaction that is open has written."""
        self._new[key] = row

    def commit(self) -> None:
        for key in self._new:
            self._rows.pop(key, None)  # what is written last goes last
        self._rows.update(self._new)
        self._new.clear()
        while len(self._rows) > self._limit:
            del self._rows[next(iter(self._rows))]

    def forget(self) -> None:
        self._new.clear()

    def release(self, run_id: str) -> None:
        """The run's rows are gone."""
        for key in [key for key in self._rows if key[0] == run_id]:
            del self._rows[key]
