"""Which idempotency keys the ledger has: eight bytes of each, so that a new key, as nearly all are, needs no question."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mlops_store.index.database import Connection, rows

_PART = 1 << 16
"""New keys that are held as a set, at a hundred bytes each, before they become a sorted array."""


class KnownKeys:
    """The keys of one ledger, for its only writer: it adds those that it commits, and none ever goes."""

    def __init__(self, con: Connection) -> None:
        found = con.execute(
            "SELECT md5_number_upper(key) AS number FROM ledger WHERE key <> '' ORDER BY 1"
        ).fetchnumpy()
        # eight bytes of each at no time more than twice: as rows of Python they would be a hundred
        self._parts = [array("Q", found["number"].tobytes())]
        self._new: set[int] = set()

    def replies(self, con: Connection, keys: Iterable[str]) -> dict[str, Any]:
        """What was answered to those of the keys that are known; the first answer holds."""
        likely = [key for key in keys if key and self._has(_number(key))]
        if not likely:
            return {}
        found = rows(
            con,
            "SELECT key, reply FROM ledger WHERE key IN (SELECT unnest(?::VARCHAR[])) ORDER BY seq DESC",
            [likely],
        )
        return {row["key"]: msgspec.json.decode(row["reply"] or "null") for row in found}

    def add(self, keys: Iterable[str]) -> None:
        """These are in the ledger now."""
        self._new.update(_number(key) for key in keys if key)
        if len(self._new) >= _PART:
            self._parts.append(array("Q", sorted(self._new)))
            self._new = set()

    def _has(self, number: int) -> bool:
        return number in self._new or any(_holds(part, number) for part in self._parts)


def _number(key: str) -> int:
    return int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest()[:8], "little")


def _holds(part: Sequence[int], number: int) -> bool:
    place = bisect_left(part, number)
    return place < len(part) and part[place] == number
