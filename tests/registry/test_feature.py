"""The catalogue of views, and look-ups as runs."""

from __future__ import annotations

from typing import Any

import pytest
from registry_box import Box

from mlops_store.errors import Problem
from mlops_store.run_folder import RunFolder
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.services import feature
from mlops_tui.services import model as service
from mlops_tui.services.view_code import statement
from mlops_tui.verbs import find
from mlops_tui.verbs.feature import FeatureGet, FeatureList, FeatureShow
from mlops_tui.verbs.model import ModelEvaluate

RECORD = {
    "name": "weather", "source": "weather", "entities": ["origin"], "features": [{"name": "wind", "type": "float", "nullable": True}],
    "definition": "d", "max_age_ms": 3_600_000, "knowledge": "1h", "description": "as measured",
}  # fmt: skip


def define(box: Box, view: str = "weather", version: int = 1, project: str = "air", **more: Any) -> None:
    data = {
        "project": project,
        "view": view,
        "version": version,
        "definition": f"d{version}",
        "record": {**RECORD, "name": view, **more},
    }
    box.append("view.define", data)


def problem(call: Any, *args: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        call(*args)
    return caught.value


def test_list_has_the_newest_version_of_each(box: Box) -> None:
    for version in (1, 2):
        define(box, version=version)
    define(box, "carrier")
    define(box, "weather", project="rail")
    with box.read() as read:
        first = feature.list_(read, FeatureList(limit=2))
        rest = feature.list_(read, FeatureList(limit=2, page=first.next))
        assert [(v.project, v.name, v.version) for v in [*first.items, *rest.items]] == [
            ("air", "carrier", 1), ("air", "weather", 2), ("rail", "weather", 1),
        ]  # fmt: skip
        assert rest.next is None and len(feature.list_(read, FeatureList(project="rail")).items) == 1
        view = first.items[1]
        assert (view.entities, view.features[0].type, view.max_age_ms, view.knowledge) == (
            ["origin"],
            "float",
            3_600_000,
            "1h",
        )


def test_show_has_history_and_users(box: Box) -> None:
    for version in (1, 2):
        define(box, version=version)
    box.register(feature_service=["weather@1:wind"])
    box.register(feature_service=["weather@2:wind", "weather@2:rain"])
    box.register(feature_service=["weather@22:wind"])
    with box.read() as read:
        newest = feature.show(read, FeatureShow(view="weather"))
        assert (newest.version, newest.definition, newest.used_by) == (2, "d2", ["late@2"])
        assert [each["version"] for each in newest.versions] == [1, 2]
        assert feature.show(read, FeatureShow(view="weather@1")).used_by == ["late@1"]
        for ref, code in (
            ("weather@9", "no_such_version"),
            ("weather@x", "bad_version"),
            ("none", "no_such_view"),
            ("weather@", "bad_version"),
        ):
            wrong = problem(feature.show, read, FeatureShow(view=ref))
            assert (wrong.code, wrong.status) == (code, 1 if code.startswith("no_such_") else 2)
        assert "weather" in problem(feature.show, read, FeatureShow(view="none")).hint


def test_one_name_in_two_projects(box: Box) -> None:
    for project in ("air", "rail"):
        define(box, project=project)
    with box.read() as read:
        assert problem(feature.show, read, FeatureShow(view="weather")).code == "view_ambiguous"
        assert feature.show(read, FeatureShow(view="weather", project="rail")).project == "rail"


def get(box: Box, **asked: Any) -> Any:
    return box.do(lambda tx: feature.get(tx, FeatureGet(**asked)))[0].unwrap()


def test_get_queues_a_run(box: Box) -> None:
    define(box)
    define(box, "carrier", project="air", entities=["carrier"])
    define(box, project="rail")
    run = get(box, views=["weather:wind", "carrier"], entity={"origin": "JFK", "carrier": "UA"}, at=5)
    assert (run.kind, run.state, run.project, run.settled) == ("features", "QUEUED", "air", False)
    spec = RunFolder(box.home.run_dir(run.run_id)).spec()
    assert spec.request == {
        "features": ["weather:wind", "carrier"], "keys": [{"origin": "JFK", "carrier": "UA"}], "time": 5, "input": None, "output": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"views": ["weather"]}, "bad_spine"),
        ({"views": ["weather"], "entity": {"origin": "JFK"}, "spine": "x.csv"}, "bad_spine"),
        ({"views": [], "spine": "x.csv"}, "no_view"),
        ({"views": ["none"], "spine": "x.csv"}, "no_such_view"),
        ({"views": ["weather:rain"], "spine": "x.csv"}, "no_such_feature"),
        ({"views": ["weather"], "entity": {"carrier": "UA"}}, "entity_missing"),
        ({"views": ["both"], "spine": "x.csv"}, "view_ambiguous"),
    ],
)
def test_what_cannot_be_looked_up(box: Box, asked: dict[str, Any], code: str) -> None:
    define(box)
    for project in ("air", "rail"):
        define(box, "both", project=project)
    seq = box.writer.ledger.seq
    wrong = problem(lambda: get(box, **asked))
    assert (wrong.code, wrong.status) == (
        code,
        1 if code.startswith("no_such_") else 2,
    ) and box.writer.ledger.seq == seq


