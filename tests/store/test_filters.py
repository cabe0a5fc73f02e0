"""The filter language: what it finds, what it refuses and where, and that text never becomes SQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_box import end, journal, new_home, new_run, start

from mlops_store.errors import Problem
from mlops_store.filter_tree import (
    And,
    Compare,
    Field,
    In,
    Missing,
    Node,
    Not,
    Or,
    Search,
    fields_of,
    to_text,
)
from mlops_store.filters import parse, parse_field
from mlops_store.index import runs
from mlops_store.index.filter_sql import compile_runs
from mlops_store.index.tx import Read
from mlops_store.index.writer import Writer

_DAY = 86_400_000


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    home = new_home(tmp_path_factory.mktemp("filters"))
    writer = Writer.open(home)
    one = new_run(
        home,
        name="one",
        params={"lr": 0.01, "kind": "rf"},
        tags={"owner": "ann", "my key": "x"},
        created=10 * _DAY,
    )
    two = new_run(
        home, name="two", params={"lr": "0.5"}, tags={"owner": "Bob's"}, created=5 * _DAY, model="late"
    )
    three = new_run(home, name="three; DROP TABLE runs", kind="sdk", project="clinic", created=1 * _DAY)
    start(one)
    end(one, duration_ms=90_000)
    start(two)
    end(two, exit_code=1)
    journal(
        one.path and one,
        "1-a",
        ["m", "auc", 0, 0, 0.9],
        ["m", "auc", 1, 0, 0.7],
        ["m", "val loss", 0, 0, 0.3],
        ["m", "val loss", 1, 0, 0.4],
    )
    journal(two, "1-a", ["m", "auc", 0, 0, "nan"], ["m", "val loss", 0, 0, 0.2])
    writer.ingest([one.path, two.path, three.path])
    return writer.reader()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "one two three"),
        ("name = one", "one"),
        ("NAME = one or name=two", "one two"),
        ("name=one | name=two", "one two"),
        ("state = FAILED", "two"),
        ("state != FAILED", "one three"),
        ("not state = FAILED and kind = train", "one"),
        ("-state:fail kind:train", "one"),
        ("state in (FAILED, QUEUED)", "two three"),
        ("state not in (FAILED, QUEUED)", "one"),
        ("exit_code = 1", "two"),
        ("exit_code != 1", "one"),
        ("exit_code = NULL", "three"),
        ("exit_code is not null", "one two"),
        ("has:model", "two"),
        ("model is null", "one three"),
        ("age < 6d", "one"),
        ("age >= 6d", "two three"),
        ("duration > 1m", "one"),
        ("created >= 1970-01-06 and created < 1970-01-11T00:00", "two"),
        ("created = 432000000000 or created >= 1970-01-11", "one"),
        ("params.lr < 0.1", "one"),
        ("params.lr = 0.5", "two"),
        ("param.lr > 1e-3", "one two"),
        ("params.kind = rf", "one"),
        ("params.kind != svm", "one"),
        ("not params.kind = svm", "one two three"),
        ("params.kind ~ '^r'", "one"),
        ("has:tags.owner", "one two"),
        ("tags.owner = 'Bob''s'", "two"),
        ('tags."my key" = x', "one"),
        ("tags.owner !~ '^[a-z]'", "two"),
        ("best(auc) >= 0.9", "one"),
        ("metrics.auc > 0.8", "one"),
        ("last(auc) < 0.8", "one"),
        ("last(auc) > 0", "one"),
        ("last(auc) = nan", "two"),
        ("last(auc) != nan", "one"),
        ("best(auc) is null", "two three"),
        ("best('val loss') <= 0.25", "two"),
        ("count(auc) = 2", "one"),
        ("ANN", "one"),
        ("'one' (name:o)", "one"),
        ("(name = one or name = two) and -(name = two)", "one"),
        ("'; DROP TABLE runs'", "three"),
        ("name = 'three; DROP TABLE runs'", "three"),
    ],
)
def test_it_finds(read: Read, text: str, found: str) -> None:
    ids = [run_id for run_id, _ in runs.page(read, parse(text), now=11 * _DAY, sort="-created")]
    assert [run["name"].split(";")[0] for run in runs.shapes(read, ids)] == found.split()


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("lr = 1", 1, "params.lr"),
        ("name =", 7, "value"),
        ("name = 'x", 8, "not closed"),
        ("(name = x", 1, "not closed"),
        ("name = x)", 9, "not expected"),
        ("name in x", 9, "brackets"),
        ("name in (a, b", 9, "not closed"),
        ("name in (a b)", 9, "not closed"),
        ("name ~ '['", 8, "regular expression"),
        ("created > soon", 11, "time"),
        ("age < old", 7, "span"),
        ("exit_code = no", 13, "number"),
        ("best(auc) > high", 13, "number"),
        ("best(auc) ~ x", 11, "text"),
        ("best() > 1", 6, "metric"),
        ("tags. = x", 1, "name after the dot"),
        ("and name = x", 1, "before"),
        ("name = x and", 13, "missing"),
        ("name = x or", 12, "missing"),
        ("name is x", 9, "null"),
        ("name ! x", 6, "not expected"),
        ("not", 4, "missing"),
        ("stat = FAILED", 1, "there is no field 'stat' of runs; did you mean state?"),
        ("age < 2d and state = FINISHD", 22, "'FINISHD' is no state of runs; did you mean FINISHED?"),
        ("state != finished", 10, "did you mean FINISHED?"),
        ("kind in (train, drfit)", 17, "did you mean drift?"),
        ("-kind=x", 7, "it is train, evaluate,"),
        ("(" * 80 + "a" + ")" * 80, 52, "nested"),
    ],
)
def test_it_says_where_a_filter_is_wrong(text: str, column: int, says: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(text)
    assert caught.value.code == "bad_filter" and caught.value.status == 2
    assert f"column {column}:" in caught.value.message and says in caught.value.message


_text = st.text(max_size=8)
_fields = st.one_of(
    st.builds(Field, st.just("column"), st.sampled_from(["id", "name", "model"])),
    st.builds(Field, st.sampled_from(["tag", "param"]), st.text(min_size=1, max_size=6)),
)
_metric = st.builds(Field, st.just("metric"), _text, st.sampled_from(["best", "last", "min", "max", "count"]))
_leaf = st.one_of(
    st.builds(Compare, _fields, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", ":"]), _text),
    st.builds(
        Compare,
        _metric,
        st.sampled_from(["=", "!=", "<", ">="]),
        st.sampled_from(["1", "-2.5e3", "nan", ".5"]),
    ),
    st.builds(In, _fields, st.lists(_text, min_size=1, max_size=3).map(tuple)),
    st.builds(Missing, st.one_of(_fields, _metric)),
    st.builds(Search, _text),
)


def _wider(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(And, several), st.builds(Or, several))


_trees: st.SearchStrategy[Node] = st.recursive(_leaf, _wider, max_leaves=6)


@given(tree=_trees)
def test_printing_and_parsing_gives_the_same_tree(tree: Node) -> None:
    assert parse(to_text(tree)) == tree


@given(tree=_trees)
def test_no_text_of_people_is_in_the_sql(tree: Node) -> None:
    sql, params = compile_runs(tree, 0)
    assert sql.count("?") == len(params)
    other, _ = compile_runs(_renamed(tree), 0)
    assert sql == other, "only the parameters depend on names and values"


def _renamed(tree: Node) -> Node:
    match tree:
        case Compare(field, op, value):
            return Compare(_other(field), op, value if field.group in ("metric", "param") else "y'; --")
        case In(field, values):
            return In(_other(field), values if field.group == "param" else ("y'; --",) * len(values))
        case Missing(field):
            return Missing(_other(field))
        case Search(_):
            return Search("y'; --")
        case Not(item):
            return Not(_renamed(item))
        case And(items):
            return And(tuple(map(_renamed, items)))
        case Or(items):
            return Or(tuple(map(_renamed, items)))


def _other(field: Field) -> Field:
    return field if field.group == "column" else Field(field.group, "z'; --", field.aggregate)


@given(text=st.text(alphabet="ab(),|'\"=!<>~: \n-.1dnotrimlse", max_size=40))
def test_any_text_is_parsed_or_refused_with_a_column(text: str) -> None:
    try:
        tree = parse(text)
    except Problem as problem:
        assert problem.code == "bad_filter" and "column" in problem.message
        return
    if tree is not None:
        assert parse(to_text(tree)) == tree


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("created", Field("column", "created")),
        ("metrics.auc", Field("metric", "auc", "best")),
        ("last('val loss')", Field("metric", "val loss", "last")),
        ('tags."my key"', Field("tag", "my key")),
    ],
)
def test_a_field_of_its_own(text: str, field: Field) -> None:
    assert parse_field(text) == field
    assert fields_of(Not(And((Missing(field), Search("x"))))) == {field}


@pytest.mark.parametrize("text", ["", "auc", "created desc", "(created)", "best(", "'created'", "x" * 5000])
def test_what_is_no_field_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_field(text)
    assert caught.value.code == "bad_filter"


def test_an_expression_that_only_python_knows_is_a_clear_error(read: Read) -> None:
    with pytest.raises(Problem) as caught:
        runs.page(read, parse("name ~ '(?=o)'"))
    assert caught.value.code == "bad_filter"


def test_a_filter_that_would_keep_the_planner_busy_is_refused(read: Read) -> None:
    many = parse("tags.owner in (" + ", ".join(f"a{i}" for i in range(300)) + ", ann)")
    assert len(runs.page(read, many)) == 1
    with pytest.raises(Problem, match="too many tags"):
        runs.page(read, parse(" or ".join(f"tags.a{i} = 1" for i in range(60))))


def test_the_home_is_untouched(read: Read, tmp_path: Path) -> None:
    assert len(read.rows("SELECT * FROM runs")) == 3
