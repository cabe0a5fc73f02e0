"""Lines of a log as a terminal would have left them: sequences folded away, progress bars at their last state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

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
PIECE = 64 * 1024
"""Bytes up to which pieces are remembered as one."""


def folded(line: str) -> str:
    """One line without orders to the terminal. After a carriage return the new text overwrites the old one."""
    shown = _overwritten(line) if "\r" in line or "\b" in line else line
    if "\x1b" in shown or "\x9b" in shown:
        shown = _SEQUENCE.sub("", shown)
    more = len(shown) - MAX_LINE
    shown = clean(shown[:MAX_LINE].expandtabs(8))
    return f"{shown} [{more:,} more characters]" if more > 0 else shown


def settled(line: str) -> str:
    """A shorter beginning of a line that folds to the same, whatever follows: what carriage returns have overwritten is gone for good."""
    at = line.rfind("\r")
    return _overwritten(line[:at]) + line[at:] if at > 0 else line


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


@dataclass(slots=True)
class Piece:
    """A stretch of the log that is here, as bytes [begin, end), and how many lines end in it."""

    begin: int
    end: int
    newlines: int


class LogBuffer:
    """A window of a log, in lines; text comes at either end in pieces of any size, cut anywhere.

    `start` and `stop` are byte offsets of the window in the log. Text is not always as long as the bytes it stands for (secrets are masked, what
    is no UTF-8 is replaced): pieces say where they end. A line that a piece cuts is folded anew from its raw text when the rest of it comes.
    """

    def __init__(self, limit: int = 100_000) -> None:
        """`limit`: lines kept; above it whole pieces go, from the end that is not being read."""
        self.lines: list[str] = []
        self.start = self.stop = 0
        self._limit = limit
        self._pieces: list[Piece] = []
        self._head: str | None = ""
        """Raw text of the first line from `start` on; None where the line is complete, though it began before."""
        self._open = ""
        """Raw text of the last line while its end has not come."""
        self._beyond = False
        """The last line is complete, though it ends behind `stop`."""

    def clear(self, offset: int = 0) -> None:
        """Empty, at an offset in bytes."""
        self.lines, self._pieces = [], []
        self._head, self._open, self._beyond = "", "", False
        self.start = self.stop = offset

    def append(self, text: str, offset: int | None = None, end: int | None = None) -> int:
        """Text of the bytes [offset, end) after the window; where `offset` is not its end, the window begins anew there. Lines dropped at the top."""
        if offset is not None and offset != self.stop:
            self.clear(offset)
        begin, self.stop = self.stop, end if end is not None else self.stop + _bytes(text)
        newlines = text.count("\n")
        if self._beyond:
            self._beyond = not newlines
            text = text.partition("\n")[2]
        if self._open:
            self.lines.pop()
        first = not self.lines
        *parts, last = (self._open + text).split("\n")
        if first and self._head is not None:
            self._head = parts[0] if parts else last
        self._open = last if first and not parts else settled(last)
        self.lines += [folded(part) for part in parts]
        if self._open:
            self.lines.append(folded(self._open))
        if self._pieces and self.stop - self._pieces[-1].begin < PIECE:
            self._pieces[-1].end = self.stop
            self._pieces[-1].newlines += newlines
        elif self.stop > begin:
            self._pieces.append(Piece(begin, self.stop, newlines))
        return self._trim_top()

    def prepend(self, text: str, offset: int, end: int | None = None) -> int:
        """Text of the bytes [offset, end) before the window, or into it: then it is cut. Lines that came on top; 0 where there would be a gap."""
        end = end if end is not None else offset + _bytes(text)
        if offset >= self.start or end < self.start or not text:
            return 0
        if end > self.start:
            text = text.encode("utf-8", "replace")[: self.start - offset].decode("utf-8", "replace")
        before = len(self.lines)
        *parts, tail = text.split("\n")
        if self._head is not None:
            first = tail + self._head
            if self.lines:
                self.lines[0] = folded(first)
            elif first:
                self.lines.append(folded(first))
            if not before or (before == 1 and self._open):
                self._open = first
            self._head = parts[0] if parts else first
        elif parts:
            self._head = parts[0]
        self.lines[:0] = [folded(part) for part in parts]
        self._pieces.insert(0, Piece(offset, self.start, len(parts)))
        self.start = offset
        added = len(self.lines) - before
        self._trim_end()
        return added

    def _trim_top(self) -> int:
        count = self._spare(self._pieces)
        if not count:
            return 0
        dropped = sum(piece.newlines for piece in self._pieces[:count])
        self.start, self._head = self._pieces[count - 1].end, None
        del self.lines[:dropped], self._pieces[:count]
        return dropped

    def _trim_end(self) -> None:
        count = self._spare(self._pieces[::-1])
        if count:
            # The line that the first line break in the dropped stretch ends stays: all of it is known.
            ended = sum(piece.newlines for piece in self._pieces[-count:])
            dropped = ended - 1 + (bool(self._open) or self._beyond)
            self.stop, self._open, self._beyond = self._pieces[-count].begin, "", True
            del self.lines[len(self.lines) - dropped :], self._pieces[-count:]

    def _spare(self, pieces: Sequence[Piece]) -> int:
        """How many pieces, from the first on, have to go for the limit; one always stays."""
        surplus = len(self.lines) - self._limit
        for count, ended in enumerate(accumulate(piece.newlines for piece in pieces[:-1]), 1):
            if 0 < surplus <= ended:
                return count
        return 0


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
