"""A filter while it is typed: what is wrong with it and where, and what may follow. Pure, and quick enough for every key.

A list is named as in `mlops_store.filter_fields`. Places count characters of the text from 0, whatever their width on a screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

import msgspec

from mlops_store.filter_fields import NOUNS, Kind, Noun
from mlops_store.filter_tokens import OPEN, Token
from mlops_store.filter_values import number, span_ms, time_ms
from mlops_store.filters import GROUPS, KEYWORDS, WORD, BadFilter, parse, tokens
from mlops_tui.client.filter_state import Place, place_after

CompletionKind = Literal["field", "function", "operator", "value", "keyword"]

MOST = 200
"""Completions of one place."""

_FUNCTIONS = {
    "best": "by the metric's direction", "last": "newest value", "min": "least value", "max": "greatest value",
    "count": "number of points",
}  # fmt: skip
_ORDERED = {"<": "less", "<=": "at most", ">": "more", ">=": "at least"}
_TEXTUAL = {":": "contains", "~": "regular expression", "!~": "does not match"}
_OPERATORS: Mapping[Kind, Mapping[str, str]] = {
    "text": {"=": "", "!=": "", **_TEXTUAL},
    "number": {"=": "", "!=": "", **_ORDERED},
    "time": {**_ORDERED, "=": ""},
    "span": {**_ORDERED, "=": ""},
    "param": {"=": "", "!=": "", **_ORDERED, **_TEXTUAL},
}
_WORDY = {"in (": "one of", "not in (": "none of", "is null": "has no value", "is not null": "has one"}
_SPANS = {"1h": "an hour", "1d": "a day", "1w": "a week", "15m": "minutes", "90s": "seconds"}


class Completion(msgspec.Struct, frozen=True):
    """`text` takes the place of what is from `start` to `end`."""

    text: str
    start: int
    end: int
    kind: CompletionKind
    hint: str = ""


def check(noun: str, text: str) -> BadFilter | None:
    """What is wrong with a filter, with its place in `at`; None where nothing is."""
    try:
        parse(text, noun)
    except BadFilter as problem:
        return problem
    return None


def complete(
    noun: str,
    text: str,
    cursor: int,
    fields: Iterable[str] = (),
    values: Mapping[str, Sequence[str]] | None = None,
) -> list[Completion]:
    """What can stand at the cursor, likeliest first; nothing after what is wrong already.

    `fields` are names that only the store knows, such as `params.lr`, `metrics.val loss` or `tags.owner`; `values` are values seen of a
    field, by its name. What is offered goes on as a right filter: the text before the cursor with a completion is the start of one.
    """
    cursor = max(0, min(cursor, len(text)))
    found = _typed(text, cursor)
    if found is None:
        return []
    left, typed = found
    place = place_after(left, NOUNS[noun])
    if not _goes_on(noun, text[: typed.start], place):
        return []
    return list(islice(_offers(NOUNS[noun], place, typed, fields, values or {}), MOST))


# --- what is being typed ------------------------------------------------------------------------------------------


class _Typed(msgspec.Struct, frozen=True):
    """The word at the cursor: what is replaced, and what of it stands before the cursor, without quotes."""

    start: int
    end: int
    prefix: str
    quoted: bool = False

    def fits(self, text: str) -> bool:
        return text.lower().startswith(self.prefix.lower())

    def take(self, text: str, kind: CompletionKind, hint: str = "") -> Completion:
        return Completion(text, self.start, self.end, kind, hint)


def _typed(text: str, cursor: int) -> tuple[list[Token], _Typed] | None:
    """The tokens before the word at the cursor, and that word; None where the text before cannot be read."""
    head = text[:cursor]
    if head.endswith("!"):
        head = head[:-1]
    try:
        left = tokens(head, unfinished=True)
    except BadFilter:
        return None
    if len(head) < cursor:
        return left, _Typed(cursor - 1, cursor, "!")
    last = left[-1] if left else None
    if last is None or last.end < cursor or last.kind not in ("word", OPEN):
        return left, _Typed(cursor, cursor, "")
    left.pop()
    if last.kind == OPEN:
        return _in_quotes(text, cursor, left, last)
    rest = WORD.match(text, cursor)
    minus = last.text.startswith("-") and not _after_operator(left)
    start = last.at + minus
    return left, _Typed(start, rest.end() if rest else cursor, last.text[minus:])


def _in_quotes(text: str, cursor: int, left: list[Token], last: Token) -> tuple[list[Token], _Typed]:
    """A quoted text goes to its closing quote, where that belongs to it; `tags."my` is one word."""
    end = cursor
    rest = re.match(rf"[^\s{last.quote}]*{last.quote}", text[cursor:])
    if rest:
        end += rest.end()
    before = left[-1] if left else None
    if last.glued and before is not None and before.kind == "word" and before.text.endswith("."):
        left.pop()
        minus = before.text.startswith("-") and not _after_operator(left)
        return left, _Typed(before.at + minus, end, before.text[minus:] + last.text, quoted=True)
    return left, _Typed(last.at, end, last.text, quoted=True)


def _after_operator(left: list[Token]) -> bool:
    return bool(left) and left[-1].kind in ("op", ",")


def _goes_on(noun: str, before: str, place: Place) -> bool:
    """Whether what stands before the word at the cursor can become a right filter."""
    filler = place.filler(NOUNS[noun])
    return filler is not None and check(noun, before + filler + ")" * place.depth) is None


# --- what is offered ----------------------------------------------------------------------------------------------


def _offers(
    noun: Noun, place: Place, typed: _Typed, fields: Iterable[str], values: Mapping[str, Sequence[str]]
) -> Iterator[Completion]:
    match place.state:
        case "term":
            if place.operator == "not" and not typed.quoted and typed.fits("in ("):
                yield typed.take("in (", "operator", "none of")
            yield from _terms(noun, typed, fields)
        case "done":
            yield from _joins(place, typed)
            if typed.prefix:
                yield from _terms(noun, typed, fields)
        case "word" | "field":
            if place.kind is not None:
                yield from _operators(place, typed)
            if place.state == "word":
                yield from _joins(place, typed)
                if typed.prefix and place.kind is None:
                    yield from _terms(noun, typed, fields)
        case "has":
            yield from _fields(noun, typed, fields)
        case "metric":
            yield from _metrics(typed, fields)
        case "value" | "list_value":
            yield from _values(noun, place, typed, values)
        case _:
            for word, hint in _NEXT[place.state].items():
                if not typed.quoted and typed.fits(word):
                    yield typed.take(word, "keyword", hint)


_NEXT: Mapping[str, Mapping[str, str]] = {
    "metric_end": {")": ""},
    "list": {"(": "values, with commas"},
    "list_next": {", ": "another value", ")": ""},
    "is": {"null": "has no value", "not null": "has one"},
    "is_not": {"null": "has one"},
    "not_in": {"in (": "none of"},
}


def _terms(noun: Noun, typed: _Typed, fields: Iterable[str]) -> Iterator[Completion]:
    yield from _fields(noun, typed, fields)
    if typed.quoted:
        return
    for word, hint in (("not", "turns a term around"), ("has:", "has a value")):
        if typed.fits(word):
            yield typed.take(word, "keyword", hint)


def _joins(place: Place, typed: _Typed) -> Iterator[Completion]:
    if typed.quoted:
        return
    for word, hint in (("and", "both; so does a space"), ("or", "either")):
        if typed.fits(word):
            yield typed.take(word, "keyword", hint)
    if place.depth and not typed.prefix:
        yield typed.take(")", "keyword")


def _fields(noun: Noun, typed: _Typed, fields: Iterable[str]) -> Iterator[Completion]:
    """Fields that start so, then those whose own name after the dot does."""
    if not typed.quoted:
        for name, column in noun.columns.items():
            if typed.fits(name):
                yield typed.take(name, "field", column.hint or column.kind)
    if not noun.tracked:
        return
    later = []
    low = typed.prefix.lower()
    for name in fields:
        head, dot, rest = name.partition(".")
        if not (dot and rest and head.lower() in GROUPS):
            continue
        hint = GROUPS[head.lower()]
        if name.lower().startswith(low):
            yield typed.take(f"{head}.{_name(rest)}", "field", hint)
        elif rest.lower().startswith(low):
            later.append(typed.take(f"{head}.{_name(rest)}", "field", hint))
    if not typed.quoted:
        for name, hint in _FUNCTIONS.items():
            if typed.fits(name):
                yield typed.take(name + "(", "function", hint)
    yield from later


def _metrics(typed: _Typed, fields: Iterable[str]) -> Iterator[Completion]:
    for name in fields:
        head, _, rest = name.partition(".")
        if rest and GROUPS.get(head.lower()) == "metric" and typed.fits(rest):
            yield typed.take(_name(rest) + ")", "field", "metric")


def _operators(place: Place, typed: _Typed) -> Iterator[Completion]:
    if place.kind is None or typed.quoted:
        return
    for operator, hint in (*_OPERATORS[place.kind].items(), *_WORDY.items()):
        if typed.fits(operator):
            yield typed.take(operator, "operator", hint)


def _values(
    noun: Noun, place: Place, typed: _Typed, values: Mapping[str, Sequence[str]]
) -> Iterator[Completion]:
    if place.operator in ("~", "!~"):
        return
    column = noun.columns.get(place.field)
    known = column.values if column else ()
    for value in dict.fromkeys((*known, *values.get(place.field, ()))):
        if typed.fits(value) and _may_be(place, value):
            yield typed.take(_name(value, also=KEYWORDS), "value")
    if typed.quoted:
        return
    for span, hint in _SPANS.items() if place.kind == "span" else ():
        if typed.fits(span):
            yield typed.take(span, "value", hint)
    if place.state == "value" and place.operator in ("=", "!=") and typed.fits("null"):
        yield typed.take("null", "keyword", "has no value" if place.operator == "=" else "has one")


def _may_be(place: Place, value: str) -> bool:
    """Whether a value that was seen is one that the field takes: of a metric only numbers are."""
    reader = {"number": number, "time": time_ms, "span": span_ms}.get(place.kind or "")
    return reader is None or reader(value) is not None


def _name(text: str, also: frozenset[str] = frozenset()) -> str:
    """A name or value as it is written: in quotes where it is not one word."""
    plain = WORD.fullmatch(text) is not None and text.lower() not in also
    return text if plain else "'" + text.replace("'", "''") + "'"
