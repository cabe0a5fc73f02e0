"""Which rows are marked: keys, or "all that the query finds" without listing them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Selection(msgspec.Struct, frozen=True):
    """What a bulk verb acts on: `keys`, or with `everything` the rows of the query but `excluded`."""

    keys: frozenset[str] = frozenset()
    everything: bool = False
    excluded: frozenset[str] = frozenset()

    def __contains__(self, key: object) -> bool:
        return key not in self.excluded if self.everything else key in self.keys

    def count(self, total: int) -> int:
        """How many rows are marked when the query finds `total`."""
        return max(0, total - len(self.excluded)) if self.everything else len(self.keys)

    def words(self, total: int) -> str:
        """ "all 1,204", "all but 2 of 1,204", "3 marked"; empty when nothing is."""
        if self.everything:
            return f"all but {len(self.excluded):,} of {total:,}" if self.excluded else f"all {total:,}"
        return f"{len(self.keys):,} marked" if self.keys else ""

    def toggled(self, key: str) -> Selection:
        """One row more or less."""
        if self.everything:
            return Selection(everything=True, excluded=self.excluded ^ {key})
        return Selection(self.keys ^ {key})

    def added(self, keys: Iterable[str]) -> Selection:
        """These rows too."""
        if self.everything:
            return Selection(everything=True, excluded=self.excluded - frozenset(keys))
        return Selection(self.keys | frozenset(keys))


NONE = Selection()
ALL = Selection(everything=True)
