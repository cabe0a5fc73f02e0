"""Estimates with what is known of their error: against a reference, and against a band of noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from mlops_tui.tui.plot.glyphs import Glyphs, Mode, glyphs
from mlops_tui.tui.plot.lines import Line, cells, fit, name, pad
from mlops_tui.tui.plot.scale import Scale, number, ticks, y_scale


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the ends of its interval; None where there is none."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Banded:
    """A value, and the ends of the band that such values lie in by noise alone."""

    name: str
    value: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Track:
    """What a line shows: a stretch from `low` to `high` drawn with `sign`, the value upon it, and words at the right."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    sign: str
    stretch: str
    role: str
    text: str


def intervals(
    rows: Sequence[Interval],
    width: int,
    reference: float | None = None,
    mode: Mode = "braille",
    higher_is_better: bool = True,
) -> list[Line]:
    """A line of `width` cells for each estimate: name, interval with the estimate in it, numbers; the reference goes down through all; last the axis.

    An interval wholly on one side of the reference says so in a word (`better`, `worse`) and in colour.
    """
    signs = glyphs(mode)
    tracks = []
    for row in rows:
        word = side(row, reference, higher_is_better)
        ends = f" [{_written(row.low)}, {_written(row.high)}]" if finite(row.low) or finite(row.high) else ""
        role = {"better": "good", "worse": "bad"}.get(word, "s0")
        text = f"{_written(row.value)}{ends} {word}".rstrip()
        tracks.append(_Track(row.name, row.value, row.low, row.high, signs.box, role, role, text))
    return _lines(tracks, width, signs, reference)


def bands(rows: Sequence[Banded], width: int, mode: Mode = "braille") -> list[Line]:
    """A line of `width` cells for each value: name, its band shaded with the value in it or beyond, the numbers, and `above` or `below` where it has
    left the band; last the axis."""
    signs = glyphs(mode)
    tracks = []
    for row in rows:
        word = (
            ""
            if row.value is None
            else "above"
            if row.value > row.high
            else "below"
            if row.value < row.low
            else ""
        )
        text = f"{_written(row.value)} of {_written(row.low)}..{_written(row.high)} {word}".rstrip()
        role = "bad" if word else "s0"
        tracks.append(_Track(row.name, row.value, row.low, row.high, signs.shades[1], "grid", role, text))
    return _lines(tracks, width, signs, None)


def side(row: Interval, reference: float | None, higher_is_better: bool) -> str:
    """`better` or `worse` where an interval lies wholly on one side of the reference; else empty."""
    if reference is None or row.low is None or row.high is None:
        return ""
    if row.low > reference:
        return "better" if higher_is_better else "worse"
    if row.high < reference:
        return "worse" if higher_is_better else "better"
    return ""


def _lines(tracks: Sequence[_Track], width: int, signs: Glyphs, reference: float | None) -> list[Line]:
    values = [v for t in tracks for v in (t.value, t.low, t.high)]
    known = [v for v in (*values, reference) if v is not None and math.isfinite(v)]
    names = [name(track.name, max(4, width // 3), ascii_only=signs.ascii) for track in tracks]
    wide = max(map(cells, names), default=0)
    words = max((len(track.text) for track in tracks), default=0)
    room = width - wide - words - 3
    if room < 8:  # the numbers say it all; there is no place for a drawing
        return [
            fit([(pad(n, wide) + " ", ""), (t.text, t.role)], width)
            for n, t in zip(names, tracks, strict=True)
        ]
    if not known:
        return [
            fit([(pad(n, wide) + " ", ""), (t.text, "note")], width)
            for n, t in zip(names, tracks, strict=True)
        ]
    scale = y_scale(min(known), max(known))
    lines = [
        fit([(pad(n, wide) + " ", ""), *_track(t, scale, room, signs, reference), ("  " + t.text, t.role if t.role in ("good", "bad") else "label")], width)
        for n, t in zip(names, tracks, strict=True)
    ]  # fmt: skip
    return [*lines, fit([(" " * (wide + 1), ""), (_axis(scale, room), "axis")], width)]


def _track(track: _Track, scale: Scale, room: int, signs: Glyphs, reference: float | None) -> Line:
    """`room` cells, one run for each stretch of one role."""
    drawn = [(" ", "")] * room
    if finite(track.low) or finite(track.high):
        first, last = _column(track.low, scale, room, 0), _column(track.high, scale, room, room - 1)
        for column in range(first, last + 1):
            drawn[column] = (track.sign, track.stretch)
    if reference is not None and math.isfinite(reference):
        drawn[_column(reference, scale, room, 0)] = (signs.line, "cross")
    if finite(track.value):
        drawn[_column(track.value, scale, room, 0)] = (signs.dot, track.role)
    return drawn


def _column(value: float | None, scale: Scale, room: int, missing: int) -> int:
    if value is None or math.isnan(value):
        return missing
    place = scale.place(value) if math.isfinite(value) else math.copysign(2.0, value)
    return round(min(max(place, 0.0), 1.0) * (room - 1))


def _axis(scale: Scale, room: int) -> str:
    row = ""
    for value, label in ticks(scale, max(2, room // 10)):
        start = min(max(_column(value, scale, room, 0) - len(label) // 2, 0), room - len(label))
        if start >= len(row) + (2 if row else 0):
            row += " " * (start - len(row)) + label
    return row


def finite(value: float | None) -> TypeGuard[float]:
    """Whether there is a value, and it is a number."""
    return value is not None and math.isfinite(value)


def _written(value: float | None) -> str:
    return "-" if value is None else number(value)
