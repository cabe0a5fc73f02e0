"""Axes: where a value lies between two ends, which values get a tick, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Literal

import msgspec

XKind = Literal["step", "time"]
"""what x is: a step, or a UTC millisecond"""

Tick = tuple[float, str]

_LARGEST = 1.79e308
_SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SECOND, _MINUTE, _HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
_TIME_STEPS = (
    *(_SECOND * n for n in (1, 2, 5, 10, 15, 30)), *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)), *(DAY * n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)),
)  # fmt: skip


class Scale(msgspec.Struct, frozen=True):
    """From a value to its place between the ends: 0 at `low`, 1 at `high`. `log`: by decimal logarithm, `low` > 0 then."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """0 … 1 for a value between the ends, outside of that beyond them."""
        return self.placer()(value)

    def placer(self) -> Callable[[float], float]:
        """`place` as a function, for many values. Spans that a float cannot hold are halved first."""
        low, high = self.low, self.high
        if self.log:
            bottom = math.log10(low)
            span = math.log10(high) - bottom
            return lambda v: (math.log10(v) - bottom) / span
        span = high - low
        if math.isinf(span):
            half_low, half_span = low / 2, high / 2 - low / 2
            return lambda v: (v / 2 - half_low) / half_span
        return lambda v: (v - low) / span

    def value(self, place: float) -> float:
        """The value at a place: the reverse of `place`."""
        if self.log:
            bottom = math.log10(self.low)
            return float(10.0 ** (bottom + place * (math.log10(self.high) - bottom)))
        return self.low * (1 - place) + self.high * place


def y_scale(low: float, high: float, log: bool = False, margin: float = 0.03) -> Scale:
    """A scale that holds the range with a margin (a part of the span); a single value lies in the middle. Log wants low > 0."""
    if log:
        bottom, top = math.log10(low), math.log10(high)
        room = (top - bottom) * margin if top - bottom > 1e-9 else 0.3
        # the ends of what a float holds
        top = max(min(top + room, 308.25), -322.0)
        return Scale(10.0 ** max(min(bottom - room, top - 0.5), -323.0), 10.0**top, True)
    span = high / 2 - low / 2
    greatest = max(abs(low), abs(high))
    # a range that a float's digits cannot divide into ticks is shown as one value
    room = 2 * margin * span if span > 1e-12 * greatest and span > 1e-307 else greatest * 0.1 or 1.0
    if room < 1e-300:
        room = 1.0
    return Scale(max(low - room, -_LARGEST), min(high + room, _LARGEST))


def x_scale(low: float, high: float) -> Scale:
    """A scale without margin; a single x lies in the middle."""
    if high / 2 - low / 2 > 1e-12 * max(abs(low), abs(high)):
        return Scale(low, high)
    room = max(abs(low) * 1e-6, 0.5)
    return Scale(max(low - room, -_LARGEST), min(high + room, _LARGEST))


# --- numbers ----------------------------------------------------------------------------------------------------


def number(value: float, digits: int = 4) -> str:
    """A number in at most nine cells: `digits` significant ones, k M G T above ten thousand, powers of ten outside of that."""
    size = abs(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if size and (size >= 1e15 or size < 1e-4):
        return _power(value, 3 if value > 0 else 2)
    for unit, letter in _SI:
        if size >= unit and size >= 10_000:
            return (
                f"{value / unit:.{digits}g}{letter}"
                if size / unit < 999.95
                else f"{value / unit:.0f}{letter}"
            )
    return f"{value:.{digits}g}"


def numbers(values: Sequence[float], digits: int = 4) -> list[str]:
    """Numbers that stand in one column: where one has decimals, all keep their `digits` (0.7900 beside 0.8121)."""
    if all(value == int(value) for value in values if math.isfinite(value)):
        return [number(value, digits) for value in values]
    return [f"{value:#.{digits}g}" if 1e-4 <= abs(value) < 1e3 else number(value, digits) for value in values]


def whole(value: float) -> str:
    """A step: all digits up to 99999, then k M G T."""
    return str(int(value)) if value == int(value) and abs(value) < 100_000 else number(value)


def _power(value: float, decimals: int) -> str:
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"


def _step(span: float, count: int) -> float:
    """The 1, 2 or 5 times a power of ten that divides the span into at most about `count` parts."""
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for times in (1, 2, 5):
        if power * times >= rough * (1 - 1e-9):
            return power * times
    return power * 10


def _labels(values: Sequence[float], step: float) -> list[str]:
    """Labels of one form for all ticks: as many decimals as the step needs; SI letters and powers of ten by the greatest."""
    greatest = max(abs(v) for v in values)
    digits = max(0, math.floor(math.log10(greatest)) - math.floor(math.log10(step) + 1e-9)) if greatest else 0
    if greatest >= 1e15 or greatest < 1e-3:
        return ["0" if v == 0 else _power(v, digits) for v in values]
    unit, letter = next(((u, s) for u, s in _SI if greatest >= u and greatest >= 10_000), (1.0, ""))
    decimals = max(0, -math.floor(math.log10(step / unit) + 1e-9))
    return ["0" if v == 0 else f"{v / unit:.{decimals}f}{letter}" for v in values]


def ticks(scale: Scale, count: int, *, integers: bool = False) -> list[Tick]:
    """At most about `count` ticks (≥ 1) at round values between the ends, ascending, with labels. Log: powers of ten, where they are few also 2 and 5."""
    if scale.log:
        return _log_ticks(scale, count)
    span = scale.high - scale.low
    if span < 1e-300:
        middle = scale.value(0.5)
        return [(middle, number(middle))]
    if span > 1e307:  # steps of it would leave what a float holds
        values = [v for v in (-1e308, 0.0, 1e308) if scale.low <= v <= scale.high] or [scale.value(0.5)]
        return [(v, number(v)) for v in values]
    step = _step(span, count)
    if integers:
        step = max(step, 1.0)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    values = [_tidy(i, step) for i in range(first, last + 1)] or [scale.value(0.5)]
    return list(zip(values, _labels(values, step), strict=True))


def _tidy(times: int, step: float) -> float:
    """times * step without the noise of the last digit: 0.3, not 0.30000000000000004."""
    value = times * step
    return float(f"{value:.15g}")


def _log_ticks(scale: Scale, count: int) -> list[Tick]:
    first, last = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
    decades = last - first + 1
    if decades < 2:
        return _few_log_ticks(scale, count)
    every = max(1, math.ceil(decades / max(count, 1)))
    # multiples of `every`, so that 1e0 is among them
    exponents = [e for e in range(first, last + 1) if e % every == 0] or [first]
    return [(10.0**e, number(10.0**e) if -3 <= e < 4 else f"1e{e}") for e in exponents]


def _few_log_ticks(scale: Scale, count: int) -> list[Tick]:
    """Less than two powers of ten in sight: 1, 2 and 5 of each; failing that round values."""
    base = math.floor(math.log10(scale.low))
    values = [float(f"{m}e{e}") for e in range(base, base + 3) for m in (1, 2, 5) if -308 <= e <= 308]
    values = [v for v in values if scale.low <= v <= scale.high]
    if len(values) >= 2:
        keep = math.ceil(len(values) / max(count, 2))
        return [(v, number(v)) for v in values[::keep]]
    return ticks(Scale(scale.low, scale.high), count)


# --- time -------------------------------------------------------------------------------------------------------


def x_ticks(scale: Scale, count: int, kind: XKind = "step", tz: tzinfo = UTC) -> list[Tick]:
    """Ticks of an x-axis: steps as whole numbers, moments as HH:MM or dates in `tz`."""
    span = scale.high - scale.low
    # below a second, and beyond what a calendar holds, milliseconds are numbers like others
    if kind == "step" or span < 2 * _SECOND or not -2e13 < scale.low <= scale.high < 2e14:
        return ticks(scale, count, integers=kind == "step" and span >= 1)
    rough = span / max(count, 1)
    step = next((s for s in _TIME_STEPS if s >= rough), None) or int(_step(span / DAY, count)) * DAY
    offset = datetime.fromtimestamp(scale.low / 1000, tz).utcoffset()
    shift = round(offset.total_seconds() * 1000) if offset else 0
    first = math.ceil((scale.low + shift) / step)
    values = [float(i * step - shift) for i in range(first, math.floor((scale.high + shift) / step) + 1)]
    return [(v, moment(v, step, tz)) for v in values]


def moment(ms: float, step: float = 1.0, tz: tzinfo = UTC) -> str:
    """A UTC millisecond as finely as steps of `step` ms need: 2026-11-23, 23 Nov, 14:05, 14:05:09."""
    try:
        then = datetime.fromtimestamp(ms / 1000, tz)
    except (ValueError, OverflowError, OSError):
        return number(ms)
    if step >= 300 * DAY:
        return then.strftime("%Y-%m-%d")
    if step >= DAY or (step >= _MINUTE and (then.hour, then.minute) == (0, 0)):
        return f"{then.day} {then.strftime('%b')}"
    return then.strftime("%H:%M" if step >= _MINUTE else "%H:%M:%S")


def x_text(x: float, kind: XKind, tz: tzinfo = UTC) -> str:
    """An x as the crosshair names it: exact."""
    if kind == "time":
        try:
            return datetime.fromtimestamp(x / 1000, tz).strftime("%d %b %H:%M:%S")
        except (ValueError, OverflowError, OSError):
            return number(x)
    return f"{int(x):,}" if x == int(x) and abs(x) < 1e15 else number(x)
