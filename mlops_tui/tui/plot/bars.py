"""Small multiples of a number: a spark in a cell, a histogram with its counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_tui.tui.plot.glyphs import Glyphs, Mode, glyphs
from mlops_tui.tui.plot.lines import Line, cells, cut, fit, name, pad
from mlops_tui.tui.plot.scale import number, numbers

_PARTS = " ▏▎▍▌▋▊▉█"


def sparkbar(values: Sequence[float | None], width: int, mode: Mode = "braille") -> str:
    """Values as at most `width` bars of one cell, the last value at the right; what is missing or not finite is a blank.

    Of more values than cells each cell shows the mean of its share. A constant lies at half height.
    """
    signs = glyphs(mode).eighths
    shares = [_mean(values[i * len(values) // width : (i + 1) * len(values) // width]) for i in range(width)] \
        if len(values) > width > 0 else [_mean([value]) for value in values[:max(width, 0)]]  # fmt: skip
    finite = [value for value in shares if value is not None]
    if not finite:
        return " " * len(shares)
    low, high = min(finite), max(finite)
    span = high / 2 - low / 2
    return "".join(
        " " if value is None else signs[3 if span <= 0 else min(7, int((value / 2 - low / 2) / span * 8))]
        for value in shares
    )


def _mean(values: Sequence[float | None]) -> float | None:
    kept = [value for value in values if value is not None and math.isfinite(value)]
    if not kept:
        return None
    # between the least and the greatest, also where rounding at the end of what a float holds would leave them
    return min(max(sum(value / len(kept) for value in kept), min(kept)), max(kept))


def bar(share: float, width: int, signs: Glyphs) -> str:
    """A bar over `share` (0 … 1) of `width` cells, to an eighth of a cell; anything above 0 is seen."""
    share = min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    if signs.ascii:
        filled = max(round(share * width), int(share > 0))
        return pad("#" * min(filled, width), width)
    eighths = max(round(share * width * 8), int(share > 0))
    full, part = divmod(min(eighths, width * 8), 8)
    return pad("█" * full + (_PARTS[part] if part else ""), width)


def histogram(
    bins: Sequence[tuple[str, float]],
    width: int,
    mode: Mode = "braille",
    reference: Sequence[float] = (),
) -> list[Line]:
    """A line for each bin: its label, a bar, its count. With `reference` (as many counts, of other data) the bars are shares of both, and the reference
    is a second, faint bar below each. Lines have exactly `width` cells."""
    signs = glyphs(mode)
    labels = [name(label, max(4, width // 3), ascii_only=signs.ascii) for label, _ in bins]
    wide = max(map(cells, labels), default=0)
    rows = [[count for _, count in bins], *([list(reference)] if reference else [])]
    shares = [_shares(counts) for counts in rows] if reference else rows
    texts = [[f"{share:.1%}" for share in row] if reference else numbers(row) for row in shares]
    numeric = max((len(text) for row in texts for text in row), default=0)
    greatest = max((value for row in shares for value in row if math.isfinite(value)), default=0.0)
    room = max(1, width - wide - numeric - 3)
    lines: list[Line] = []
    for place, label in enumerate(labels):
        for kind, (row, text) in enumerate(zip(shares, texts, strict=True)):
            share = row[place] / greatest if greatest > 0 else 0.0
            left = (pad(label if kind == 0 else "", wide) + " ", "")
            drawn = (bar(share, room, signs), "s0" if kind == 0 else "s1")
            lines.append(fit([left, drawn, (" " + pad(text[place], numeric, right=True), "label")], width))
    return lines


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(count for count in counts if math.isfinite(count))
    return [count / total if total > 0 else 0.0 for count in counts]


def matrix(
    labels: Sequence[str], counts: Sequence[Sequence[float]], width: int, mode: Mode = "braille"
) -> list[Line]:
    """A confusion matrix: rows are what was, columns what was predicted. A cell has its count and a shade by its share of the row;
    right ones in one colour, wrong ones in another. Columns that find no room are counted in the last line."""
    signs = glyphs(mode)
    names = [name(label, 16, ascii_only=signs.ascii) for label in labels]
    written = [[number(count) for count in row] for row in counts]
    wide = max((cells(text) for text in names), default=0)
    wide = min(wide, max(4, width // 3))
    cell = max([4, *(len(text) + 3 for row in written for text in row)])
    room = max(0, min(len(names), (width - wide - 1) // (cell + 1)))
    head = (
        pad("", wide)
        + " "
        + " ".join(pad(cut(text, cell, ascii_only=signs.ascii), cell, right=True) for text in names[:room])
    )
    lines = [fit([(head, "label")], width)]
    for place, (row, texts) in enumerate(zip(counts, written, strict=True)):
        total = sum(row)
        line: Line = [(pad(cut(names[place], wide, ascii_only=signs.ascii), wide), "label")]
        for column, (count, text) in enumerate(zip(row[:room], texts[:room], strict=True)):
            share = count / total if total > 0 else 0.0
            shade = signs.shades[min(4, math.ceil(share * 4))] * 2
            line += [
                (" ", ""),
                (shade, "good" if column == place else "bad"),
                (pad(text, cell - 2, right=True), ""),
            ]
        lines.append(fit(line, width))
    if room < len(names):
        lines.append(fit([(f"{len(names) - room} more columns", "note")], width))
    return lines
