"""The space of a search over many runs: how it is typed, and the points that are drawn of it."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_store.errors import Problem

MOST = 200
"""Runs of one sweep."""
_HINT = "write lr=0.001..0.1:log, depth=3..8 or family=forest,linear"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; whole ones where both ends are. `log`: even in the logarithm."""

    low: float
    high: float
    whole: bool
    log: bool

    @property
    def ends(self) -> tuple[int | float, int | float]:
        """The least and the greatest."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    def draw(self, dice: random.Random) -> int | float:
        """One of them, uniform on its scale."""
        if self.whole and not self.log:
            return dice.randint(int(self.low), int(self.high))
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        found = dice.uniform(low, high)
        found = min(max(math.exp(found) if self.log else found, self.low), self.high)
        return round(found) if self.whole else float(f"{found:.6g}")


Axis = Range | tuple[Any, ...]


def space_of(given: Mapping[str, str]) -> dict[str, Axis]:
    """Axes from their text: `0.001..0.1:log`, `3..8`, `forest,linear`. Raises Problem `bad_space`."""
    if not given:
        raise Problem("bad_space", "a sweep needs a space to search", _HINT, status=2)
    return {key: axis_of(key, text) for key, text in given.items()}


def axis_of(key: str, text: str) -> Axis:
    """One axis from its text. Raises Problem `bad_space`."""
    if ".." not in text:
        values = tuple(dict.fromkeys(_value(word.strip()) for word in text.split(",") if word.strip()))
        if not values:
            raise Problem("bad_space", f"{key}: no values", _HINT, status=2)
        return values
    ends, _, scale = text.partition(":")
    low_text, _, high_text = ends.partition("..")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError as error:
        raise Problem("bad_space", f"{key}: {ends[:80]!r} is no range of numbers", _HINT, status=2) from error
    if (
        scale not in ("", "log")
        or not (math.isfinite(low) and math.isfinite(high) and low < high)
        or (scale and low <= 0)
    ):
        raise Problem(
            "bad_space",
            f"{key}: {text[:80]!r} is no range: the lower end first, :log above 0 only",
            _HINT,
            status=2,
        )
    whole = all(word.strip().lstrip("+-").isdigit() for word in (low_text, high_text))
    return Range(low, high, whole, bool(scale))


def _value(word: str) -> Any:
    try:
        return msgspec.json.decode(word)
    except msgspec.DecodeError:
        return word


def chosen(space: Mapping[str, Axis], trials: int | None, seed: int) -> list[dict[str, Any]]:
    """The points: all of a grid of lists where `trials` does not ask for fewer, else drawn at random, repeatably by `seed`, each once.
    Raises Problem `bad_space`, `too_many_runs`."""
    lists = [axis for axis in space.values() if isinstance(axis, tuple)]
    size = math.prod(len(axis) for axis in lists)
    if len(lists) == len(space) and (trials is None or trials >= size):
        _check(size)
        return [dict(zip(space, point, strict=True)) for point in itertools.product(*lists)]
    if trials is None:
        raise Problem("bad_space", "a range has no end of points", "say how many runs: --trials 20", status=2)
    _check(trials)
    return _drawn(space, trials, random.Random(seed))


def _check(count: int) -> None:
    if count > MOST:
        raise Problem("too_many_runs", f"{count} runs at once", f"at most {MOST}: --trials {MOST}", status=2)


def _drawn(space: Mapping[str, Axis], trials: int, dice: random.Random) -> list[dict[str, Any]]:
    found: dict[bytes, dict[str, Any]] = {}
    for _ in range(100 * trials):  # a small space may hold fewer points than were asked for
        point = {
            key: axis.draw(dice) if isinstance(axis, Range) else dice.choice(axis)
            for key, axis in space.items()
        }
        found.setdefault(msgspec.json.encode(point), point)
        if len(found) == trials:
            break
    return list(found.values())
