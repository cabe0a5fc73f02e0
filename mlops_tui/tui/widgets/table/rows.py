"""The rows of one query that are here: pages in a bounded cache, and what to ask for next. No I/O, no drawing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

PAGE = 128
"""Rows per page."""


class Window(msgspec.Struct, frozen=True):
    """An answer: rows [offset, offset + len(rows)) out of `total`."""

    total: int
    offset: int
    rows: list[Any]


class Rows:
    """Pages by number, least recently seen first out. Rows of an older generation stay visible until the first
    answer of the new one, so that asking again does not flicker."""

    def __init__(self, row_key: Callable[[Any], str], pages: int = 64) -> None:
        self.row_key = row_key
        self.total: int | None = None
        self.generation = 0
        self._limit = max(4, pages)
        self._pages: OrderedDict[int, list[Any]] = OrderedDict()
        self._index: dict[str, int] = {}
        self._outdated = False
        self._dry = False
        self._asked: tuple[int, int] | None = None

    def restart(self) -> None:
        """The query changed: answers to earlier questions no longer count."""
        self.generation += 1
        self._outdated = True
        self._dry = False
        self._asked = None

    @property
    def outdated(self) -> bool:
        """Whether no answer to the current question is here yet."""
        return self._outdated or self.total is None

    def get(self, index: int) -> Any | None:
        """The row at `index`, None when it is not here."""
        page = self._pages.get(index // PAGE)
        return page[index % PAGE] if page is not None and index >= 0 else None

    def index_of(self, key: str) -> int | None:
        """Where the row with this key is, when it is here."""
        return self._index.get(key)

    def loaded(self) -> Iterator[tuple[int, Any]]:
        """All rows that are here, in the order of the list."""
        for number in sorted(self._pages):
            for place, row in enumerate(self._pages[number]):
                if row is not None:
                    yield number * PAGE + place, row

    def put(self, window: Window, generation: int) -> bool:
        """Takes an answer; False when it is one to an earlier generation."""
        if generation != self.generation:
            return False
        if self._outdated:
            self._pages.clear()
            self._index.clear()
            self._outdated = False
        offset, total = max(0, window.offset), max(0, window.total)
        self._resize(total)
        rows = window.rows[: max(0, total - offset)]
        for place, row in enumerate(rows):
            self._set(offset + place, row)
        # An answer without rows where there should be some would be asked for again for ever.
        self._dry = not rows and offset < total
        if self._asked is not None and offset <= self._asked[0]:
            self._asked = None
        while len(self._pages) > self._limit:
            number, page = self._pages.popitem(last=False)
            self._forget(number, page)
        return True

    def lacks(self, first: int, last: int) -> bool:
        """Whether some of the rows first..last are not here and can still come."""
        return not self._dry and self._gap(first, last) is not None

    def ask(self, first: int, last: int, direction: int = 0) -> tuple[int, int] | None:
        """The next (offset, count) to fetch so that rows first..last are here, then half a page ahead in the
        direction of travel. None when nothing is missing or the answer is under way.

        Only the newest question counts as under way: a screen may drop older ones.
        """
        if self._dry:
            return None
        for number in range(max(0, first) // PAGE, max(0, last) // PAGE + 1):
            if number in self._pages:
                self._pages.move_to_end(number)
        gap = self._gap(first, last)
        if gap is None and direction > 0:
            gap = self._gap(last, last + PAGE // 2)
        elif gap is None and direction < 0:
            gap = self._gap(first - PAGE // 2, first)
        if gap is None:
            return None
        if self._asked is not None and self._asked[0] <= gap[0] and sum(gap) <= sum(self._asked):
            return None
        self._asked = gap
        return gap

    def _gap(self, first: int, last: int) -> tuple[int, int] | None:
        """(offset, count) from the first row that is missing to the end of the last page that lacks some."""
        known = self.total if self.total is not None and not self._outdated else None
        first = max(0, first)
        last = max(first, last) if known is None else min(last, known - 1)
        if last < first:
            return None
        holes = [
            number * PAGE + hole
            for number in range(first // PAGE, last // PAGE + 1)
            if (hole := self._hole(number, known)) is not None
        ]
        return (holes[0], (holes[-1] // PAGE + 1) * PAGE - holes[0]) if holes else None

    def _hole(self, number: int, known: int | None) -> int | None:
        """The first place of a page that is empty and should not be."""
        page = None if self._outdated else self._pages.get(number)
        if page is None:
            return 0
        wanted = PAGE if known is None else min(PAGE, known - number * PAGE)
        return page.index(None) if None in page[:wanted] else None

    def _set(self, index: int, row: Any) -> None:
        number, place = divmod(index, PAGE)
        page = self._pages.setdefault(number, [None] * PAGE)
        self._pages.move_to_end(number)
        if page[place] is not None:
            self._drop_key(page[place], index)
        page[place] = row
        self._index[self.row_key(row)] = index

    def _resize(self, total: int) -> None:
        if self.total is not None and total < self.total:
            for number in [number for number in self._pages if (number + 1) * PAGE > total]:
                page = self._pages[number]
                for place in range(max(0, total - number * PAGE), PAGE):
                    if page[place] is not None:
                        self._drop_key(page[place], number * PAGE + place)
                        page[place] = None
                if number * PAGE >= total:
                    del self._pages[number]
        self.total = total

    def _forget(self, number: int, page: list[Any]) -> None:
        for place, row in enumerate(page):
            if row is not None:
                self._drop_key(row, number * PAGE + place)

    def _drop_key(self, row: Any, index: int) -> None:
        key = self.row_key(row)
        if self._index.get(key) == index:
            del self._index[key]
