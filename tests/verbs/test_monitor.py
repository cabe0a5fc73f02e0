"""`monitor`: batches, drift and quality over time, from what runs have recorded."""

from __future__ import annotations

from typing import Any

import pytest
from desk import START, Desk

from mlops_store.errors import Problem
from mlops_store.records import EvaluationOutcome, Outcome
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.pages.monitor import beside_champion
from mlops_tui.services.monitor import list_, show
from mlops_tui.verbs import find
from mlops_tui.verbs.monitor import Monitoring, MonitorList, MonitorShow

MANIFEST = {
    "training": {"source": "flights", "batches": ["flights1"]},
    "evaluation": {"batches": ["flights2"]},
}


def ask(desk: Desk, **fields: Any) -> Monitoring:
    return show(desk.read(), MonitorShow(**fields))


def chunk(*numbers: int, **more: Any) -> dict[str, Any]:
    return {
        "label": f"chunk {numbers[0]}",
        "batches": [f"flights{n}" for n in numbers],
        "rows": 100 * len(numbers),
        "mature": 80,
        "columns": [],
        **more,
    }


def column(name: str, psi: float, alert: bool = False) -> dict[str, Any]:
    return {"name": name, "kind": "numeric", "psi": psi, "band": 0.2, "alert": alert, "severity": "minor" if alert else "none",
            "reference_null_share": 0.0, "current_null_share": 0.5}  # fmt: skip


@pytest.fixture
def watched(desk: Desk) -> Desk:
    """Versions 1 to 5 of a source: learned from, judged by, looked at as one (3 and 4), waiting."""
    desk.project()
    for version in range(1, 6):
        desk.data(version)
    desk.version(1, "a" * 32, {"flights": 2}, manifest=MANIFEST)
    desk.champion(1)
    return desk


def test_batches_in_order_of_event_time_and_what_is_known_of_each(watched: Desk) -> None:
    run = watched.drift(4, 1, START, alarm=True, columns=[column("wind", 0.4, True), column("carrier", 0.1)],
                        chunks=[chunk(3, 4, alarm=True, columns=["wind"], performance={"value": 0.6}, change={"value": -0.1})])  # fmt: skip
    found = ask(watched)
    assert [(b.state, b.version, b.files) for b in found.batches] == [
        ("trained", 1, ["flights-1.parquet"]), ("judged", 2, ["flights-2.parquet"]),
        ("looked", 4, ["flights-3.parquet", "flights-4.parquet"]), ("waiting", 5, ["flights-5.parquet"]),
    ]  # fmt: skip
    judged, looked = found.batches[1], found.batches[2]
    assert judged.performance is not None and judged.performance["value"] == 0.7 and judged.champion == 1
    assert (looked.run_id, looked.rows, looked.mature, looked.alarm, looked.features, looked.share) == (
        run,
        200,
        80,
        True,
        ["wind"],
        0.5,
    )
    assert looked.performance == {"value": 0.6} and looked.change == {"value": -0.1}
    assert looked.baseline == {"value": 0.7, "low": 0.6, "high": 0.8}


