"""Lines of a log as a terminal would have left them: sequences folded away, progress bars at their last state."""

from __future__ import annotations

import re

from mlops_tui.text import clean

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC with their text
    r"|\x1b[ -/]*[0-~]"  # two bytes and more
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI in one byte
    r"|\x1b"
)
_ERASE = re.compile(r"\x1b\[[012]?K")

MAX_LINE = 20_000
"""Characters of a line that are kept; more of it is counted, not shown."""


def folded(line: str) -> str:
    """One line without orders to the terminal. After a carriage return the new text overwrites the old one."""
    more = len(line) - MAX_LINE * 4
    if more > 0:
        line = line[: MAX_LINE * 4]
    shown = line
    if "\r" in line or "\b" in line:
        shown = _overwritten(line)
    if "\x1b" in shown or "\x9b" in shown:
        shown = _SEQUENCE.sub("", shown)
    if "\t" in shown:
        shown = shown.expandtabs(8)
    shown = clean(shown)
    if more > 0 or len(shown) > MAX_LINE:
        more = max(0, more) + max(0, len(shown) - MAX_LINE)
        shown = f"{shown[:MAX_LINE]} [{more:,} more characters]"
    return shown


def _overwritten(line: str) -> str:
    """What carriage returns and backspaces leave of a line."""
    kept = ""
    for part in line.split("\r"):
        erased = _ERASE.search(part) is not None
        text = _SEQUENCE.sub("", part)
        if "\b" in text:
            text = _backspaced(text)
        if text or erased:
            kept = text if erased else text + kept[len(text) :]
    return kept


def _backspaced(text: str) -> str:
    kept: list[str] = []
    for char in text:
        if char != "\b":
            kept.append(char)
        elif kept:
            kept.pop()
    return "".join(kept)


class LogBuffer:
    """A window of a log: lines with the byte offset of each; text comes at either end in pieces of any size.

    `start` and `stop` are byte offsets of the window in the log. A line cut by the window's start is joined when
    the piece before it comes.
    """

    def __init__(self, limit: int = 100_000) -> None:
        """`limit`: lines kept; the end that is not being read is dropped first."""
        self.lines: list[str] = []
        self.start = self.stop = 0
        self._limit = limit
        self._sizes: list[int] = []
        self._open = ""

    def clear(self, offset: int = 0) -> None:
        """Empty, at an offset in bytes."""
        self.lines, self._sizes, self._open = [], [], ""
        self.start = self.stop = offset

    def append(self, text: str, offset: int | None = None) -> int:
        """Text after the window; where `offset` is not its end, the window begins anew there. Lines dropped at the top."""
        if offset is not None and offset != self.stop:
            self.clear(offset)
        self.stop += len(text.encode("utf-8", "replace"))
        if self._open:
            self._pop()
        parts = (self._open + text).split("\n")
        for part in parts[:-1]:
            self._push(part, newline=True)
        self._open = parts[-1]
        if self._open:
            self._push(self._open, newline=False)
        dropped = max(0, len(self.lines) - self._limit)
        if dropped:
            self.start += sum(self._sizes[:dropped])
            del self.lines[:dropped], self._sizes[:dropped]
        return dropped

    def prepend(self, text: str, offset: int) -> int:
        """Text before the window, from byte `offset`; what reaches into the window is cut off. Lines that came on top."""
        room = self.start - offset
        if room <= 0 or not text:
            return 0
        piece = text.encode("utf-8", "replace")[:room].decode("utf-8", "replace")
        if len(piece.encode("utf-8", "replace")) < room and not piece.endswith("\n"):
            return 0
        parts = piece.split("\n")
        tail = parts.pop()
        before = len(self.lines)
        if tail and self.lines:
            # The first line of the window began in this piece.
            self.lines[0] = folded(tail) + self.lines[0]
            self._sizes[0] += len(tail.encode("utf-8", "replace"))
        elif tail:
            parts.append(tail)
        self.lines[:0] = [folded(part) for part in parts]
        self._sizes[:0] = [len(part.encode("utf-8", "replace")) + 1 for part in parts]
        self.start = offset
        added = len(self.lines) - before
        self._trim_end()
        return added

    def _trim_end(self) -> None:
        surplus = len(self.lines) - self._limit
        if surplus > 0:
            self.stop -= sum(self._sizes[-surplus:])
            del self.lines[-surplus:], self._sizes[-surplus:]
            self._open = ""

    def offset_of(self, index: int) -> int:
        """The byte at which a line begins. Lines: 0 to len(lines)."""
        return self.start + sum(self._sizes[:index])

    def _push(self, line: str, newline: bool) -> None:
        self.lines.append(folded(line))
        self._sizes.append(len(line.encode("utf-8", "replace")) + newline)

    def _pop(self) -> None:
        self.lines.pop()
        self._sizes.pop()
