"""How often a model was judged before on rows that are, at least in part, the same."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_store.records import PastLook


def looks_before(past: Iterable[PastLook], key: str, split_by: str, batches: Iterable[str]) -> int:
    """Earlier looks that count against a new one: at the same evaluation rows (`key`), or at rows told apart in the same
    way (`split_by`) of which at least one batch is the same. One for each run that looked."""
    own = set(batches)
    runs = {
        look.run_id
        for look in past
        if look.evaluation_key == key or (look.split_by == split_by and not own.isdisjoint(look.batches))
    }
    return len(runs)
