"""With --ascii every screen with rows and graphs in it is drawn by ASCII signs alone; letters of data stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import screen_answers as answers
from textual.pilot import Pilot
from whole_app import NOW, Given, a_run, frame, play, until

from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.formats import use_ascii
from mlops_tui.tui.settings import Settings, look
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import DataVersion, Model, ModelVersion, RunDetail, Stage
from mlops_tui.verbs.feature import View
from mlops_tui.verbs.ledger import Entry
from mlops_tui.verbs.monitor import Monitored
from mlops_tui.verbs.run import CompareRow, Comparison, Curve, Fields, RunCurves, Trend, Trends

ZOE = "zoë"
RUNS = [a_run(number, state, verdict=verdict, metric="auc") for number, state, verdict in (
    (0, "RUNNING", None), (1, "FINISHED", "PASS"), (2, "FAILED", None), (3, "LOST", "INCONCLUSIVE"))]  # fmt: skip
BAND = {"value": 0.8, "low": 0.7, "high": 0.9}


def _detail(fields: dict[str, Any]) -> RunDetail:
    run = next((run for run in RUNS if run.run_id == fields["run_id"]), RUNS[1])
    stages = [
        Stage(name="search", state="finished", duration_ms=900),
        Stage(name="gate", state="started", started=NOW),
    ]
    return RunDetail(
        **{**{name: getattr(run, name) for name in run.__struct_fields__}, "stages": stages, "pins": {ZOE: 2}}
    )


def _curves(fields: dict[str, Any]) -> RunCurves:
    buckets = [[step, step / 40, step / 30, step / 35] for step in range(30)]
    return RunCurves(
        run_id=fields["run_id"],
        axis="step",
        metrics=[Curve(key="auc", points=30, nonfinite=0, buckets=buckets)],
    )  # type: ignore[arg-type]


VERSIONS = [ModelVersion(version=number, run_id="r", metrics={"auc": BAND}, verdict="PASS", created=NOW, aliases=["champion"] if number == 1 else []) for number in (1, 2)]  # fmt: skip
GIVEN: Given = {
    "status": lambda _: answers.status(ZOE),
    "run list": lambda _: Page(items=RUNS, total=4),
    "run show": _detail,
    "run metrics": _curves,
    "run trends": lambda fields: Trends(key="auc", runs=[Trend(run_id=id, values=[0.1, 0.5, 0.9]) for id in fields["runs"]]),
    "run compare": lambda fields: Comparison(
        runs=fields["runs"], rows=[CompareRow(section="metrics", key="auc", values=[0.8, 0.9, 0.7, None], differs=True), CompareRow(section="params", key=ZOE, values=[1, None, 2, 3], differs=True)]),
    "run fields": lambda _: Fields(fields=[]),
    "model list": lambda _: Page(items=[Model(name=ZOE, project="flights", aliases={"champion": 1}, versions=VERSIONS, metric="auc")], total=1),
    "feature list": lambda _: Page(items=[View(project="flights", name=ZOE, version=1, source="weather", entities=["origin"], features=answers.view().features)], total=1),
    "feature show": lambda _: answers.view(ZOE),
    "data list": lambda _: Page(items=[DataVersion(project="flights", source=ZOE, version=2, snapshot="s", rows=9, files=2, created=0, quarantined=1)], total=1),
    "data show": lambda _: answers.data(ZOE),
    "monitor list": lambda _: Page(items=[Monitored(project="flights", source=ZOE, model=ZOE, champion=1, version=2, rows=9, time=NOW, alarm=True, features=["gust"], performance=BAND, looks=3, alarms=1)], total=1),
    "monitor show": lambda _: answers.monitoring(ZOE),
    "proposal list": lambda _: Page(items=[answers.card(ZOE)], total=1),
    "proposal show": lambda _: answers.card(ZOE),
    "ledger list": lambda _: Page(items=[Entry(seq=3, time=NOW, actor=ZOE, verb="alias.move", subject="late", data={"alias": "champion", "from": 1, "to": 2})], total=1),
}  # fmt: skip
SCREENS = {
    "home": ("1", "no champion|v2|late"), "runs": ("2", "late-3"), "models": ("3", "PASS"), "features": ("4", "weather"), "data": ("5", "1 row"),
    "monitoring": ("6", "ALARM|alarm"), "proposals": ("7", "drifted"), "queue": ("8", "late-0"), "ledger": ("9", "alias.move"),
    "run": ("2 enter", "STAGES"), "curves": ("2 enter tab", "best"), "params": ("2 enter tab tab tab tab", "data"),
    "compare": ("2 space down space c", "params"), "overlaid": ("2 space down space c tab tab", "  step"),
    "monitor": ("6 enter", "gust|batch|jun|Jun"), "drift": ("6 enter tab", "psi|PSI"), "proposal": ("7 enter", "Retrain"), "profile": ("5 enter", "rows"),
    "feature": ("4 enter", "gust"), "palette": ("2 ctrl+p", "New run"), "help": ("2 question_mark", "Keys"), "columns": ("2 ,", "Columns"),
}  # fmt: skip
"""Name → keys from the first screen, and texts of which one says that its rows are there."""


@pytest.fixture(autouse=True)
def usual_signs() -> Iterator[None]:
    yield
    use_ascii(False)


@pytest.mark.parametrize("name", SCREENS)
def test_with_rows_it_is_ascii(tmp_path: Path, name: str) -> None:
    keys, wanted = SCREENS[name]
    seen: list[str] = []

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        for key in keys.split():
            await pilot.press("comma" if key == "," else key)
            await pilot.pause()
        await until(pilot, lambda: any(text in frame(app) for text in wanted.split("|")))
        for strip in app.screen._compositor.render_strips():
            found = app._filters[-1].apply(list(strip), app.screen.background_colors[1])
            seen.append("".join(segment.text for segment in found))

    play(tmp_path, GIVEN, steps, screen="home", size=(120, 36), like=look(Settings(), ascii=True, environ={}))
    shown = "\n".join(seen)
    assert {char for char in shown if not char.isascii()} <= {"ë"}, shown
