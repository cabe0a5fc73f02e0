"""What a parameter of a training can be: one declaration for whoever checks it, draws it or asks a person for it."""

from __future__ import annotations

import math
import re
from typing import Literal

import msgspec

from mlops_tui.project.values import parse_duration

Type = Literal["integer", "number", "duration", "window", "choice", "any"]
Scalar = int | float | str


class Takes(msgspec.Struct, frozen=True, omit_defaults=True):
    """`words` say what is taken; a value is that where it is one of `choices`, or of the type and within the bounds: `least` and `most` are
    taken, `above` is not."""

    words: str
    type: Type = "any"
    least: float | None = None
    above: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()

    def fits(self, value: object) -> bool:
        """Whether a value, as JSON has it, is that."""
        if isinstance(value, str) and value in self.choices:
            return True
        match self.type:
            case "any":
                return True
            case "window":
                return isinstance(value, str) and re.fullmatch(r"0*[1-9]\d*[mhdw]", value.strip()) is not None
            case "duration" if isinstance(value, str):
                return _is_duration(value)
            case "integer" if not isinstance(value, int):
                return False
            case "choice":
                return False
        return _is_number(value) and self._within(float(str(value)))

    def _within(self, value: float) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
        )


class Drawn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parameter that a search draws: from `low` to `high` itself, evenly or evenly in the logarithm, whole numbers (in steps) where both ends
    are; one of the choices of what it takes where it takes nothing else. It begins with `default`."""

    takes: Takes
    default: Scalar
    low: int | float = 0
    high: int | float = 0
    log: bool = False
    step: int | None = None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_duration(text: str) -> bool:
    try:
        return parse_duration(text) >= 0
    except ValueError:
        return False
