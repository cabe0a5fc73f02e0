"""Styled lines: what every drawing of this package gives, free of any terminal or library.

A line is a list of runs, a run is (text, role). Roles are names ("s0" … "s7" for series, "s0~" for a series' faint envelope, the others in `ROLES`);
whoever shows the lines gives the roles their colours, and a reader without colours loses none of the meaning.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlops_tui.text import clean

Run = tuple[str, str]
Line = list[Run]

ROLES = ("", "title", "label", "axis", "grid", "note", "cross", "good", "bad")
SERIES_ROLES = tuple(f"s{i}" for i in range(8))
FAINT_ROLES = tuple(f"s{i}~" for i in range(8))


def cells(text: str) -> int:
    """Width on the screen, in cells."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # its tables are loaded only where a name needs them

    return cell_len(text)


def width(line: Iterable[Run]) -> int:
    """Width of a line in cells."""
    return sum(cells(text) for text, _ in line)


def cut(text: str, limit: int, *, ascii_only: bool = False) -> str:
    """Text of at most `limit` cells; what is missing shows as an ellipsis."""
    if cells(text) <= limit:
        return text
    if limit <= 0:
        return ""
    if text.isascii():
        kept = text[: limit - 1]
    else:
        from rich.cells import set_cell_size

        kept = set_cell_size(text, limit - 1)
    return kept + ("~" if ascii_only else "…")


def name(text: str, limit: int, *, ascii_only: bool = False) -> str:
    """A name that came from data: harmless (control and direction marks made visible), and at most `limit` cells."""
    if ascii_only:
        text = text.encode("ascii", "backslashreplace").decode()
    # 4 kB names are cut before they are measured
    return cut(clean(text[: 4 * max(limit, 0) + 4]), limit, ascii_only=ascii_only)


def pad(text: str, wide: int, *, right: bool = False) -> str:
    """Text filled with spaces to `wide` cells; `right` puts it at the right edge."""
    fill = " " * (wide - cells(text))
    return fill + text if right else text + fill


def fit(line: Line, wide: int) -> Line:
    """The line cut or filled to exactly `wide` cells, neighbours of one role joined."""
    done: Line = []
    left = wide
    for text, role in line:
        size = cells(text)
        if size > left:
            from rich.cells import set_cell_size

            text, size = (text[:left] if text.isascii() else set_cell_size(text, left)), left
        if text:
            left -= size
            if done and done[-1][1] == role:
                text = done.pop()[0] + text
            done.append((text, role))
    if left > 0:
        if done and done[-1][1] in ("", "label", "note"):
            done[-1] = (done[-1][0] + " " * left, done[-1][1])
        else:
            done.append((" " * left, ""))
    return done


def centred(text: str, wide: int, role: str = "note") -> Line:
    """One line with the text in its middle."""
    text = cut(text, wide)
    return fit([(" " * ((wide - cells(text)) // 2), ""), (text, role)], wide)


def plain(lines: Iterable[Line]) -> str:
    """The lines as text, without colours and without blanks at line ends."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def changed(before: list[Line], after: list[Line]) -> list[tuple[int, int, int]]:
    """Where two drawings of one size differ: (row, first column, end column) for each row that changed."""
    spans: list[tuple[int, int, int]] = []
    for row, (old, new) in enumerate(zip(before, after, strict=True)):
        if old is not new and old != new:
            spans.append((row, _common(old, new), width(new) - _common(old[::-1], new[::-1], tail=True)))
    return spans


def _common(old: Line, new: Line, *, tail: bool = False) -> int:
    """Cells that two lines share at the start (at the end, where the runs come reversed)."""
    shared = 0
    for (a, role_a), (b, role_b) in zip(old, new, strict=False):
        if a == b and role_a == role_b:
            shared += cells(a)
            continue
        if role_a == role_b and a.isascii() and b.isascii():
            if tail:
                a, b = a[::-1], b[::-1]
            shared += next(
                (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
            )
        break
    return shared
