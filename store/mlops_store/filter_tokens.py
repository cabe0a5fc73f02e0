"""The scanner that the small languages share: the filters of lists, and the predicates of mlops.toml.

Both are made of words, quoted texts (a doubled quote stands for one), operators and brackets; what is a word and an operator, each says itself.
Places count characters of the text from 0, whatever their width on a screen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

OPEN = "open"
"""The kind of a quoted text that is not closed, where that is allowed."""


class Token(msgspec.Struct, frozen=True):
    """`kind` is word, text (quoted; `quote` tells how), op, `open`, or the bracket, comma or bar itself. `glued`: no space before it."""

    kind: str
    text: str
    at: int
    end: int
    glued: bool = False
    quote: str = ""


class Unreadable(ValueError):
    """What is wrong at which place."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at
        self.what = what


def scan(
    text: str,
    *,
    word: re.Pattern[str],
    operators: Sequence[str],
    single: str = "(),",
    unfinished: bool = False,
) -> list[Token]:
    """The tokens of a text. `operators`: a longer one before its start; `single`: characters that are tokens of their own.

    With `unfinished` a quoted text without an end is a last token of kind `open`. Raises Unreadable.
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        char, start = text[at], at
        if char.isspace():
            at += 1
            continue
        glued = at > 0 and not text[at - 1].isspace()
        operator = next((op for op in operators if text.startswith(op, at)), None)
        if char in "'\"":
            value, at, closed = _quoted(text, at)
            if not closed and not unfinished:
                raise Unreadable(start, "this quote is not closed")
            found.append(Token("text" if closed else OPEN, value, start, at, glued, char))
        elif char in single:
            at += 1
            found.append(Token(char, char, start, at, glued))
        elif operator:
            at += len(operator)
            found.append(Token("op", operator, start, at, glued))
        else:
            match = word.match(text, at)
            if match is None:
                raise Unreadable(at, f"{char!r} is not expected here")
            at = match.end()
            found.append(Token("word", match[0], start, at, glued))
    return found


def _quoted(text: str, at: int) -> tuple[str, int, bool]:
    """(text in the quotes from `at`, place after it, whether it is closed)."""
    parts: list[str] = []
    quote, i = text[at], at + 1
    while True:
        end = text.find(quote, i)
        if end < 0:
            return "".join([*parts, text[i:]]), len(text), False
        parts.append(text[i:end])
        if not text.startswith(quote, end + 1):
            return "".join(parts), end + 1, True
        parts.append(quote)
        i = end + 2
