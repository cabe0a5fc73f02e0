"""Cross-validation inside the training rows: expanding folds in time, or folds by a hash of the key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_store.errors import Problem

Indices = npt.NDArray[np.int64]
Times = npt.NDArray[np.int64]

ALL = "all"
FIRST = 3
"""Chunks of time that the first fold trains on, for each chunk that is ever validated on being one: with three
folds the rows fall into six chunks, trained on 3, 4, 5 and validated on the next."""

_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers to fit on and to score on; `end` is the newest event time (ms) fitted on, None without time."""

    train: Indices
    valid: Indices
    end: int | None = None


def window_ms(window: str) -> int | None:
    """Length of a training window such as `90d` in milliseconds; None for `all`. Raises Problem otherwise."""
    if window == ALL:
        return None
    match = re.fullmatch(r"(\d+)([mhdw])", window.strip())
    if match is None or int(match[1]) < 1:
        raise Problem(
            "bad_window",
            f"{window!r} is not a training window",
            "write `all` or a length such as `90d`",
            status=2,
        )
    return int(match[1]) * _UNITS[match[2]]


def in_window(times: Times | None, rows: Indices, end: int | None, window: str) -> Indices:
    """Those of `rows` that lie in the last `window` before `end` (the newest training row), end included."""
    length = window_ms(window)
    if length is None or times is None or end is None:
        return rows
    return rows[times[rows] > end - length]


def time_folds(times: Times, label_delay: int, count: int) -> list[Fold]:
    """At most `count` expanding folds. Boundaries never part rows of one moment.

    A row is fitted on only if its label was known (`label_delay` ms after its event) when validation begins.
    Fewer folds come back where too few moments or rows are there; none where time cannot divide the rows.
    """
    order = np.sort(times)
    chunks = count + FIRST
    cuts = [int(order[min(len(order) - 1, len(order) * step // chunks)]) for step in range(FIRST, chunks)]
    cuts = sorted(set(cuts) - {int(order[0])})
    folds = []
    for place, start in enumerate(cuts):
        stop = cuts[place + 1] if place + 1 < len(cuts) else None
        train = np.flatnonzero((times < start) & (times + label_delay <= start))
        valid = np.flatnonzero((times >= start) & (times < stop if stop is not None else True))
        if len(train) and len(valid):
            folds.append(Fold(train, valid, int(times[train].max())))
    return folds


def group_folds(groups: npt.NDArray[np.int64], count: int) -> list[Fold]:
    """`count` folds in which rows of one group stay together; `groups` are hashes of the key, shape (n,)."""
    place = groups % count
    folds = [Fold(np.flatnonzero(place != k), np.flatnonzero(place == k)) for k in range(count)]
    return [fold for fold in folds if len(fold.train) and len(fold.valid)]


def hash_keys(rows: Iterable[Sequence[object]], seed: int = 0) -> npt.NDArray[np.int64]:
    """A stable non-negative hash for each key: the same on every machine and in every version of a library."""
    salt = str(seed).encode()
    return np.fromiter(
        (
            int.from_bytes(
                hashlib.blake2b(repr(tuple(row)).encode(), digest_size=7, key=salt).digest(), "big"
            )
            for row in rows
        ),
        dtype=np.int64,
    )


def thinned(rows: Indices, limit: int, seed: int) -> Indices:
    """At most `limit` of `rows`, drawn without replacement, in their order."""
    if len(rows) <= limit:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size=limit, replace=False))
