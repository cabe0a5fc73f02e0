"""Where a filter stands after some tokens: what may come next, as the parser of `mlops_store.filters` sees it."""

from __future__ import annotations

from typing import Literal

import msgspec

from mlops_store.filter_fields import Kind, Noun
from mlops_store.filter_tokens import Token
from mlops_store.filters import AGGREGATES, GROUPS, KEYWORDS

State = Literal[
    "term", "word", "field", "metric", "metric_end", "has", "value", "list", "list_value", "list_next", "is", "is_not", "not_in",
    "done", "broken",
]  # fmt: skip
"""`word`: after a word that is a field where an operator follows, and else looks for itself. `done`: after a whole term."""

_SAMPLES: dict[Kind, str] = {"text": "x", "param": "x", "number": "1", "time": "2026-01-31", "span": "1s"}


class Place(msgspec.Struct, frozen=True):
    """`depth` counts open brackets. `field` is the one that is compared, with its `kind`, None where it is none; `operator` follows it.
    A `term` with the operator `not` may go on as `field not in` as well."""

    state: State = "term"
    depth: int = 0
    field: str = ""
    kind: Kind | None = None
    operator: str = ""
    has: bool = False

    def filler(self, noun: Noun) -> str | None:
        """The shortest text that makes a whole term of what has begun; None where nothing does."""
        column = noun.columns.get(self.field)
        value = column.values[0] if column and column.values else _SAMPLES[self.kind or "text"]
        end = "" if self.has else " is null"
        return {
            "term": " x", "word": "", "field": end, "metric": f" x){end}", "metric_end": f"){end}", "has": " age", "value": f" {value}",
            "list": f" ({value})", "list_value": f" {value})", "list_next": ")", "is": " null", "is_not": " null",
            "not_in": f" in ({value})", "done": "", "broken": None,
        }[self.state]  # fmt: skip


def place_after(left: list[Token], noun: Noun) -> Place:
    """What may follow these tokens. It is lenient: whether they are right so far, the parser tells."""
    walk = _Walk(left, noun)
    place = Place()
    while walk.at < len(left) and place.state != "broken":
        place = walk.step(place)
    return place


class _Walk:
    """Goes over tokens from one place to the next."""

    def __init__(self, left: list[Token], noun: Noun) -> None:
        self._left = left
        self._noun = noun
        self.at = 0

    def step(self, place: Place) -> Place:
        """The place after the next token or tokens; the same token is looked at again where it begins a new term."""
        token = self._left[self.at]
        if place.state in ("term", "has"):
            return self._term(place, token)
        if place.state == "done" or (place.state == "word" and not self._compares(token)):
            return self._join(place, token)
        self.at += 1
        word = token.text.lower() if token.kind == "word" else ""
        match place.state, token.kind:
            case "word" | "field", "op":
                return msgspec.structs.replace(place, state="value", operator=token.text)
            case "word" | "field", "word":
                following: dict[str, State] = {"is": "is", "in": "list", "not": "not_in"}
                return msgspec.structs.replace(place, state=following.get(word, "broken"))
            case "metric", "word" | "text":
                return msgspec.structs.replace(place, state="metric_end", field=f"metrics.{token.text}")
            case "metric_end", ")":
                return msgspec.structs.replace(place, state="done" if place.has else "field", has=False)
            case "value" | "list_value", "word" | "text":
                self._colons(token)
                return msgspec.structs.replace(place, state="done" if place.state == "value" else "list_next")
            case "list", "(":
                return msgspec.structs.replace(place, state="list_value")
            case "list_next", "," | ")":
                return msgspec.structs.replace(place, state="list_value" if token.kind == "," else "done")
            case "not_in", "word" if word == "in":
                return msgspec.structs.replace(place, state="list")
            case "is", "word" if word == "not":
                return msgspec.structs.replace(place, state="is_not")
            case "is" | "is_not", "word" if word == "null":
                return msgspec.structs.replace(place, state="done")
        return Place("broken")

    def _compares(self, token: Token) -> bool:
        """Whether a token after a word makes a field of it."""
        after = self._left[self.at + 1] if self.at + 1 < len(self._left) else None
        word = token.text.lower() if token.kind == "word" else ""
        return (
            token.kind == "op"
            or word in ("is", "in")
            or (word == "not" and after is not None and after.kind == "word" and after.text.lower() == "in")
        )

    def _join(self, place: Place, token: Token) -> Place:
        """After a whole term."""
        fresh = Place(depth=place.depth)
        if place.kind is not None and token is self._left[-1] and token.text.lower() == "not":
            self.at += 1  # what follows tells whether it is `field not in` or a new term
            return msgspec.structs.replace(fresh, operator="not")
        if token.kind == "|" or (token.kind == "word" and token.text.lower() in ("and", "or")):
            self.at += 1
            return fresh
        if token.kind == ")" and place.depth:
            self.at += 1
            return Place("done", place.depth - 1)
        return fresh if token.kind in ("word", "text", "(") else Place("broken")

    def _term(self, place: Place, token: Token) -> Place:
        self.at += 1
        if place.state == "term" and token.kind == "(":
            return Place(depth=place.depth + 1)
        if place.state == "term" and token.kind == "text":
            return Place("done", place.depth)
        if token.kind != "word":
            return Place("broken")
        text = token.text.removeprefix("-") if place.state == "term" else token.text
        if place.state == "term" and text.lower() in ("", "not"):
            return place
        if text.lower() in KEYWORDS:
            return Place("broken")
        after = self._left[self.at] if self.at < len(self._left) else None
        if place.state == "term" and text.lower() == "has" and after is not None and after.text == ":":
            self.at += 1
            return Place("has", place.depth, has=True)
        if self._noun.tracked and text.lower() in AGGREGATES and after and after.kind == "(" and after.glued:
            self.at += 1
            return Place("metric", place.depth, kind="number", has=place.state == "has")
        return self._field(place, text, after)

    def _field(self, place: Place, text: str, after: Token | None) -> Place:
        head, dot, rest = text.partition(".")
        group = GROUPS.get(head.lower()) if self._noun.tracked and dot else None
        if group and not rest and after is not None and after.kind == "text" and after.glued:
            self.at += 1
            rest = after.text
        if place.state == "has":
            return Place("done", place.depth)
        if group and rest:
            kinds: dict[str, Kind] = {"metric": "number", "param": "param"}
            return Place("word", place.depth, f"{group}s.{rest}", kinds.get(group, "text"))
        name = self._noun.column(text)
        if name is None:
            return Place("word", place.depth)
        return Place("word", place.depth, name, self._noun.columns[name].kind)

    def _colons(self, value: Token) -> None:
        """Passes what is glued to a bare value by colons, as in 2026-01-31T10:30."""
        while value.kind == "word" and self.at + 1 < len(self._left):
            colon, word = self._left[self.at], self._left[self.at + 1]
            if not (colon.text == ":" and colon.glued and word.kind == "word" and word.glued):
                return
            self.at += 2
