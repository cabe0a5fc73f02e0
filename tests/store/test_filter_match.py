"""Records in memory, runs in SQL and the other lists in SQL: one filter finds the same in all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_box import do, end, journal, new_home, new_run, start

from mlops_store.filter_fields import NOUNS
from mlops_store.filter_match import Value, matches
from mlops_store.filter_tree import And, Compare, Field, In, Missing, Node, Not, Or, Search, kind_of, to_text
from mlops_store.filters import parse
from mlops_store.index import listings, runs
from mlops_store.index.filter_sql import compile_runs
from mlops_store.index.listings import Listing, page
from mlops_store.index.run_order import RunsQuestion
from mlops_store.index.tx import Read
from mlops_store.index.writer import Writer

_DAY = 86_400_000
_NOW = 20 * _DAY
_VALUES = {
    "text": ["", "a", "ann", "Ärger", "ärger", "FAIL", "late", "flights", "1", "x'; --", "%", "s1", "p"],
    "number": ["0", "1", "2", "-1", "0.5", "nan", "inf", "-inf", "1e300"],
    "time": ["1970-01-01", "1970-01-03", "172800000001", "1970-01-11T12:00", "2030-01-01"],
    "span": ["0", "1s", "5d", "15.5d", "3w"],
    "param": ["1", "1.0", "0.5", "nan", "rf", "1e3", "true", ""],
}
_PATTERNS = ["^a", "l.t", "[0-9]+", "x'", "", "Ä|ä", "(?i)FAIL"]
_ORDERS = ["=", "!=", "<", "<=", ">", ">=", ":"]


def _leaves(field: st.SearchStrategy[Field], noun: str) -> st.SearchStrategy[Node]:
    def of(one: Field) -> st.SearchStrategy[Node]:
        kind = kind_of(one, noun)
        few = NOUNS[noun].columns[one.name].values if one.group == "column" else ()
        values = st.sampled_from(few or _VALUES[kind])
        several = st.lists(values, min_size=1, max_size=3).map(tuple)
        found = [
            st.builds(Compare, st.just(one), st.sampled_from(_ORDERS), values),
            st.builds(In, st.just(one), several),
            st.builds(Missing, st.just(one)),
        ]
        if kind in ("text", "param"):
            found.append(
                st.builds(Compare, st.just(one), st.sampled_from(["~", "!~"]), st.sampled_from(_PATTERNS))
            )
        return st.one_of(found)

    return st.one_of(field.flatmap(of), st.builds(Search, st.sampled_from(_VALUES["text"])))


def _trees(field: st.SearchStrategy[Field], noun: str) -> st.SearchStrategy[Node]:
    def wider(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(Not, inner), st.builds(And, several), st.builds(Or, several))

    return st.recursive(_leaves(field, noun), wider, max_leaves=5)


def _columns(noun: str) -> st.SearchStrategy[Field]:
    return st.sampled_from([Field("column", name) for name in NOUNS[noun].columns])


# --- runs -------------------------------------------------------------------------------------------------------

_PARAMS: list[dict[str, Any]] = [
    {},
    {"lr": 1, "kind": "rf"},
    {"lr": "1.0"},
    {"lr": 0.5, "kind": True},
    {"lr": "nan"},
]
_TAGS = [{"owner": "ann", "my key": "Ärger"}, {}, {"owner": "x'; --"}]
_POINTS = [[], [0.5], [1.0, -1.0], ["nan"], ["inf", 2.0]]
_METRICS = [Field("metric", "auc", each) for each in ("best", "last", "min", "max", "count")]
_TRACKED = [
    Field("param", "lr"),
    Field("param", "kind"),
    Field("tag", "owner"),
    Field("tag", "my key"),
    *_METRICS,
]


@dataclass
class Tracked:
    """Fifteen runs in the index, and by run id what they have in plain values."""

    read: Read
    values: dict[str, Callable[[Field], Value]]
    words: dict[str, list[str]]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    home = new_home(tmp_path_factory.mktemp("match"))
    writer = Writer.open(home)
    folders = []
    for i in range(15):
        folder = new_run(
            home, name=["late", "Ärger", "a"][i % 3], params=_PARAMS[i % 5], tags=_TAGS[i % 3], created=i * _DAY,
            model=["late", "", None][i % 3] or "", project=["flights", "p"][i % 2], kind=["train", "sdk"][i % 2],
        )  # fmt: skip
        if i % 4:
            start(folder, started=i * _DAY + 1)
        if i % 4 > 1:
            end(folder, exit_code=i % 2, ended=i * _DAY + 2, duration_ms=i * 1000)
        journal(folder, "1-a", *(["m", "auc", at, 0, value] for at, value in enumerate(_POINTS[i % 5])))
        folders.append(folder.path)
    writer.ingest(folders)
    for folder in folders[::4]:
        do(writer, ("run.note", {"run_id": folder.name, "text": "Late, as ever"}))
    with writer.reader() as read:
        rows = {row["run_id"]: row for row in read.rows("SELECT * FROM runs LEFT JOIN notes USING (run_id)")}
        texts: dict[str, dict[str, str]] = {}
        for row in read.rows("SELECT run_id, key, text FROM params"):
            texts.setdefault(row["run_id"], {})[row["key"]] = row["text"]
        shapes = {shape["run_id"]: shape for shape in runs.shapes(read, list(rows))}
        values = {id_: _run_values(row, shapes[id_], texts.get(id_, {})) for id_, row in rows.items()}
        yield Tracked(read, values, {id_: list(shape["tags"].values()) for id_, shape in shapes.items()})
    writer.close()


def _run_values(
    row: dict[str, Any], shape: dict[str, Any], texts: dict[str, str]
) -> Callable[[Field], Value]:
    def get(field: Field) -> Value:
        if field.group == "column":
            name = {"id": "run_id", "duration": "duration_ms"}.get(field.name, field.name)
            value: Value = row[name]
            return None if field.name == "model" and value == "" else value
        if field.group == "tag":
            return shape["tags"].get(field.name)
        if field.group == "param":
            return texts.get(field.name)
        found: Value = shape["metrics"].get(field.name, {}).get(field.aggregate)
        return found

    return get


@given(tree=_trees(st.one_of(_columns("run"), st.sampled_from(_TRACKED)), "run"))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_runs_in_memory_and_in_sql_agree(tracked: Tracked, tree: Node) -> None:
    condition, params = compile_runs(tree, _NOW)
    rows = tracked.read.rows(f"SELECT run_id FROM runs r WHERE {condition}", params)
    mine = {
        run_id
        for run_id, get in tracked.values.items()
        if matches(tree, get, now=_NOW, words=tracked.words[run_id])
    }
    assert mine == {row["run_id"] for row in rows}, to_text(tree)


@given(
    tree=_trees(st.one_of(_columns("run"), st.sampled_from(_TRACKED)), "run"),
    sort=st.sampled_from(["created", "duration", "attempts", "metrics.auc", "last(auc)", "count(auc)"]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_runs_by_columns_and_in_sql_agree(tracked: Tracked, tree: Node, sort: str) -> None:
    question = RunsQuestion(tree, sort)
    by_columns = question._by_columns(tracked.read, _NOW)
    by_tables = question._by_tables(tracked.read, _NOW, None)
    assert by_columns is not None
    for name in ("ids", "rest", "keys"):
        assert getattr(by_columns, name).tolist() == getattr(by_tables, name).tolist(), (name, to_text(tree))


# --- every other list -------------------------------------------------------------------------------------------

_LISTINGS = [
    listings.LEDGER, listings.PROPOSALS, listings.DATA, listings.QUARANTINE, listings.MODELS, listings.MOVES, listings.VIEWS,
]  # fmt: skip


def _entries(i: int) -> list[tuple[str, dict[str, Any]]]:
    project, model = ["flights", "p"][i % 2], ["late", "Ärger", "a"][i % 3]
    place = {"project": project, "model": model}
    run_id = f"{i:032x}"
    return [
        ("data.admit", {"project": project, "source": "s", "version": i + 1, "snapshot": f"s{i}", "manifest": "m", "rows": i % 3,
                        "files": [], "schema_version": 1, "run_id": run_id,
                        **({"min_event_time": i * _DAY, "max_event_time": i * _DAY} if i % 2 else {})}),
        ("data.quarantine", {"project": project, "source": "s", "path": f"/x'; --/{i}", "sha256": f"{i:064x}", "bytes": i,
                             "reason": ["torn", "", "FAIL"][i % 3], "details": []}),
        ("view.define", {"project": project, "view": f"v{i % 4}", "version": i // 4 + 1, "definition": "d", "source": "s",
                         "record": {"entities": ["a", "b"][: i % 3], "features": [{"name": "ann", "type": "int"}, {"name": "late", "type": "int"}][: i % 3],
                                    **({"max_age_ms": i * _DAY, "knowledge": "late", "description": "Ärger"} if i % 2 else {})}}),
        ("model.register", {**place, "version": i // 6 + 1, "run_id": run_id, "metric": "auc", "direction": ["max", "min"][i % 2],
                            "metrics": {}, "gate": {"verdict": "FAIL"} if i % 2 else None}),
        ("gate.verdict", {**place, "version": i // 6 + 1, "run_id": run_id, "verdict_id": run_id, "verdict": ["PASS", "FAIL"][i % 2]}),
        ("alias.move", {**place, "alias": ["champion", "a"][i % 2], "from": None if i < 6 else 1, "to": i // 6 + 1,
                        "verdict_id": run_id, "why": ["", "late"][i % 2]}),
        ("proposal.open", {"id": f"p{i}", **place, "reasons": ["ann", "late"][: i % 3], "evidence": {}, "expires": _NOW if i % 2 else None}),
        *([("proposal.decide", {"id": f"p{i}", "revision": 1, "decision": "REJECTED"})] if i % 3 else []),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Twelve of everything, decided at day i; `now` is day 20."""
    home = new_home(tmp_path_factory.mktemp("listed"))
    writer = Writer.open(home)
    with pytest.MonkeyPatch.context() as patch:
        for i in range(12):
            patch.setattr("mlops_store.index.writer.now_ms", lambda i=i: (i + 1) * _DAY)
            do(writer, *_entries(i), actor=["ann", "policy"][i % 2])
    yield Read(home, writer.database.cursor(), _NOW)
    writer.close()


