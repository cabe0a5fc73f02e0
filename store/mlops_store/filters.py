"""The filter language of lists: one text for the app, the CLI and scripts, parsed into a tree that the index turns into SQL.

    state = FAILED and best(roc_auc) >= 0.8          params.lr < 1e-3 or tags.owner ~ '^team-'
    name:baseline -kind:sdk age < 2d                 model in (a, b) and not has:tags.reviewed

A bare word or a quoted text looks for itself in the texts of the list. A space is `and`, `|` is `or`, `-` before a term is
`not`. Operators: = != < <= > >=, `~` and `!~` (regular expression), `:` (contains, whatever the case), IN (…), IS [NOT] NULL, = NULL.
Each list has its own fields (`filter_fields`). Runs have these besides: `tags.x`, `params.x`, `metrics.x` (which is `best(x)`), `best(x)`, `last(x)`,
`min(x)`, `max(x)`, `count(x)`; a name with other characters stands in quotes: `tags."my key"`.
Ages and durations take s, m, h, d, w; times take 2026-01-31, 2026-01-31T10:00 (UTC) or milliseconds.
A comparison with a value that is not there is false, also for `!=`; `not` turns exactly that around.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from mlops_store.errors import Problem, nearest
from mlops_store.filter_fields import NOUNS
from mlops_store.filter_tokens import Token, Unreadable, scan
from mlops_store.filter_tree import And, Compare, Field, In, Missing, Node, Not, Or, Search, kind_of
from mlops_store.filter_values import number, span_ms, time_ms

AGGREGATES = frozenset({"best", "last", "min", "max", "count"})
GROUPS = {
    "tags": "tag",
    "tag": "tag",
    "params": "param",
    "param": "param",
    "metrics": "metric",
    "metric": "metric",
}
OPERATORS = ("!=", "!~", "<=", ">=", "==", "=", "<", ">", "~", ":")
_BETWEEN_COMMAS = re.compile(r"""(?:[^,"']|"[^"]*"|'[^']*')+""")
KEYWORDS = frozenset({"and", "or", "not", "in", "is", "null"})
WORD = re.compile(r"[^\s()|,'\"=!<>~:]+")
_MAX_DEPTH = 50
_MAX_TEXT = 4000

T = TypeVar("T")


class BadFilter(Problem):
    """`at` is the place of what is wrong, in characters of the text from 0."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__("bad_filter", f"filter, column {at + 1}: {what}",
                         "for example: age < 2d and not (project = flights or created < 2026-01-31)", status=2)  # fmt: skip
        self.at = at


def parse(text: str, noun: str = "run") -> Node | None:
    """The tree of a filter of a list; None for an empty one. Raises BadFilter with the place of what is wrong."""
    parser = _Parser(text, noun)
    return parser.whole(lambda: parser.any_of(0)) if parser.peek() else None


def parse_field(text: str, noun: str = "run") -> Field:
    """One field, such as `created`, `params.lr` or `best(roc_auc)`. Raises BadFilter."""
    parser = _Parser(text, noun)
    return parser.whole(parser.field)


def field_names(texts: Iterable[str]) -> list[str]:
    """The fields that are named in texts such as `params.lr,best("a,b")`: a comma within quotes divides nothing."""
    return [name for text in texts for part in _BETWEEN_COMMAS.findall(text) if (name := part.strip())]


def tokens(text: str, *, unfinished: bool = False) -> list[Token]:
    """The tokens of a filter, `==` as `=`. With `unfinished` its last quoted text may be open. Raises BadFilter."""
    if len(text) > _MAX_TEXT:
        raise BadFilter(_MAX_TEXT, f"a filter has at most {_MAX_TEXT} characters")
    try:
        found = scan(text, word=WORD, operators=OPERATORS, single="(),|", unfinished=unfinished)
    except Unreadable as error:
        raise BadFilter(error.at, error.what) from error
    return [
        msgspec.structs.replace(token, text="=") if token.kind == "op" and token.text == "==" else token
        for token in found
    ]


class _Parser:
    def __init__(self, text: str, noun: str) -> None:
        self._tokens = tokens(text)
        self._name = noun
        self._noun = NOUNS[noun]
        self._at = 0
        self._end = len(text)

    def whole(self, read: Callable[[], T]) -> T:
        """What `read` finds, which has to be all there is."""
        found = read()
        extra = self.peek()
        if extra is not None:
            raise BadFilter(extra.at, f"{extra.text!r} is not expected here")
        return found

    def peek(self, ahead: int = 0) -> Token | None:
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def any_of(self, depth: int) -> Node:
        items = [self.all_of(depth)]
        while self._take("|") or self._take_keyword("or"):
            items.append(self.all_of(depth))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def all_of(self, depth: int) -> Node:
        items = [self.term(depth)]
        while True:
            self._take_keyword("and")
            token = self.peek()
            if token is None or token.kind in ("|", ")", ",") or _is(token, "or"):
                if token is None or self._at == 0 or not _is(self._tokens[self._at - 1], "and"):
                    break
                raise BadFilter(token.at, "a term is missing after and")
            items.append(self.term(depth))
        if _is(self._tokens[self._at - 1], "and"):
            raise BadFilter(self._end, "a term is missing after and")
        return items[0] if len(items) == 1 else And(tuple(items))

    def term(self, depth: int) -> Node:
        token = self.peek()
        if token is None:
            raise BadFilter(self._end, "a term is missing at the end")
        if depth > _MAX_DEPTH:
            raise BadFilter(token.at, "the filter is nested too deeply")
        if self._take_keyword("not"):
            return Not(self.term(depth + 1))
        if token.kind == "word" and token.text.startswith("-"):
            return self._minus(token, depth)
        if self._take("("):
            node = self.any_of(depth + 1)
            if not self._take(")"):
                raise BadFilter(token.at, "this bracket is not closed")
            return node
        if token.kind == "text":
            self._at += 1
            return Search(token.text)
        if token.kind != "word":
            raise BadFilter(token.at, f"a field or a word is expected here, not {token.text!r}")
        if token.text.lower() in KEYWORDS:
            raise BadFilter(token.at, f"a term is missing before {token.text!r}")
        return self._comparison(token)

    def _minus(self, token: Token, depth: int) -> Node:
        """`-term` is `not term`; a lone `-` stands before a bracket or a quoted text."""
        rest = token.text[1:]
        if rest:
            self._tokens[self._at] = Token("word", rest, token.at + 1, token.end)
        else:
            self._at += 1
        return Not(self.term(depth + 1))

    def _comparison(self, token: Token) -> Node:
        after = self.peek(1)
        if _is(token, "has") and after is not None and after.text == ":":
            self._at += 2
            return Not(Missing(self.field()))
        if after is None or not self._is_field(token, after):
            self._at += 1
            return Search(token.text)
        field = self.field()
        negated = self._take_keyword("not")
        if self._take_keyword("in"):
            node: Node = In(field, self._values(field))
            return Not(node) if negated else node
        if negated:
            raise BadFilter(self._here(), "in is expected after not")
        if self._take_keyword("is"):
            negated = self._take_keyword("not")
            if not self._take_keyword("null"):
                raise BadFilter(self._here(), "null is expected here")
            return Not(Missing(field)) if negated else Missing(field)
        return self._operator(field)

    def _is_field(self, token: Token, after: Token) -> bool:
        """True where an operator follows the word (and, for best("a b") or tags."a b", what belongs to it)."""
        if after.glued and (
            (after.kind == "(" and self._is_aggregate(token))
            or (after.kind == "text" and token.text.endswith("."))
        ):
            return True
        return (
            after.kind == "op"
            or _is(after, "is")
            or _is(after, "in")
            or (_is(after, "not") and _is(self.peek(2), "in"))
        )

    def field(self) -> Field:
        token = self.peek()
        if token is None or token.kind != "word":
            raise BadFilter(self._here(), "a field is expected here")
        self._at += 1
        after = self.peek()
        if self._is_aggregate(token) and after is not None and after.kind == "(":
            self._at += 1
            name = self.peek()
            if name is None or name.kind not in ("word", "text"):
                raise BadFilter(self._here(), f"{token.text}( needs the name of a metric")
            self._at += 1
            if not self._take(")"):
                raise BadFilter(self._here(), "a closing bracket is expected here")
            return Field("metric", name.text, token.text.lower())
        head, dot, rest = token.text.partition(".")
        group = GROUPS.get(head.lower()) if self._noun.tracked else None
        if group and dot:
            if not rest and after is not None and after.kind == "text" and after.glued:
                self._at += 1
                rest = after.text
            elif not rest:
                raise BadFilter(token.at, f"{head}. needs a name after the dot")
            return Field(group, rest, "best" if group == "metric" else "")
        column = self._noun.column(token.text)
        if column is None:
            raise BadFilter(token.at, self._unknown(token.text))
        return Field("column", column)

    def _is_aggregate(self, token: Token) -> bool:
        return self._noun.tracked and token.text.lower() in AGGREGATES

    def _unknown(self, name: str) -> str:
        what = f"there is no field {name!r} of {self._noun.plural}; "
        near = nearest(name, [*self._noun.columns, *self._noun.synonyms])
        if near is not None:
            return what + f"did you mean {near}?"
        if self._noun.tracked:
            return what + f"a parameter is params.{name}, a metric best({name}), a tag tags.{name}"
        return what + f"fields: {', '.join(self._noun.columns)}"

    def _operator(self, field: Field) -> Node:
        token = self.peek()
        if token is None or token.kind != "op":
            raise BadFilter(self._here(), "an operator is expected here: = != < <= > >= ~ !~ : in, is null")
        self._at += 1
        value = self.peek()
        if value is None or value.kind not in ("word", "text"):
            raise BadFilter(self._here(), f"a value is expected after {token.text}")
        self._at += 1
        if value.kind == "word" and value.text.lower() == "null" and token.text in ("=", "!="):
            return Missing(field) if token.text == "=" else Not(Missing(field))
        text = value.text + self._rest_of_value(value)
        self._check(field, token.text, token.at, text, value.at)
        return Compare(field, token.text, text)

    def _rest_of_value(self, value: Token) -> str:
        """What is glued to a bare value by colons, as in 2026-01-31T10:30."""
        rest = ""
        while value.kind == "word":
            colon, word = self.peek(), self.peek(1)
            if not (
                colon and colon.text == ":" and colon.glued and word and word.kind == "word" and word.glued
            ):
                break
            rest += ":" + word.text
            self._at += 2
        return rest

    def _values(self, field: Field) -> tuple[str, ...]:
        opening = self.peek()
        if not self._take("("):
            raise BadFilter(self._here(), "in needs a list in brackets")
        values: list[str] = []
        while True:
            token = self.peek()
            if token is None or token.kind not in ("word", "text"):
                raise BadFilter(self._here(), "a value is expected here")
            self._at += 1
            text = token.text + self._rest_of_value(token)
            self._check(field, "=", token.at, text, token.at)
            values.append(text)
            if self._take(")"):
                return tuple(values)
            if not self._take(","):
                raise BadFilter(opening.at if opening else self._end, "this list is not closed")

    def _check(self, field: Field, op: str, op_at: int, value: str, at: int) -> None:
        """A value that the field can never have is an error, not an empty list."""
        kind = kind_of(field, self._name)
        if op in ("~", "!~"):
            if kind not in ("text", "param"):
                raise BadFilter(op_at, f"{op} is for text, {field.name} is none")
            try:
                re.compile(value)
            except (re.error, RecursionError, OverflowError) as error:
                raise BadFilter(at, f"not a regular expression: {error}") from error
        elif kind == "number" and number(value) is None:
            raise BadFilter(at, f"{value!r} is not a number")
        elif op in ("=", "!=") and (values := self._values_of(field)) and value not in values:
            near = nearest(value, values)
            rest = f"did you mean {near}?" if near is not None else f"it is {', '.join(values)}"
            raise BadFilter(at, f"{value!r} is no {field.name} of {self._noun.plural}; {rest}")
        elif kind == "time" and time_ms(value) is None:
            raise BadFilter(
                at, f"{value!r} is not a time: write 2026-01-31, 2026-01-31T10:30 or milliseconds"
            )
        elif kind == "span" and span_ms(value) is None:
            raise BadFilter(at, f"{value!r} is not a span of time: write 90s, 15m, 2h, 3d or 1w")

    def _values_of(self, field: Field) -> tuple[str, ...]:
        """All values that a field can have, where they are few."""
        return self._noun.columns[field.name].values if field.group == "column" else ()

    def _take(self, kind: str) -> bool:
        token = self.peek()
        if token is None or token.kind != kind:
            return False
        self._at += 1
        return True

    def _take_keyword(self, word: str) -> bool:
        if not _is(self.peek(), word):
            return False
        self._at += 1
        return True

    def _here(self) -> int:
        token = self.peek()
        return token.at if token else self._end


def _is(token: Token | None, word: str) -> bool:
    return token is not None and token.kind == "word" and token.text.lower() == word
