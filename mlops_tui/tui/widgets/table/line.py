"""One line of a table: cells cleaned, cut to their width, and put side by side with few style changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from mlops_tui.text import clean

Fragment = tuple[str, Style | None]
"""A piece of a cell; None: the style of the line."""

Resolve = Callable[[str | Style], Style]
"""What a style written in a cell ("bold $error") means in the theme."""


def fragments(content: Text | str, width: int, resolve: Resolve) -> list[Fragment]:
    """A cell's text as harmless pieces with their styles; never more than a few times `width` long."""
    most = width * 8 + 64
    if isinstance(content, str):
        return [(clean(content[:most]), None)]
    plain = content.plain[:most]
    base = resolve(content.style) if content.style else None
    if not content.spans:
        return [(clean(plain), base)]
    cuts = {0, len(plain)}
    for span in content.spans:
        cuts |= {max(0, min(span.start, len(plain))), max(0, min(span.end, len(plain)))}
    edges = sorted(cuts)
    pieces: list[Fragment] = []
    for start, stop in pairwise(edges):
        style = base
        for span in content.spans:
            if span.start <= start and stop <= span.end:
                style = resolve(span.style) if style is None else style + resolve(span.style)
        pieces.append((clean(plain[start:stop]), style))
    return pieces


def fit(pieces: Sequence[Fragment], width: int, right: bool = False, ellipsis: str = "…") -> list[Fragment]:
    """Exactly `width` cells: padded on one side, or cut with an ellipsis. Wide characters are never halved."""
    used = sum(cell_len(text) for text, _ in pieces)
    if used <= width:
        pad: Fragment = (" " * (width - used), None)
        return ([pad, *pieces] if right else [*pieces, pad]) if used < width else list(pieces)
    kept: list[Fragment] = []
    left = width - 1
    for text, style in pieces:
        if left <= 0:
            break
        size = cell_len(text)
        kept.append((text if size <= left else set_cell_size(text, left), style))
        left -= min(size, left)
    kept.append((ellipsis if width > 0 else "", kept[-1][1] if kept else None))
    return kept


def highlighted(pieces: list[Fragment], needle: re.Pattern[str] | None, style: Style) -> list[Fragment]:
    """The same pieces with every match in the style of a match."""
    if needle is None:
        return pieces
    whole = "".join(text for text, _ in pieces)
    spots = [match.span() for match in needle.finditer(whole) if match.end() > match.start()]
    if not spots:
        return pieces
    marked: list[Fragment] = []
    start = 0
    for text, own in pieces:
        cuts = sorted(
            {0, len(text)} | {min(max(edge - start, 0), len(text)) for spot in spots for edge in spot}
        )
        for left, right in pairwise(cuts):
            inside = any(low <= start + left and start + right <= high for low, high in spots)
            marked.append((text[left:right], style if inside else own))
        start += len(text)
    return marked


def strip(pieces: Iterable[Fragment], base: Style, width: int) -> Strip:
    """The line: neighbours of one style become one segment, the rest of the width is filled."""
    segments: list[Segment] = []
    text, style = "", base
    used = 0
    for piece, own in pieces:
        if not piece:
            continue
        wanted = base if own is None else base + own
        # A blank shows nothing of a foreground: it joins its neighbour and saves a change of style.
        if wanted != style and not (
            own is None and piece.isspace() and style.bgcolor == base.bgcolor and plain(style)
        ):
            if text:
                segments.append(Segment(text, style))
                used += cell_len(text)
            text, style = "", wanted
        text += piece
    if text:
        segments.append(Segment(text, style))
        used += cell_len(text)
    if used < width:
        segments.append(Segment(" " * (width - used), base))
    line = Strip(segments, max(used, width))
    return line if used <= width else line.crop(0, width)


def plain(style: Style) -> bool:
    """Whether a blank in this style looks like any other blank."""
    return not (style.reverse or style.underline or style.strike)