def _values(read: Read, listing: Listing) -> dict[str, dict[str, Any]]:
    """identity as text → field → value, by plain SELECTs."""
    names = NOUNS[listing.noun].columns
    shown = ", ".join(f'{listing.expression(name)} AS "f.{name}"' for name in names if name != "age")
    derived = "".join(f', {value} AS "{name}"' for name, value in listing.derived.items())
    table = f"(SELECT *{derived} FROM {listing.table} AS listed)"
    rows = read.rows(f'SELECT {listing.identity} AS "identity", {shown} FROM {table}')
    return {str(row.pop("identity")): {key[2:]: value for key, value in row.items()} for row in rows}


_known: dict[str, dict[str, dict[str, Any]]] = {}


@pytest.mark.parametrize("listing", _LISTINGS, ids=lambda listing: listing.noun)
@given(data=st.data())
@settings(
    deadline=None, max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_lists_in_memory_and_in_sql_agree(listed: Read, listing: Listing, data: st.DataObject) -> None:
    tree = data.draw(_trees(_columns(listing.noun), listing.noun))
    assert parse(to_text(tree), listing.noun) == tree
    if listing.noun not in _known:
        _known[listing.noun] = _values(listed, listing)
    everything = _known[listing.noun]
    assert everything
    got = page(listed, listing, tree, limit=1000, offset=0)

    def get(values: dict[str, Any]) -> Callable[[Field], Value]:
        return lambda field: None if values[field.name] == "" else values[field.name]

    mine = {
        key for key, values in everything.items() if matches(tree, get(values), now=_NOW, noun=listing.noun)
    }
    assert {str(identity) for _, identity in got.places} == mine, to_text(tree)
    assert got.total == len(mine)


@pytest.mark.parametrize("listing", _LISTINGS, ids=lambda listing: listing.noun)
def test_pages_and_windows_of_every_order_make_the_whole_list(listed: Read, listing: Listing) -> None:
    noun = NOUNS[listing.noun]
    for sort in ("", *noun.columns, *(f"-{name}" for name in noun.columns)):
        whole = page(listed, listing, None, sort=sort)
        keys = [key for key, _ in whole.places]
        there = [key for key in keys if key is not None]
        assert there == sorted(there, reverse=(sort or noun.order).startswith("-")), sort
        assert keys[len(there) :] == [None] * (len(keys) - len(there)), "without a value: last"
        by_page, after = [], None
        while (found := page(listed, listing, None, sort=sort, limit=5, after=after)).rows:
            by_page += found.rows
            after = found.places[-1]
        assert by_page == whole.rows, sort
        window = page(listed, listing, None, sort=sort, limit=4, offset=3)
        assert (window.rows, window.total) == (whole.rows[3:7], len(whole.rows)), sort
        beyond = page(listed, listing, None, sort=sort, offset=1000)
        assert (beyond.rows, beyond.total) == ([], len(whole.rows))


def test_nan_is_its_own_equal_and_beside_all_order() -> None:
    def is_(text: str, value: float) -> bool:
        tree = parse(text)
        assert tree is not None
        return matches(tree, lambda field: value, now=0)

    assert (
        is_("best(x) = nan", math.nan) and not is_("best(x) < 1", math.nan) and is_("best(x) != 1", math.nan)
    )


def test_a_home_is_not_needed(tmp_path: Path) -> None:
    tree = parse("name:ja and not age > 1h or 'über'", "project")
    assert tree is not None
    values: dict[str, Value] = {"name": "Ninja", "added": 10_000}
    assert matches(tree, lambda field: values.get(field.name), now=20_000, noun="project")
