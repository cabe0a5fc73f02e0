"""Inputs nobody should send: made from the verbs' own structs, and from what has broken programs before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec
from effort import examples as so_many
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from msgspec import inspect

from mlops_store.home import Home

NASTY = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x1b[31m\x1b]0;title\x07",
    "[/red] \U0001f98a",
    "\u202egnp.exe",
    "\ud800",
    "..",
    "../../../escape",
    "/proc/self/environ",
    "//",
    "a/" * 200,
    "C:\\x",
    "-1",
    "--help",
    "'; DROP TABLE runs; --",
    '"',
    "\\",
    "%s%n",
    "${HOME}",
    "{0.__class__}",
    "x" * 5000,
    "é" * 300,
    "1e999",
    "NaN",
    "null",
    "SELECT",
    "2026-13-45",
    "0" * 32,
    "9" * 40,
    "9" * 5000,
    "²",
    "٣",
)
NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308)


@dataclass(frozen=True)
class Stand:
    """A served home; `known` are names that exist in it."""

    home: Home
    pid: int
    known: tuple[str, ...]


def budget(examples: int) -> settings:
    """So many examples, and more where MLOPS_TUI_FUZZ says by how much (benchmarks/fuzz.py)."""
    return settings(
        max_examples=so_many(examples),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


def texts(known: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Text, hostile more often than not; `known` are words that mean something to who reads them."""
    return st.sampled_from(NASTY + known * 4) | st.text(max_size=30) | st.sampled_from(known or NASTY)


def anything() -> st.SearchStrategy[Any]:
    """Any JSON."""
    leaf = st.none() | st.booleans() | st.sampled_from(NUMBERS) | texts()
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4),
        max_leaves=8,
    )


def valid(kind: inspect.Type, known: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Values of the right shape, mostly; one in ten is something else."""
    right = _right(kind, known)
    return st.integers(0, 9).flatmap(lambda dice: anything() if dice == 0 else right)


def _right(kind: inspect.Type, known: tuple[str, ...]) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StructType():
            wanted = {field.encode_name: valid(field.type, known) for field in kind.fields if field.required}
            others = {
                field.encode_name: valid(field.type, known) for field in kind.fields if not field.required
            }
            return st.fixed_dictionaries(wanted, optional=others)
        case inspect.Metadata():
            return _right(kind.type, known)
        case inspect.IntType():
            low, high = kind.ge, kind.le
            return st.sampled_from(NUMBERS) | st.integers(-5 if low is None else low, high)
        case inspect.FloatType():
            return st.sampled_from(NUMBERS)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.UnionType():
            return st.one_of([_right(inner, known) for inner in kind.types])
        case inspect.ListType() | inspect.CollectionType():
            return st.lists(valid(kind.item_type, known), max_size=4)
        case inspect.DictType():
            return st.dictionaries(texts(known), valid(kind.value_type, known), max_size=4)
        case inspect.StrType():
            return texts(known)
        case _:
            return anything()


def bodies(of: type[msgspec.Struct], known: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """The body of a question, as bytes; sometimes no JSON at all."""
    sound = valid(inspect.type_info(of), known).map(encoded)
    broken = st.binary(max_size=200) | st.sampled_from(
        [
            b"[" * 5000,
            b'{"a":' * 5000,
            b'{"\xff":1}',
            b'{"limit":"\xff"}',
            b'{"limit":1}{}',
            b"\xef\xbb\xbf{}",
        ]
    )
    return st.integers(0, 19).flatmap(lambda dice: broken if dice < 2 else sound)


def encoded(value: Any) -> bytes:
    """JSON as Python writes it: NaN, lone surrogates and numbers beyond 64 bits included."""
    return json.dumps(value).encode()