def test_evaluate_queues_a_run(box: Box) -> None:
    box.register(tree=box.tree({"training": {"source": "flights"}}))
    box.register()
    box.append(
        "data.admit",
        {
            "project": "air",
            "source": "flights",
            "version": 5,
            "snapshot": "s",
            "rows": 1,
            "files": [],
            "manifest": "m",
        },
    )

    def ask(**more: Any) -> Any:
        return box.do(lambda tx: service.evaluate(tx, ModelEvaluate(**more)))[0].unwrap()

    run = ask(model="late@1", data=5, baseline="2")
    spec = RunFolder(box.home.run_dir(run.run_id)).spec()
    assert (spec.kind, spec.model, spec.pins, spec.request["version"]) == (
        "evaluate",
        "late",
        {"flights": 5},
        1,
    )
    assert set(spec.request["baseline"]) == {"model", "version", "run_id", "digest", "tree", "python"}
    assert spec.request["baseline"]["version"] == 2
    assert RunFolder(box.home.run_dir(ask(model="late@2").run_id)).spec().request == {
        "version": 2,
        "baseline": None,
    }
    for more, code in (
        ({"model": "late"}, "no_such_alias"), ({"model": "late@1", "data": 9}, "no_such_data"),
        ({"model": "late@1", "baseline": "1"}, "same_version"), ({"model": "late@1", "baseline": "other@1"}, "two_models"),
    ):  # fmt: skip
        wrong = problem(lambda more=more: ask(**more))  # type: ignore[misc]
        assert (wrong.code, wrong.status) == (code, 1 if code.startswith("no_such_") else 2)


def test_a_mistyped_key_is_named_with_the_nearest(box: Box) -> None:
    define(box)
    with pytest.raises(Problem) as caught:
        get(box, views=["weather"], entity={"orign": "JFK"})
    assert "'orign'" in caught.value.message and "'origin'" in caught.value.hint


RECIPE = """
from mlops_tui.recipes import feature_view, sql_view, window_view

@feature_view(source="w", entities=["o"])
def weather(frame):
    return frame  # of the hour

late_1h = window_view(source="f", entities=["o"], window="1h",
                      aggregates={"rate": ("late", "mean")})
made = [sql_view(name="by_sql", source="w", entities=["o"], sql="SELECT * FROM source")]
def weather_other(): ...
"""


@pytest.mark.parametrize(
    ("view", "first", "last"),
    [
        ("weather", '@feature_view(source="w", entities=["o"])', "    return frame  # of the hour"),
        ("late_1h", 'late_1h = window_view(source="f", entities=["o"], window="1h",', '                      aggregates={"rate": ("late", "mean")})'),
        ("by_sql", 'made = [sql_view(name="by_sql"', 'sql="SELECT * FROM source")]'),
    ],
)  # fmt: skip
def test_the_statement_that_makes_a_view_is_found(view: str, first: str, last: str) -> None:
    found = statement(RECIPE, view)
    assert found.startswith(first) and found.endswith(last)


def test_code_that_is_none_has_no_views() -> None:
    assert [statement(text, "x") for text in ("", "x = (", "\0x", "y = 1  # x", "(" * 5000 + "x")] == [""] * 5
    long = statement("def x():\n" + "    1\n" * 500, "x").splitlines()
    assert len(long) == 201 and long[-1] == "… 301 more lines"


def test_a_view_is_shown_with_the_code_that_its_newest_user_has_pinned(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    define(box)
    for window in ("1h", "3h"):
        tree = box.tree({}, {"recipe.py": f'weather = window_view(window="{window}")\n'})
        box.register(feature_service=["weather@1:wind"], tree=tree)
    with box.read() as read:
        found = feature.show(read, FeatureShow(view="weather"))
    assert (found.code, found.code_of) == ('weather = window_view(window="3h")', "late@2")
    render(find("feature show"), found, Screen(False, 80))
    assert 'CODE  as late@2 has it\n  weather = window_view(window="3h")' in capsys.readouterr().out
