"""Where in a TOML file each key stands. The parsers of Python keep no places, so this looks for itself."""

from __future__ import annotations

import re

Path = tuple[str, ...]

_KEY_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*({_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*=")
_TABLE = re.compile(rf"\s*\[\[?\s*({_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*\]\]?")
_PART = re.compile(_KEY_PART)


def key_lines(text: str) -> dict[Path, int]:
    """Dotted path → line (from 1) of every table header and key of a valid TOML text.

    Keys inside inline tables stand on the line of the key that holds them and are not listed.
    """
    found: dict[Path, int] = {}
    table: Path = ()
    state = _Open()
    for number, line in enumerate(text.splitlines(), start=1):
        if state.inside:
            state.feed(line)
            continue
        header = _TABLE.match(line)
        if header:
            table = _split(header[1])
            for length in range(1, len(table) + 1):
                found.setdefault(table[:length], number)
            continue
        key = _KEY.match(line)
        if key:
            path = table + _split(key[1])
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:length], number)
            state.feed(line[key.end() :])
    return found


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of the nearest known ancestor of a path; 1 where there is none."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _split(dotted: str) -> Path:
    parts = []
    for part in _PART.findall(dotted):
        parts.append(part[1:-1] if part[0] in "\"'" else part)
    return tuple(parts)


class _Open:
    """Whether a value goes on over the next line: open brackets or an open multi-line string."""

    def __init__(self) -> None:
        self.depth = 0
        self.quote = ""

    @property
    def inside(self) -> bool:
        return self.depth > 0 or bool(self.quote)

    def feed(self, text: str) -> None:
        at = 0
        while at < len(text):
            if self.quote:
                at = self._in_string(text, at)
                continue
            three = text[at : at + 3]
            if three in ('"""', "'''"):
                self.quote, at = three, at + 3
            elif text[at] in "\"'":
                self.quote, at = text[at], at + 1
            elif text[at] == "#":
                return
            else:
                self.depth += (text[at] in "[{") - (text[at] in "]}")
                at += 1
        if len(self.quote) == 1:
            self.quote = ""

    def _in_string(self, text: str, at: int) -> int:
        if text[at] == "\\" and self.quote[0] == '"':
            return at + 2
        if text.startswith(self.quote, at):
            at += len(self.quote)
            self.quote = ""
            return at
        return at + 1
