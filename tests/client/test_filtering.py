"""A filter while it is typed: what is offered where, and that it never breaks what is typed."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_store.filter_fields import NOUNS
from mlops_tui.client.filtering import Completion, check, complete

FIELDS = [
    "params.lr",
    "params.max depth",
    "metrics.auc",
    "metrics.val loss",
    "tags.owner",
    "tags.it's",
    "nonsense",
    "tags.",
]
VALUES = {"model": ["late-departure", "a b", "null"], "tags.owner": ["ann", "Bob's"], "metrics.auc": ["0.8", "high"], "bytes": ["1"]}  # fmt: skip


def offered(text: str, noun: str = "run") -> list[str]:
    """What is offered at the bar |."""
    cursor = text.index("|")
    return [each.text for each in complete(noun, text.replace("|", "", 1), cursor, FIELDS, VALUES)]


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ("|", ["state", "params.lr", "params.'max depth'", "best(", "not", "has:"], ["and", "=", "nonsense"]),
        ("st|", ["state", "started"], ["kind"]),
        ("-st|", ["state"], []),
        ("STA|", ["state"], []),
        ("lr|", ["params.lr"], ["params.'max depth'"]),
        ("params.m|", ["params.'max depth'"], ["params.lr"]),
        ("params.'m|", ["params.'max depth'"], ["params.lr"]),
        ("has:t|", ["tags.owner", "tags.'it''s'"], ["not", "has:"]),
        ("state |", ["=", "in (", "is null", "not in (", "~", "and"], ["<"]),
        ("created |", ["<", ">="], ["~"]),
        ("best(|", ["auc)", "'val loss')"], ["lr)"]),
        ("best('v|", ["'val loss')"], ["auc)"]),
        ("best(auc |", [")"], []),
        ("best(auc) |", [">", "is null"], ["~", "and"]),
        ("best(auc) > |", ["0.8"], ["high", "null"]),
        ("state !|", ["!=", "!~"], ["="]),
        ("state = |", ["FAILED", "RUNNING", "null"], ["PASS"]),
        ("state = f|", ["FINISHED", "FAILED"], ["RUNNING"]),
        ("state in (FAILED, |", ["RUNNING"], ["null"]),
        ("state in (FAILED |", [", ", ")"], ["and"]),
        ("state not |", ["in ("], []),
        ("model = |", ["late-departure", "'a b'", "'null'", "null"], []),
        ("model = 'a|", ["'a b'"], ["late-departure", "null"]),
        ("tags.owner = |", ["ann", "'Bob''s'"], []),
        ("age < |", ["1d"], ["null"]),
        ("age is |", ["null", "not null"], []),
        ("state = FAILED |", ["and", "or"], ["state", ")"]),
        ("(state = FAILED |", ["and", ")"], []),
        ("state = FAILED a|", ["and", "age", "actor"], ["or"]),
        ("(state = FAILED) and |", ["kind"], ["and", ")"]),
        ("late |", ["and", "or"], ["="]),
        ("created > 2026-01-31T10:30 |", ["and"], []),
        ("state ~ |", [], ["FAILED"]),
    ],
)
def test_what_is_offered(text: str, some: list[str], none: list[str]) -> None:
    found = offered(text)
    assert [each for each in some if each not in found] == []
    assert [each for each in none if each in found] == []


@pytest.mark.parametrize("text", ["foo = 1 and |", "exit_code = x |", "state ~ '[' |", "a) |", "state in |x", "and |", "x = = |", "has:foo |"])  # fmt: skip
def test_nothing_is_offered_after_what_is_wrong(text: str) -> None:
    assert offered(text.replace("state in |x", "state in x |")) == []


def test_other_lists_have_their_own_fields() -> None:
    assert offered("|", "proposal")[:4] == ["id", "project", "model", "state"]
    assert "best(" not in offered("|", "proposal") and offered("tags.|", "proposal") == []
    assert offered("state = S|", "proposal") == ["SNOOZED"]
    assert {"PASS", "FAIL", "INCONCLUSIVE"} <= set(offered("verdict = |", "model history"))


def test_the_whole_word_at_the_cursor_is_replaced() -> None:
    (found,) = complete("run", "kind:sdk stxyz = FAILED", 11)[:1]
    assert found == Completion("state", 9, 14, "field", "where it stands")
    (found,) = complete("run", "model = 'a b' or x", 10, values={"model": ["a b"]})
    assert (found.text, found.start, found.end) == ("'a b'", 8, 13) or found.end == 10


def test_places_count_characters_whatever_their_width() -> None:
    text = "name = '日本🦊' and sta"
    (found,) = [each for each in complete("run", text, len(text)) if each.text == "state"]
    assert text[: found.start] + found.text == "name = '日本🦊' and state"
    problem = check("run", "name = '日本🦊' and foo = 1")
    assert problem is not None and problem.at == 17 and "column 18" in problem.message
    assert check("run", "name = '日本🦊'") is None


def test_a_wrong_field_names_those_there_are() -> None:
    problem = check("proposal", "foo = 1")
    assert problem is not None and (problem.at, problem.code) == (0, "bad_filter")
    assert "there is no field 'foo' of proposals; fields: id, project, model" in problem.message


# --- whatever is typed ----------------------------------------------------------------------------------------------

_words = st.sampled_from(
    ["state", "best(", "params.", "tags.'a b'", "has:", "not", "and", "or", "in", "is", "null", "(", ")", ",", "=", "!", "!=", "~", ":", "-", "'",
     '"', " ", "  ", "1", "x", "FAILED", "created", "2026-01-31T10", "日本🦊", "é", "\n", "metrics.auc", "age", "exit_code", "alias", "verdict"]
)  # fmt: skip
_typing = st.one_of(
    st.lists(_words, max_size=10).map("".join),
    st.lists(_words, max_size=10).map(" ".join),
    st.text(alphabet="ab(),|'\"=!<>~: \n-.stae日🦊", max_size=30),
)
_ENDS = ["", " x", "x", " = x", " is null", " > 1", " x) is null", ") is null", ")", " 2026-01-31", " 1s", " 1", " (x)", " (1)", " (1s)", " (2026-01-31)",
         " x)", " 1)", " 1s)", " 2026-01-31)", " null", "x) > 1", "age", "state", "alias", "in (x)", " in (1)"]  # fmt: skip


def _starts_a_right_filter(noun: str, text: str) -> bool:
    return any(
        check(noun, text + end + ")" * depth) is None for depth, end in itertools.product(range(8), _ENDS)
    )


@given(
    noun=st.sampled_from(sorted(NOUNS)), text=_typing, cursor=st.integers(-1, 60), pick=st.integers(0, 10_000)
)
def test_what_is_offered_goes_on_as_a_right_filter(noun: str, text: str, cursor: int, pick: int) -> None:
    found = complete(noun, text, cursor, FIELDS, VALUES)
    at = max(0, min(cursor, len(text)))
    problem = check(noun, text)
    assert problem is None or 0 <= problem.at <= len(text)
    if not found:
        return
    for each in found:
        assert 0 <= each.start <= at <= each.end <= len(text) and each.text
    each = found[pick % len(found)]
    assert _starts_a_right_filter(noun, text[: each.start] + each.text), each


@given(noun=st.sampled_from(sorted(NOUNS)), picks=st.lists(st.integers(0, 10_000), min_size=1, max_size=12))
def test_a_filter_can_be_made_of_completions_alone(noun: str, picks: list[int]) -> None:
    text = ""
    for pick in picks:
        found = complete(noun, text, len(text), FIELDS, VALUES)
        if not found:
            return
        each = found[pick % len(found)]
        text = text[: each.start] + each.text + ("" if each.text[-1] in "(:" else " ")
        assert _starts_a_right_filter(noun, text), text


def test_it_keeps_up_with_typing() -> None:
    many = [f"params.p{i}" for i in range(1000)] + [f"metrics.m{i}" for i in range(1000)]
    text = "state = FAILED and (best(m1) >= 0.8 or params.p1 in (1, 2, 3)) and not tags.owner ~ '^team' and p"
    started = time.process_time()
    for _ in range(100):
        assert complete("run", text, len(text), many) and check("run", text) is None
    assert (time.process_time() - started) / 100 < 0.02, "about 1 ms on a quiet box"
