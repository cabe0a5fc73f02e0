"""`run list` by offset, over a real index that changes: against the pages by keyset, which are asked for anew each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_box import do, end, journal, new_home, new_run, project, start

from mlops_store.errors import Problem
from mlops_store.filters import parse
from mlops_store.index import run_fields, runs
from mlops_store.index.filter_sql import Joins, compile_runs
from mlops_store.index.tx import Read
from mlops_store.index.writer import Writer
from mlops_store.run_folder import RunFolder
from mlops_tui.services import run_fields as fields_service
from mlops_tui.services import run_rows
from mlops_tui.services.paging import _token
from mlops_tui.services.run_list import _wanted, chosen, list_
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.run import RunFields, RunList

FILTERS = (
    "", "state = FAILED", "params.lr >= 2 or tags.owner = team-1", "best(auc) > 0.5", "last(loss) < 2 -state:QUEUED", "team-2",
    "not has:metrics.auc", "age < 1000w",
)  # fmt: skip
SORTS = (
    "created",
    "-created",
    "name",
    "-state",
    "metrics.auc",
    "-last(loss)",
    "min(auc)",
    "duration",
    "-metrics.nothing",
)


class Shop:
    """A home with some runs."""

    def __init__(self, path: Path, runs: int) -> None:
        self.home = new_home(path)
        self.writer = Writer.open(self.home)
        self.read: Read = self.writer.reader()
        do(self.writer, project())
        self.folders: list[RunFolder] = []
        for _ in range(runs):
            self.make()
        self.writer.ingest([folder.path for folder in self.folders])

    def add(self) -> None:
        self.take(self.make())

    def make(self) -> RunFolder:
        number = len(self.folders)
        fields = {
            "name": f"r{number % 5}",
            "created": 1_000 + number // 3,
            "tags": {"owner": f"team-{number % 3}"},
        }
        folder = new_run(self.home, run_id=f"{number * 7919 % 100:032x}", params={"lr": number % 4}, **fields)
        self.folders.append(folder)
        return folder

    def take(self, folder: RunFolder) -> None:
        self.writer.ingest([folder.path])

    def point(self, place: int, key: str, value: float | str, step: int) -> None:
        folder = self.folders[place % len(self.folders)]
        journal(folder, "1-h-1-a", ["m", key, step, 5, value])
        self.take(folder)

    def finish(self, place: int, code: int) -> None:
        folder = self.folders[place % len(self.folders)]
        start(folder)
        end(folder, exit_code=code)
        self.take(folder)

    def list(self, **fields: Any) -> Page[Run]:
        return list_(self.read, RunList(**fields))

    def ids(self, **fields: Any) -> list[str]:
        """All ids by keyset, some at a time; the same that SQL gives, asked for anew."""
        request = RunList(**fields)
        asked = runs.page(self.read, _wanted(request), sort=request.sort, limit=10_000, now=self.read.now, archived=request.archived,
                          deleted=request.deleted)  # fmt: skip
        found: list[str] = []
        token = None
        while True:
            page = self.list(limit=7, page=token, **fields)
            found += [run.run_id for run in page.items]
            if (token := page.next) is None:
                assert found == [run_id for run_id, _ in asked]
                return found

    def close(self) -> None:
        self.read.close()
        self.writer.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path, 20)
    yield shop
    shop.close()


STEP = st.one_of(
    st.tuples(
        st.just("point"),
        st.integers(0, 40),
        st.sampled_from(["auc", "loss"]),
        st.sampled_from([0.25, 0.5, -0.0, 0.0, 3.0, "nan", "inf"]),
        st.integers(0, 3),
    ),
    st.tuples(st.just("finish"), st.integers(0, 40), st.integers(0, 1)),
    st.tuples(st.just("add")),
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, min_size=1, max_size=6), st.lists(st.tuples(st.sampled_from(FILTERS), st.sampled_from(SORTS)), min_size=1, max_size=3))  # fmt: skip
def test_a_window_is_what_the_pages_have_there(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any], questions: list[tuple[str, str]]
) -> None:
    shop = Shop(tmp_path_factory.mktemp("shop"), 12)
    try:
        for name, *values in [("add",), *steps]:
            getattr(shop, name)(*values)
            for text, sort in questions:
                wanted = shop.ids(filter=text, sort=sort)
                page = shop.list(filter=text, sort=sort, offset=2, limit=6)
                assert [run.run_id for run in page.items] == wanted[2:8]
                assert page.total == len(wanted)
                fresh = run_rows.runs_of(shop.read, wanted[2:8])
                assert repr(page.items) == repr(fresh), "what is kept is as if it was read now"
                if page.next is not None:
                    after = shop.list(filter=text, sort=sort, page=page.next, limit=3)
                    assert [run.run_id for run in after.items] == wanted[8:11], "a window goes on by keyset"
    finally:
        shop.close()


def test_windows_do_not_move_while_nothing_changes(shop: Shop) -> None:
    every = [run.run_id for run in shop.list(offset=0, limit=100).items]
    assert len(set(every)) == 20
    for offset in range(0, 25, 4):
        page = shop.list(offset=offset, limit=4)
        assert [run.run_id for run in page.items] == every[offset : offset + 4]
        assert page.total == 20 and (page.next is None) == (offset + 4 >= 20)
    assert shop.list(offset=10**15).items == []


def test_a_direction_that_a_model_brings_turns_the_order_around(shop: Shop) -> None:
    for place in range(3):
        shop.point(place, "auc", float(place), 0)
        shop.point(place, "auc", 10.0 - place, 1)
    first = [run.run_id for run in shop.list(sort="metrics.auc", offset=0, limit=3).items]
    do(shop.writer, ("model.register", {
        "project": "flights", "model": "m", "version": 1, "run_id": shop.folders[0].run_id, "metric": "auc", "direction": "min",
    }))  # fmt: skip
    second = [run.run_id for run in shop.list(sort="metrics.auc", offset=0, limit=3).items]
    assert first == [shop.folders[place].run_id for place in (2, 1, 0)]
    assert second == first[::-1] == shop.ids(sort="metrics.auc")[:3]


def test_runs_that_are_archived_leave_the_order(shop: Shop) -> None:
    gone = shop.folders[3].run_id
    assert shop.list(offset=0).total == 20
    do(shop.writer, ("run.archive", {"run_id": gone}))
    page = shop.list(offset=0)
    assert page.total == 19 and gone not in [run.run_id for run in page.items]
    assert shop.list(offset=0, archived=True).total == 20


def test_only_the_fields_that_are_asked_for(shop: Shop) -> None:
    shop.point(0, "auc", 0.5, 0)
    shop.point(0, "other", 0.5, 0)
    run_id = shop.folders[0].run_id

    def run(*fields: str, **paging: Any) -> Run:
        (found,) = [run for run in shop.list(fields=list(fields), **paging).items if run.run_id == run_id]
        return found

    for paging in ({}, {"offset": 0}):
        every = run(**paging)
        assert (set(every.params), set(every.tags), set(every.metrics)) == (
            {"lr"},
            {"owner"},
            {"auc", "other"},
        )
        slim = run("params.lr, metrics.auc", **paging)
        assert (set(slim.params), set(slim.tags), set(slim.metrics)) == ({"lr"}, set(), {"auc"})
        assert slim.metrics["auc"] == every.metrics["auc"] and slim.name == every.name
        only = run("tags.owner", "state", **paging)
        assert (only.params, only.metrics, only.tags) == ({}, {}, {"owner": "team-0"})
        assert (every.actor, only.actor, run("actor", **paging).actor) == ("", "", "uid:1")
        bare = run("name", **paging)
        assert (bare.params, bare.metrics, bare.tags) == ({}, {}, {})


def test_hostile_questions(shop: Shop) -> None:
    for fields, code in (
        ({"filter": "name ~ '(?=o)'"}, "bad_filter"),
        ({"filter": "name ="}, "bad_filter"),
        ({"sort": "weather"}, "bad_sort"),
        ({"sort": "--created"}, "bad_sort"),
        ({"page": "x"}, "bad_page"),
        ({"fields": ["params."]}, "bad_fields"),
        ({"fields": ["'; DROP TABLE runs"]}, "bad_fields"),
        ({"fields": [",".join(f"params.p{i}" for i in range(300))]}, "bad_fields"),
    ):  # fmt: skip
        with pytest.raises(Problem) as caught:
            shop.list(offset=0, **fields)
        assert (caught.value.code, caught.value.status) == (code, 2), fields
    for place in (["-created", "x", "y"], ["created", 1, "y"], ["-created", {}, "y"]):
        with pytest.raises(Problem) as caught:
            shop.list(page=_token(place))
        assert (caught.value.code, caught.value.status) == ("bad_page", 2), place
    for key in (10**40, -(10**40), 1.5, None):
        assert len(shop.list(page=_token(["-created", key, "\u00e9"])).items) in (0, 20)
    evil = "'); DROP TABLE runs; --"
    assert shop.list(offset=0, filter=f'name = "{evil}" or tags."{evil}" = 1').total == 0
    assert shop.list(offset=0, sort=f'metrics."{evil}"').total == 20
    assert shop.list(offset=0, fields=[f'params."{evil}"']).total == 20


def test_names_with_commas_stand_in_quotes() -> None:
    found = chosen(['params."a, b",tags.x', "best(auc)"])
    assert found is not None and [(field.group, field.name) for field in found] == [
        ("param", "a, b"),
        ("tag", "x"),
        ("metric", "auc"),
    ]
    assert chosen([]) is None and chosen([""]) is None and chosen(["name"]) == []


def test_fields_are_columns_then_what_runs_have(shop: Shop) -> None:
    def fields(**asked: Any) -> dict[str, Any]:
        return {field.name: field for field in fields_service.fields(shop.read, RunFields(**asked)).fields}

    shop.point(0, "auc", 0.5, 0)
    shop.point(1, 'a "b", c', 0.5, 0)
    found = fields()
    names = list(found)
    assert (
        names.index("state")
        < names.index("params.lr")
        < names.index("metrics.auc")
        < names.index("tags.owner")
    )
    assert "FAILED" in found["state"].examples and found["state"].runs is None
    assert (found["params.lr"].type, found["params.lr"].runs) == ("number", 20)
    assert found["params.lr"].examples == ["0", "1", "2", "3"]
    assert (found["tags.owner"].type, found["tags.owner"].examples) == (
        "text",
        ["team-0", "team-1", "team-2"],
    )
    assert found["metrics.auc"].runs == 1
    (strange,) = [name for name in names if "b" in name and name.startswith("metrics.")]
    assert shop.list(filter=f"{strange} > 0", offset=0).total == 1, "a name is written as the filter reads it"
    assert shop.list(fields=[strange]).items[-1].params == {}
    assert set(fields(prefix="PARAMS.")) == {"params.lr"} and fields(prefix="zz") == {}
    assert set(fields(project="other")) == set(fields(project="flights")) - {n for n in names if "." in n}
    assert fields(project="flights").keys() == found.keys()


def test_fields_come_up_to_date(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000]
    monkeypatch.setattr("mlops_store.index.tx.now_ms", lambda: now[0])

    def runs() -> dict[str, int]:
        return {field.name: field.runs for field in run_fields.named(shop.read, None)}

    assert runs()["params.lr"] == 20
    shop.add()
    assert runs()["params.lr"] == 20, "kept for a moment"
    now[0] += 5_000
    assert runs()["params.lr"] == 21


@pytest.mark.parametrize("text", [*FILTERS[1:], "not best(auc) > 0.5", "best(auc) = nan or last(auc) != 3", "min(loss) is null or count(auc) > 1",
                                  "best(loss) < 1 and (best(loss) > 0 or best(auc) in (3, 0.5))"])  # fmt: skip
def test_metrics_by_joins_are_metrics_by_lookups(shop: Shop, text: str) -> None:
    for place, (key, value) in enumerate(
        [("auc", 0.5), ("auc", "nan"), ("loss", "inf"), ("loss", 0.25), ("auc", 3.0)]
    ):
        for number in (place, place + 1):
            journal(shop.folders[number], "1-h-1-a", ["m", key, place, 5, value])
    shop.writer.ingest([folder.path for folder in shop.folders])
    model = {
        "project": "flights",
        "model": "late",
        "version": 1,
        "run_id": shop.folders[1].run_id,
        "tree": "t",
    }
    do(shop.writer, ("model.register", {**model, "metric": "auc", "direction": "min"}))
    do(shop.writer, ("model.register", {**model, "project": "other", "metric": "loss", "direction": "max"}))
    tree = parse(text)
    assert tree is not None
    condition, params = compile_runs(tree, 0)
    looked_up = shop.read.rows(f"SELECT run_id FROM runs r WHERE {condition} ORDER BY run_id", params)
    for joins in (Joins(), Joins(runs.directions_of(shop.read, shop.read.kept))):
        joined, joined_params = compile_runs(tree, 0, joins)
        found = shop.read.rows(f"SELECT r.run_id FROM runs r {joins.sql} WHERE {joined} ORDER BY r.run_id", [*joins.params, *joined_params])  # fmt: skip
        assert found == looked_up