def test_too_few_rows_are_not_quiet_and_files_that_came_again_are_superseded(
    watched: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.drift(3, 1, START, chunks=[chunk(3, alarm=True, columns=["wind"])])
    few = "48 of 100 rows"
    watched.drift(
        4, 1, START + 1, chunks=[chunk(4, cannot_tell=few)], cannot_tell=few, superseded=["flights3"]
    )
    found = ask(watched)
    assert [(b.state, b.rows, b.alarm, b.cannot_tell) for b in found.batches[2:4]] == [
        ("superseded", 0, None, ""), ("looked", 100, False, few)
    ]  # fmt: skip
    (row,) = list_(watched.read(), MonitorList(filter="drift = unknown")).items
    assert row.cannot_tell == few
    for key, value in (("monitor show", found), ("monitor list", list_(watched.read(), MonitorList()))):
        render(find(key), value, Screen(False, None))
        printed = capsys.readouterr().out
        assert f"cannot tell: {few}" in printed and "quiet" not in printed.split("LOOKS")[0]


def test_alarms_are_those_beside_the_version_that_is_named(watched: Desk) -> None:
    watched.drift(3, 1, START, columns=[column("wind", 0.4, True)])
    watched.version(2, "b" * 32, {"flights": 3}, manifest=MANIFEST)
    watched.champion(2, 1)
    watched.drift(4, 2, START + 1, columns=[column("wind", 0.1)])
    found = ask(watched)
    assert found.features[0].alarms == 1
    assert [line.alarms for line in beside_champion(found)] == [0]


def test_batches_without_event_time_are_in_order_of_arrival_and_a_named_file_has_its_name(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.project()
    for version, path in enumerate(("data/z.csv", "/far/away/a.csv"), 1):
        file = {"path": path, "sha256": path, "rows": 100, "bytes": 10, "stored": "x", "admitted": START, "min_event_time": None,
                "max_event_time": None}  # fmt: skip
        desk.append(
            "data.admit",
            {"project": "air", "source": "flights", "version": version, "snapshot": f"s{version}", "manifest": "", "rows": 100 * version,
             "files": [file], "schema_version": 1, "min_event_time": None, "max_event_time": None, "run_id": None},
        )  # fmt: skip
    desk.version(1, "a" * 32, {"flights": 1})
    found = ask(desk)
    assert [batch.label for batch in found.batches] == ["data/z.csv", "/far/away/a.csv"]
    render(find("monitor show"), found, Screen(False, None))
    printed = capsys.readouterr().out
    assert "in order of arrival" in printed and "a.csv" in printed and "/far/away" not in printed


def test_a_newer_look_replaces_an_older_one(watched: Desk) -> None:
    watched.drift(3, 1, START, chunks=[chunk(3, alarm=True)])
    newer = watched.drift(4, 1, START + 1, chunks=[chunk(3), chunk(4)])
    looked = [batch for batch in ask(watched).batches if batch.state == "looked"]
    assert [(batch.run_id, batch.alarm) for batch in looked] == [(newer, False), (newer, False)]


def test_a_column_is_a_series_over_the_looks_with_its_band_and_alarms(watched: Desk) -> None:
    first = watched.drift(3, 1, START, columns=[column("wind", 0.1)], prediction=column("prediction", 0.3))
    second = watched.drift(4, 1, START + 1, columns=[column("wind", 0.4, True), column("new", 0.0)])
    found = ask(watched)
    assert [look.run_id for look in found.looks] == [first, second]
    wind = found.features[0]
    assert (wind.name, wind.role, wind.alarms) == ("wind", "feature", 1)
    assert [(p.run_id, p.psi, p.band, p.alert, p.null_share) for p in wind.points] == [
        (first, 0.1, 0.2, False, 0.5), (second, 0.4, 0.2, True, 0.5)
    ]  # fmt: skip
    assert {(line.name, line.role): len(line.points) for line in found.features} == {
        ("wind", "feature"): 2, ("new", "feature"): 1, ("prediction", "prediction"): 1
    }  # fmt: skip


def test_a_column_is_a_series_over_the_batches_where_the_look_kept_it(watched: Desk) -> None:
    kept = [["wind", 0.4, 0.2, True, 0.1], ["gone", 0.1, 0.2, False, 0.0]]
    watched.drift(4, 1, START, columns=[column("wind", 0.3)], chunks=[chunk(3), chunk(4, statistics=kept)])
    (wind,) = ask(watched).features
    assert [(p.batch, p.psi, p.band, p.alert, p.null_share) for p in wind.batches] == [
        (3, 0.4, 0.2, True, 0.1)
    ]


def test_moves_of_the_champion_are_in_order_and_what_is_shown_says_whom_it_is_beside(
    watched: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.drift(3, 1, START, columns=[column("wind", 0.1)], chunks=[chunk(3, performance={"value": 0.7})])
    watched.version(2, "b" * 32, {"flights": 3}, manifest=MANIFEST)
    watched.champion(2, 1)
    watched.drift(
        4, 2, START + 1, columns=[column("wind", 0.4, True)], chunks=[chunk(4, performance={"value": 0.6})]
    )
    back = {"project": "air", "model": "late", "alias": "champion", "from": 2, "to": 1, "rollback": True}
    watched.append("alias.move", back, "ann", "air/late@champion")
    found = ask(watched)
    assert [(m.before, m.to, m.back) for m in found.moves] == [(None, 1, False), (1, 2, False), (2, 1, True)]
    assert [m.seq for m in found.moves] == sorted(m.seq for m in found.moves)
    assert [point.champion for point in found.features[0].points] == [1, 2]
    render(find("monitor show"), found, Screen(False, 200))
    lines = capsys.readouterr().out.splitlines()
    looks = lines[lines.index(next(line for line in lines if line.startswith("LOOKS"))) :]
    assert any("beside v1 serves" in line for line in looks) and any(
        "rolled back from v2 to v1" in line for line in looks
    )
    drift = next(number for number, line in enumerate(lines) if line.startswith("DRIFT"))
    assert "1 look beside v1" in lines[drift]
    assert any(line.startswith("wind") and "0.1" in line and "0.4" not in line for line in lines[drift:])


def test_gates_and_evaluations_judge(watched: Desk) -> None:
    folder = watched.run("evaluate")
    found = EvaluationOutcome(model="late", version=1, metrics={"roc_auc": {"value": 0.65}}, evaluation_key="k", evaluation_rows=40,
                              clusters=9, baseline_version=2, baseline_metrics={"roc_auc": {"value": 0.6}})  # fmt: skip
    watched.end(folder, Outcome(kind="evaluate", evaluation=found))
    by_kind = {one.kind: one for one in ask(watched).judgements}
    assert by_kind["gate"].verdict == "PASS" and by_kind["gate"].rows == 50
    assert by_kind["evaluate"].value == {"value": 0.65} and by_kind["evaluate"].baseline == 2


def test_quality_counts_what_was_refused(watched: Desk) -> None:
    for number in range(3):
        watched.append(
            "data.quarantine",
            {
                "project": "air",
                "source": "flights",
                "path": f"bad{number}",
                "sha256": f"f{number}",
                "bytes": 1,
                "reason": "empty",
            },
        )
    watched.append("data.drop", {"project": "air", "source": "flights", "sha256": "f0"})
    (quality,) = ask(watched).quality
    assert (quality.versions, quality.files, quality.quarantined, quality.waiting) == (5, 5, 3, 2)
    assert [(one["path"], one["state"]) for one in quality.reasons] == [
        ("bad2", "HELD"),
        ("bad1", "HELD"),
        ("bad0", "DROPPED"),
    ]


def test_the_list_has_every_source_and_pages(watched: Desk) -> None:
    watched.data(1, source="weather")
    watched.drift(4, 1, START, alarm=True, columns=[column("wind", 0.4, True)])
    page = list_(watched.read(), MonitorList(limit=1))
    (flights,) = page.items
    assert (flights.source, flights.model, flights.version, flights.looks, flights.alarms, flights.alarm) == (
        "flights", "late", 5, 1, 1, True
    )  # fmt: skip
    (weather,) = list_(watched.read(), MonitorList(limit=1, page=page.next)).items
    assert (weather.source, weather.model, weather.alarm) == ("weather", None, None)


def test_the_list_is_filtered_sorted_and_counted(watched: Desk) -> None:
    watched.data(1, source="weather")
    watched.drift(4, 1, START, alarm=True, columns=[column("wind", 0.4, True)], performance={"value": 0.6})

    def sources(text: str | None = None, **more: Any) -> list[str]:
        return [row.source for row in list_(watched.read(), MonitorList(filter=text, **more)).items]

    assert sources("drift = alarm and features:wind and performance < 0.7 and looked is not null") == [
        "flights"
    ]
    assert sources("model is null") == ["weather"] and sources("rows >= 500 or weather") == [
        "flights",
        "weather",
    ]
    assert sources(sort="-source") == ["weather", "flights"] and sources(sort="-alarms") == [
        "flights",
        "weather",
    ]
    page = list_(watched.read(), MonitorList(offset=1, limit=1))
    assert ([row.source for row in page.items], page.total, page.next) == (["weather"], 2, None)


def test_a_model_that_nothing_was_promoted_of_is_watched_by_its_newest_version(desk: Desk) -> None:
    desk.project()
    desk.data(1)
    desk.version(1, "a" * 32, {"flights": 1})
    found = ask(desk, model="late")
    assert (found.champion, found.serves, found.source) == (1, False, "flights")


def test_an_unknown_model_is_refused_with_those_that_are_known(watched: Desk) -> None:
    with pytest.raises(Problem, match="nothing"):
        ask(watched, model="nothing")
    with pytest.raises(Problem) as caught:
        ask(watched, model="x")
    assert "air/late" in caught.value.hint


def test_pages_for_people(watched: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    watched.drift(
        4,
        1,
        START,
        alarm=True,
        columns=[column("\x1b[31m[/red]", 0.4, True)],
        chunks=[chunk(3, alarm=True, columns=["wind"])],
    )
    for key, value in (
        ("monitor show", ask(watched)),
        ("monitor list", list_(watched.read(), MonitorList())),
    ):
        for width in (None, 60, 160):
            render(find(key), value, Screen(False, width))
            printed = capsys.readouterr().out
            assert "\x1b[31m" not in printed and "flights" in printed
            assert width is None or max(map(len, printed.splitlines())) <= width
