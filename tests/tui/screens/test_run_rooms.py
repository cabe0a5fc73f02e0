"""Runs, the queue and the lineage by keys, over answers that are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rich.text import Text
from test_rooms import Given, Link, Stand, frame, play, until
from textual import events
from textual.pilot import Pilot
from textual.selection import SELECT_ALL

from mlops_store.errors import Problem
from mlops_store.filters import parse
from mlops_tui.tui.branches import branches, next_alike, next_kind
from mlops_tui.tui.dialogs.reader import Reader
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.home import HomeRoom
from mlops_tui.tui.screens.lineage import LineageRoom
from mlops_tui.tui.screens.proposal import ProposalRoom
from mlops_tui.tui.screens.queue import QueueRoom
from mlops_tui.tui.screens.queue import until as ends_in
from mlops_tui.tui.screens.run import RunRoom, environment, overview
from mlops_tui.tui.screens.run_compare import CompareRoom, difference, shown
from mlops_tui.tui.screens.run_deeds import Targets
from mlops_tui.tui.screens.runs import RunsRoom
from mlops_tui.tui.widgets.chart import Series
from mlops_tui.tui.widgets.curves import closer, noisy
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.tui.writers.run import (
    best_of,
    due,
    filter_of,
    gate_word,
    goal_of,
    stamp,
    summary,
    trend_key,
)
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._lineage import LineageEdge, LineageGraph, LineageNode
from mlops_tui.verbs._shapes import Headline, MetricSummary, Model, Run, RunDetail
from mlops_tui.verbs._status import Disk, LiveRun, StatusReport
from mlops_tui.verbs.daemon import DaemonStatus
from mlops_tui.verbs.run import (
    CompareRow,
    Comparison,
    Fields,
    JudgedOn,
    LogChunk,
    RunField,
    RunMarks,
    Trend,
    Trends,
)

NOW = 1_700_000_000_000
HOSTILE = "[/red]\x1b[31m🦊"


def run(number: int, state: str = "FINISHED", count: int = 8, **more: Any) -> Run:
    metrics = {"auc": MetricSummary(last=0.8, best=0.9, min=0.1, max=0.9, count=count)} if count else {}
    return Run(
        run_id=f"{number:032x}", kind="train", name=f"late-{number}", project="flights", experiment="late", state=state,  # type: ignore[arg-type]
        metrics=metrics, headline=Headline(metric="auc", value=0.9) if count else None, created=NOW, model="late", **more,
    )  # fmt: skip


def listed(runs: list[Run]) -> Callable[[dict[str, Any]], Page[Run]]:
    """`run list`, with `id in (…)` as its only filter."""

    def answer(fields: dict[str, Any]) -> Page[Run]:
        wanted = fields.get("filter", "")
        found = [each for each in runs if each.run_id in wanted] if "id in" in wanted else runs
        return Page(items=found, total=len(found))

    return answer


def status(runs: list[LiveRun], **daemon: Any) -> StatusReport:
    room = Disk(free_bytes=1, total_bytes=2)
    return StatusReport(time=NOW, runs=runs, disk=room, daemon=DaemonStatus(running=True, pid=7, **daemon))


def trends(fields: dict[str, Any]) -> Trends:
    return Trends(key=fields["key"], runs=[Trend(run_id=id, values=[0.1, 0.5, 0.9]) for id in fields["runs"]])


# --- what is asked and drawn --------------------------------------------------------------------------------------


def test_a_trend_is_asked_for_again_only_where_more_was_logged() -> None:
    known: dict[str, tuple[object, list[float]]] = {}
    rows = [run(1), run(2), run(3, count=0)]
    assert {key: [each.run_id for each in found] for key, found in due(rows, known).items()} == {"auc": [rows[0].run_id, rows[1].run_id]}  # fmt: skip
    known = {each.run_id: (stamp(each), [1.0]) for each in rows}
    assert due(rows, known) == {}
    again = run(2, attempts=2)
    assert due([rows[0], again], known) == {"auc": [again]}
    known[again.run_id] = stamp(again), [1.0]
    live = run(4, "RUNNING")
    assert due([again, live], {**known, live.run_id: (stamp(live), [1.0])}) == {"auc": [live]}


def test_a_run_with_one_value_shows_how_its_search_goes() -> None:
    searching = run(1, count=1)
    searching.metrics["search/score"] = MetricSummary(last=0.7, count=5)
    assert trend_key(searching) == "search/score" and trend_key(run(1)) == "auc"


def test_the_filter_of_a_list_names_what_it_shows() -> None:
    assert filter_of({}) == "kind in (train, sdk)"
    assert filter_of({"filter": "kind = drift"}) == "(kind = drift)"
    assert (
        filter_of({"filter": "a or b"}, ["f" * 32])
        == f'(a or b) and kind in (train, sdk) and not id in ("{"f" * 32}")'
    )
    assert filter_of({"all_kinds": True}) == ""
    assert parse(filter_of({"filter": "state = FAILED or age > 2d"}, ["0" * 32, "1" * 32])) is not None


def test_the_best_value_says_which_way_is_better() -> None:
    assert goal_of(MetricSummary(best=0.9, min=0.1, max=0.9)) == "max"
    assert goal_of(MetricSummary(best=0.1, min=0.1, max=0.9)) == "min"
    assert goal_of(MetricSummary(best=0.5, min=0.5, max=0.5)) == goal_of(None) == ""


def test_noisy_curves_and_closer_ones() -> None:
    assert noisy([(float(x), 0, 0, (-1.0) ** x) for x in range(40)])
    assert not noisy([(float(x), 0, 0, float(x)) for x in range(40)])
    assert not noisy([(float(x), 0, 0, (-1.0) ** x) for x in range(10)])
    whole = [Series("a", [(float(x), 0, 1, 0.5) for x in range(0, 100, 10)]), Series("b", [(5.0, 0, 0, 0)])]
    found = closer(whole, [Series("a", [(float(x), 2, 2, 2) for x in range(40, 61)])], (40.0, 60.0))
    assert [point[0] for point in found[0].points] == [0, 10, 20, 30, *range(40, 61), 70, 80, 90]
    assert found[1] == whole[1]


# --- runs ---------------------------------------------------------------------------------------------------------


def test_a_page_asks_once_for_the_trends_of_what_is_in_sight() -> None:
    runs = [run(number) for number in range(40)]

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "▁▅█" in frame(app) or "▁▄█" in frame(app))
        (asked,) = [fields for key, fields in app.link.asked if key == "run trends"]
        assert asked["key"] == "auc" and 5 < len(asked["runs"]) < 30
        app.room.load()
        await pilot.pause(0.4)
        assert sum(key == "run trends" for key, _ in app.link.asked) == 1

    play(RunsRoom(), {"run list": listed(runs), "run trends": trends}, keys, (200, 24))


def test_lists_show_the_best_value_and_whole_names_at_80_columns() -> None:
    long = run(1, verdict="INCONCLUSIVE")
    long.name, long.metrics["auc"] = "late-departure-1234", MetricSummary(last=0.3, best=0.9, count=3)

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "late-departure-1234" in frame(app))
        row = next(line for line in frame(app).splitlines() if "▸  late-departure-1234 " in line)
        assert "auc 0.9" in row and "? INCONCL. " in row

    play(RunsRoom(), {"run list": listed([long]), "run trends": trends}, keys)
    assert gate_word("PASS").plain == "✓ PASS"


def test_the_metric_of_the_cursor_orders_the_list_the_best_first() -> None:
    error = run(2)
    error.headline = Headline(metric="val mae", value=2.0, direction="min")

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "late-1" in frame(app))
        await pilot.press("l", "l", "s")
        await until(pilot, lambda: any(fields.get("sort") == "-best(auc)" for _, fields in app.link.asked))
        await until(pilot, lambda: "metric ▼" in frame(app))
        await pilot.press("s")
        await until(pilot, lambda: "metric ▲" in frame(app) and app.room.twin()[1]["sort"] == "best(auc)")
        for key in (
            "h",
            "s",
            "l",
            "j",
            "s",
            "k",
        ):  # in one burst: the row at the cursor when s was pressed counts
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: app.room.twin()[1]["sort"] == 'best("val mae")')
        assert parse('best("val mae") > 1') is not None and best_of('a"b') == 'best("a""b")'

    play(RunsRoom(), {"run list": listed([run(1), error]), "run trends": trends}, keys)


def test_rows_have_what_is_on_the_screen_and_the_preview_all_of_the_run_at_the_cursor() -> None:
    row = run(1, metric="auc", verdict="PASS")
    known = {name: getattr(row, name) for name in row.__struct_fields__}
    whole = RunDetail(
        **{
            **known,
            "params": {"depth": 8},
            "gate": {"evaluation_rows": 27_263},
            "pins": {"flights": 2, "weather": 3},
        }
    )

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "auc 0.9  on 27,263 rows of flights@2 weather@3" in frame(app))
        assert "depth" in frame(app)
        (asked,) = {tuple(fields["fields"]) for key, fields in app.link.asked if key == "run list"}
        assert asked == ('headline,metrics."search/score"',)
        room = app.room
        assert isinstance(room, RunsRoom) and "fields" not in room.twin()[1]
        room.choose_columns(await room.all_columns(), ["name", "params.depth"])
        await until(
            pilot,
            lambda: any("params.depth" in str(fields) for key, fields in app.link.asked if key == "run list"),
        )
        assert room.copied(row).params == {"depth": 8}

    fields = Fields(fields=[RunField(name="params.depth", group="param", type="number", runs=1)])
    play(
        RunsRoom(),
        {
            "run list": listed([row]),
            "run trends": trends,
            "run show": lambda _: whole,
            "run fields": lambda _: fields,
        },
        keys,
    )


def test_a_live_run_says_where_it_is_in_the_list() -> None:
    live = LiveRun(run_id=run(1).run_id, name="late-1", kind="train", project="flights", state="RUNNING", stage="search", progress=4 / 9, created=NOW)  # fmt: skip

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "search 44%" in frame(app) and "● running" in frame(app))

    given: Given = {
        "run list": listed([run(1, "RUNNING")]),
        "run trends": trends,
        "status": lambda _: status([live]),
    }
    play(RunsRoom(), given, keys)


def test_all_that_is_marked_is_archived_by_one_plan() -> None:
    asked: list[dict[str, Any]] = []

    def archive(fields: dict[str, Any]) -> RunMarks:
        asked.append(fields)
        return RunMarks(changed=[])

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "late-3" in frame(app))
        await pilot.press("space", "space", "Z")
        await until(pilot, lambda: "the plan of run archive" in frame(app))
        await pilot.press("y")
        await until(pilot, lambda: bool(app.said))
        assert sorted(asked[0]["runs"]) == [run(1).run_id, run(2).run_id] and "u undoes it" in app.said[0]
        # all that the filter finds but one, by the filter
        await pilot.press("asterisk", "home", "space", "Z")
        await until(pilot, lambda: "the plan of run archive" in frame(app))
        await pilot.press("y")
        await until(pilot, lambda: len(asked) == 2)
        assert asked[1]["filter"] == f'kind in (train, sdk) and not id in ("{run(1).run_id}")'

    given: Given = {
        "run list": listed([run(1), run(2), run(3)]),
        "run trends": trends,
        "run archive": archive,
    }
    play(RunsRoom(), given, keys, size=(100, 30))


def test_deleting_wants_the_number_of_runs() -> None:
    deleted: list[dict[str, Any]] = []

    def delete(fields: dict[str, Any]) -> RunMarks:
        deleted.append(fields)
        return RunMarks(changed=[])

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "late-3" in frame(app))
        await pilot.press("asterisk", "D")
        await until(pilot, lambda: "type 3 to confirm" in frame(app))
        await pilot.press("2", "enter", "enter")
        await pilot.pause(0.1)
        assert not deleted
        await pilot.press("backspace", "3", "enter", "enter")
        await until(pilot, lambda: bool(deleted))
        # archived runs are not in the list, and a filter would find them too: so these are named
        assert len(deleted[0]["runs"]) == 3 and "filter" not in deleted[0]

    given: Given = {"run list": listed([run(1), run(2), run(3)]), "run trends": trends, "run delete": delete}
    play(RunsRoom(), given, keys, size=(100, 30))


def test_marks_of_runs_that_are_gone_never_come_to_mean_all_runs() -> None:
    runs = [run(1), run(2), run(3)]
    deeds = ("run archive", "run delete", "run tag", "run stop")

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        table = app.room.query_one(QueryTable)
        await until(pilot, lambda: "late-3" in frame(app))
        await pilot.press("space", "space")
        runs[:] = [run(3)]
        for key in ("Z", "D", "t", "T", "x", "R"):
            app.said.clear()
            table.mark([run(1).run_id, run(2).run_id])
            await pilot.press(key)
            await until(pilot, lambda: any("the marked runs are gone" in said for said in app.said))
            assert not any(not said for said in app.said) and app.screen is app.room
            assert not table.selection.keys, "dead marks are dropped"
        runs[:] = [run(1), run(3)]
        table.mark([run(1).run_id, run(2).run_id])
        await pilot.press("Z")
        await until(pilot, lambda: "the plan of run archive" in frame(app))
        await pilot.press("escape")
        assert table.selection.keys == {run(1).run_id}, "those that are there stay marked"
        assert not [key for key, _ in app.link.asked if key in deeds]

    play(RunsRoom(), {"run list": listed(runs), "run trends": trends}, keys, size=(100, 30))


def test_all_but_every_one_is_nothing() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "late-2" in frame(app))
        for key in ("Z", "D"):
            app.said.clear()
            await pilot.press("asterisk", "home", "space", "space", key)
            await until(pilot, lambda: "no run is marked any more" in app.said)
            assert app.screen is app.room

    given: Given = {"run list": listed([run(1), run(2)]), "run trends": trends}
    play(RunsRoom(), given, keys, size=(100, 30))
    with pytest.raises(Problem, match="no run is named"):
        _ = Targets().fields


def test_marks_are_of_one_project() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        table = app.room.query_one(QueryTable)
        await until(pilot, lambda: "late-3" in frame(app))
        await pilot.press("space")
        assert table.selection.keys
        app.room.project_changed()
        assert not table.selection.keys

    given: Given = {"run list": listed([run(1), run(2), run(3)]), "run trends": trends}
    play(RunsRoom(), given, keys)


def test_marked_runs_are_stopped_by_one_question() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "late-3" in frame(app))
        await pilot.press("v", "j", "j", "v", "x")
        await until(pilot, lambda: "the plan of run stop" in frame(app))
        await pilot.press("y")
        await until(pilot, lambda: bool(app.said))
        asked = [fields for key, fields in app.link.asked if key == "run stop"]
        assert [[fields["run_id"], *fields["more"]] for fields in asked] == [
            [run(1).run_id, run(2).run_id]
        ], "what is over is left out"
        assert "told to stop" in app.said[0]

    runs = [run(1, "RUNNING"), run(2, "RUNNING"), run(3)]
    given: Given = {
        "run list": listed(runs),
        "run trends": trends,
        "run stop": lambda _: run(1),
        "status": lambda _: status([]),
    }
    play(RunsRoom(), given, keys, size=(100, 30))


def test_hidden_runs_and_the_trash() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "late-1" in frame(app))
        await pilot.press("full_stop")
        await until(
            pilot, lambda: app.link.asked[-1][1].get("archived") is True or "archived ones too" in frame(app)
        )
        await pilot.press("full_stop")
        await until(pilot, lambda: "only deleted ones" in frame(app))
        assert any(fields.get("deleted") for key, fields in app.link.asked if key == "run list")

    play(RunsRoom(), {"run list": listed([run(1)]), "run trends": trends}, keys, size=(120, 30))


# --- the queue ----------------------------------------------------------------------------------------------------


def test_the_queue_says_what_is_waited_for_and_until_when() -> None:
    def live(number: int, **more: Any) -> LiveRun:
        return LiveRun(
            run_id=run(number).run_id,
            name=f"late-{number}",
            kind="train",
            project="flights",
            created=NOW,
            **more,
        )

    at_work = run(1, "RUNNING", started=NOW)
    at_work.metrics |= {
        "system/cpu_percent": MetricSummary(last=87.4),
        "system/rss_bytes": MetricSummary(last=512e6),
    }
    report = status(
        [
            live(1, state="RUNNING", stage="train", progress=0.5, expected_end=NOW + 90_000),
            live(2, state="QUEUED", waits="waits for a free place (1 of 1 taken)", position=1, expected_start=NOW + 90_000, expected_end=NOW + 150_000),
        ],
        limit=1,
    )  # fmt: skip

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(
            pilot, lambda: "train 50%" in frame(app) and "87%" in frame(app) and "512.0 MB" in frame(app)
        )
        await pilot.press("j")
        await until(pilot, lambda: "position" in frame(app) and "a free place (1 of 1 taken)" in frame(app))
        assert "~90s, ends in ~2m" in frame(app)

    given: Given = {
        "run list": listed([at_work, run(2, "QUEUED", count=0)]),
        "run trends": trends,
        "status": lambda _: report,
    }
    play(QueueRoom(), given, keys, size=(120, 36))
    assert (ends_in(None, NOW), ends_in(NOW - 1, NOW)) == ("–", "soon")


# --- lineage ------------------------------------------------------------------------------------------------------


def graph() -> LineageGraph:
    """A drift run that alarmed: what it has looked at, and the card, the training and the version that came of it."""
    facts = [
        ("run:drift", "run", 0), ("model:late@1", "model", -1), ("data:flights@2", "data", -1), ("run:train1", "run", -2),
        ("data:flights@1", "data", -2), *((f"feature:view{n}@1", "feature", -3) for n in range(20)), ("proposal:card", "proposal", 1),
        ("run:train2", "run", 2), ("model:late@2", "model", 3), ("alias:late@champion", "alias", 4),
    ]  # fmt: skip
    nodes = [
        LineageNode(id=id, kind=kind, title=f"{HOSTILE if kind == 'data' else id}", depth=depth, time=NOW, project="flights")  # type: ignore[arg-type]
        for id, kind, depth in facts
    ]  # fmt: skip
    pairs = [
        ("run:drift", "model:late@1", "used"), ("run:drift", "data:flights@2", "used"), ("model:late@1", "run:train1", "wasGeneratedBy"),
        ("run:train1", "data:flights@1", "used"), ("data:flights@2", "data:flights@1", "wasDerivedFrom"),
        *(("run:train1", f"feature:view{n}@1", "used") for n in range(20)), ("proposal:card", "run:drift", "wasDerivedFrom"),
        ("run:train2", "proposal:card", "wasInformedBy"), ("model:late@2", "run:train2", "wasGeneratedBy"),
        ("alias:late@champion", "model:late@2", "wasDerivedFrom"),
    ]  # fmt: skip
    edges = [LineageEdge(from_=later, to=earlier, relation=how) for later, earlier, how in pairs]  # type: ignore[arg-type]
    return LineageGraph(root="run:drift", nodes=nodes, edges=edges)


def test_the_tree_has_each_thing_once_under_the_nearest() -> None:
    lines = branches(graph())
    assert sorted(line.node.id for line in lines) == sorted(node.id for node in graph().nodes)
    drawn = {line.node.id: line.lines for line in lines}
    assert drawn["run:drift"] == "" and drawn["model:late@1"] == "├─" and drawn["proposal:card"] == "└─"
    assert {line.node.id: line.how for line in lines}["data:flights@1"] in ("became", "used", "derived from")
    assert [line.node.depth > 0 for line in branches(graph(), "down")] == [False, True, True, True, True]
    assert not any(line.node.depth > 0 for line in branches(graph(), "up"))
    assert all(line.lines.isascii() for line in branches(graph(), ascii_only=True))
    assert branches(LineageGraph(root="run:none", nodes=[], edges=[])) == []


def test_one_comes_around_all_kinds_and_all_of_a_kind() -> None:
    lines = branches(graph())
    at, seen = 0, []
    for _ in range(6):
        at = next_kind(lines, at, 1)
        seen.append(lines[at].node.kind)
    assert seen == ["model", "alias", "proposal", "data", "feature", "run"]
    assert next_kind(lines, next_kind(lines, 0, 1), -1) == 0
    runs = [0]
    while (at := next_alike(lines, runs[-1], 1)) != 0:
        runs.append(at)
    assert len(runs) == 3 and next_alike(lines, 0, -1) == runs[-1]


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (["less_than_sign", "less_than_sign"], "data:flights@2"), (["less_than_sign"], "feature:view0@1"), (["n", "n"], "run:train2"),
        (["greater_than_sign"], "model:late@1"), (["greater_than_sign"] * 3, "proposal:card"),
    ],
)  # fmt: skip
def test_from_an_alarm_to_everything_in_five_keys(keys: list[str], wanted: str) -> None:
    """`o` on the alarm is the first, enter the last."""
    assert len(keys) + 2 <= 5

    async def press(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "run:drift" in frame(app))
        await pilot.press(*keys, "enter")
        await until(pilot, lambda: bool(app.opened))
        kind, _, name = wanted.partition(":")
        assert app.opened[0][-1] in (name, int(name[-1]) if "@" in name else "")
        if kind == "proposal":
            assert app.opened == [(ProposalRoom, "card")]

    play(LineageRoom("run:drift"), {"lineage": lambda _: graph()}, press)


def test_o_on_a_thing_puts_it_in_the_middle_and_names_stay_harmless() -> None:
    asked: list[str] = []

    async def press(pilot: Pilot[None], app: Stand) -> None:
        app.open_lineage = asked.append  # type: ignore[attr-defined]
        await until(pilot, lambda: "run:drift" in frame(app))
        await pilot.press("o")
        await pilot.pause()
        assert not asked and "in the middle" in app.said[-1]
        await pilot.press("greater_than_sign", "o")
        await until(pilot, lambda: asked == ["model:late@1"])
        assert "[/red]\\x1b[31m" in frame(app)
        await pilot.press("tab", "tab")
        await until(pilot, lambda: "train2" in frame(app) and "view0" not in frame(app))

    play(LineageRoom("run:drift"), {"lineage": lambda _: graph()}, press, size=(120, 40))


def test_a_run_without_stages_has_no_why() -> None:
    from mlops_tui.verbs._shapes import RunDetail

    detail = RunDetail(
        run_id="a" * 32,
        kind="sdk",
        name=HOSTILE,
        project="flights",
        experiment="",
        state="FINISHED",
        created=NOW,
    )

    async def press(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "no stages" in frame(app))
        assert "run why" not in [key for key, _ in app.link.asked]

    play(RunRoom("a" * 32, "why"), {"run show": lambda _: detail}, press)


# --- what a run says of itself ------------------------------------------------------------------------------------


def test_a_preview_begins_with_the_state_whatever_the_name_and_is_short() -> None:
    long = run(1, count=1, params={f"p{place}": place + 1 / 3 for place in range(9)}, verdict="PASS")
    long.name = "n" * 4000
    lines = summary(long, 60).plain.splitlines()
    assert lines[0].startswith("✓ finished  nnn") and "gate ✓ PASS" in lines[0] and len(lines[0]) <= 60
    assert (
        lines[1] == "auc 0.9  1 point"
        and summary(run(2), 60).plain.splitlines()[1] == "auc 0.9  last 0.8  8 points"
    )
    assert (
        lines[2].startswith("cli: mlops-tui run show")
        and lines[3] == "p0  0.3333"
        and lines[9] == "and 3 more"
    )
    assert max(map(len, lines)) <= 80


def test_the_environment_is_names_and_values() -> None:
    found = environment({"time": NOW, "seed": 0, "git": {"commit": "abc", "dirty": True}, "interpreter": {"path": "/p", "packages": {"numpy": "2"}},
                         "hardware": {"memory_bytes": 25_276_502_016}, "environment": {"LANG": "C"}})  # fmt: skip
    assert dict(found) == {
        "environment": [("time", "2023-11-14 22:13:20 UTC"), ("seed", "0")],
        "git": [("commit", "abc"), ("dirty", "true")],
        "interpreter": [("path", "/p")],
        "packages": [("numpy", "2")],
        "hardware": [("memory_bytes", "25.3 GB")],
        "variables": [("LANG", "C")],
    }


def test_without_news_nothing_is_said_to_run() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "● running" in frame(app))
        app.news = News(connected=False)
        app.room.hear(app.news)
        await until(pilot, lambda: "● running" not in frame(app) and frame(app).count("? no news") == 2)

    play(RunsRoom(), {"run list": listed([run(1, "RUNNING")]), "run trends": trends}, keys)
    detail = RunDetail(run_id="1" * 32, kind="train", name="late", project="flights", experiment="late", state="RUNNING", created=NOW)  # fmt: skip
    assert overview(detail, 70, news=False).plain.startswith("? no news: ")
    assert "no news" not in overview(detail, 70).plain


def test_without_news_home_and_queue_say_nothing_of_now() -> None:
    live = LiveRun(run_id=run(1).run_id, name="late-1", kind="train", project="flights", state="RUNNING", stage="search", progress=0.4, created=NOW, expected_end=NOW + 90_000)  # fmt: skip
    given: Given = {
        "run list": listed([run(1, "RUNNING", started=NOW)]),
        "run trends": trends,
        "status": lambda _: status([live]),
    }

    async def line(app: Stand, connected: bool) -> None:
        app.news = News(connected=connected)
        app.room.hear(app.news)

    async def queue(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "search 40%" in frame(app) and "~90s" in frame(app))
        await line(app, False)
        await until(pilot, lambda: not any(word in frame(app) for word in ("search", "~90s", "● running")))
        await line(app, True)
        await until(pilot, lambda: "search 40%" in frame(app) and "~90s" in frame(app))

    async def home(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "● running" in frame(app))
        await line(app, False)
        await until(pilot, lambda: "● running" not in frame(app) and "? no news" in frame(app))
        await line(app, True)
        await until(pilot, lambda: "● running" in frame(app))

    async def behind(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "● running" in frame(app))
        await app.push_screen(Reader("over it", lambda _width: Text("text")))
        app.news = News(connected=False)
        app.screen.dismiss()
        await until(pilot, lambda: app.screen is app.room and "● running" not in frame(app))

    play(QueueRoom(), given, queue, size=(120, 36))
    play(HomeRoom(), given, home, size=(120, 36))
    play(RunsRoom(), given, behind, size=(120, 36))


def test_escape_first_clears_what_the_mouse_has_selected() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "late-1" in frame(app))
        app.room.selections = {app.room.query_one(Doc): SELECT_ALL}
        app.room.action_room_back()
        assert not app.room.selections and app.screen is app.room
        app.room.action_room_back()
        await until(pilot, lambda: app.screen is not app.room)

    play(RunsRoom(), {"run list": listed([run(1)]), "run trends": trends}, keys)


def test_a_run_that_was_opened_by_name_hears_of_itself() -> None:
    detail = RunDetail(run_id="1" * 32, kind="train", name="late-3", project="flights", experiment="late", state="RUNNING", created=NOW)  # fmt: skip

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        assert isinstance(app.room, RunRoom)
        await until(pilot, lambda: "● running" in frame(app))
        detail.state = "FINISHED"
        app.room.hear(News(runs={detail.run_id}))
        await until(pilot, lambda: "✓ finished" in frame(app))
        assert app.room.entity() == f"run:{detail.run_id}"

    play(RunRoom("late-3"), {"run show": lambda _: detail}, keys)


def test_the_log_of_a_run_that_is_over_has_ended() -> None:
    detail = RunDetail(run_id="1" * 32, kind="train", name="late", project="flights", experiment="late", state="FINISHED", created=NOW)  # fmt: skip
    text = LogChunk(run_id=detail.run_id, text="done\n", offset=0, next=5, size=5, ended=True)

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "done" in frame(app) and " · ended" in frame(app))

    play(RunRoom("1" * 32, "log"), {"run show": lambda _: detail, "run logs": lambda _: text}, keys)


# --- side by side -------------------------------------------------------------------------------------------------


def compared(key: str, *values: Any, section: str = "metrics") -> CompareRow:
    return CompareRow(section=section, key=key, values=list(values), differs=True)


def test_times_and_durations_are_no_raw_numbers_and_labels_have_no_difference() -> None:
    assert shown("duration_ms", 35_930) == "35.9s" and shown("created", None) == "-"
    assert ":" in shown("created", NOW) and shown("auc", 0.123456) == "0.1235"
    assert difference(compared("duration_ms", 1, 2, section="run"), 12_886, 35_930) == "-23.0s"
    assert difference(compared("created", 1, 2, section="run"), NOW + 1, NOW) == ""
    assert difference(compared("model_version", 1, 2, section="run"), 2, 1) == ""
    assert (
        difference(compared("auc", 1, 2), 0.75, 0.5) == "+0.25"
        and difference(compared("auc", 1, 1), 1, 1) == ""
    )


def test_a_difference_of_other_rows_says_so() -> None:
    runs = [run(1), run(2), run(3)]
    ids = [each.run_id for each in runs]
    rows = [
        compared("auc", 0.5, 0.75, 0.8),
        compared("search/score", 0.1, 0.2, 0.3),
        compared("system/cpu", 1.0, 2.0, 3.0),
    ]
    judged = [
        JudgedOn(key="k 10", rows=10, data="d"),
        JudgedOn(key="k 20", rows=20, data="d"),
        JudgedOn(key="k 10", rows=10, data="d"),
    ]
    given: Given = {
        "run compare": lambda _: Comparison(runs=ids, rows=rows, judged=judged),
        "run list": listed(runs),
    }

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "≠ not on the same rows" in frame(app))
        shown = [line.lstrip(" ▸") for line in frame(app).splitlines()]
        lines = {line.split()[1]: line for line in shown if line.startswith("metrics")}
        assert "≠ +0.25" in lines["auc"] and "+0.3" in lines["auc"] and "≠ +0.3" not in lines["auc"]
        assert "≠" not in lines["search/score"] + lines["system/cpu"]

    play(CompareRoom(ids), given, keys, size=(140, 24))


def test_runs_side_by_side_begin_with_the_champion_and_a_curve_of_several_points(tmp_path: Any) -> None:
    runs = [run(1, model_version=1), run(2, model_version=2)]
    runs[0].metrics["a"] = MetricSummary(best=1.0, count=1)
    ids = [each.run_id for each in runs]
    rows = [
        compared("name", "late-1", "late-2", section="run"),
        compared("a", 1.0, None),
        compared("auc", 0.5, 0.75),
    ]
    given: Given = {
        "run compare": lambda _: Comparison(runs=ids, rows=rows),
        "run list": listed(runs),
        "model show": lambda _: Model(name="late", project="flights", aliases={"champion": 2}),
    }
    room = CompareRoom(ids)

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "*late-2" in frame(app) and "-0.25" in frame(app))
        assert room.baseline == ids[1] and "Δ" in frame(app).splitlines()[2]
        app.yank = lambda text, what: app.said.append(text)  # type: ignore[attr-defined]
        room.table_in_front().move_to(2)  # type: ignore[union-attr]
        await pilot.press("l", "l", "l")
        room.action_copy_cell()
        room.action_copy_row()
        assert app.said[0] == "-0.25" and '"key":"auc"' in app.said[1]
        await pilot.press("B")
        await until(pilot, lambda: "*late-1" in frame(app) and "+0.25" in frame(app))
        await pilot.press("e")
        await until(pilot, lambda: "Export 3 rows" in frame(app))
        await pilot.press("ctrl+u", *str(tmp_path / "it.csv"), "f2")
        await until(pilot, lambda: any("wrote 3 rows" in said for said in app.said))
        assert "metrics,auc,0.5,0.75" in (tmp_path / "it.csv").read_text()
        await pilot.press("tab", "tab")
        await until(pilot, lambda: any(key == "run metrics" for key, _ in app.link.asked))
        assert next(fields["keys"] for key, fields in app.link.asked if key == "run metrics") == ["auc"]
        await pilot.press("B")
        await until(pilot, lambda: "tab goes there" in app.said[-1])

    play(room, given, keys)


# --- all projects, and the age of what is shown -------------------------------------------------------------------


def test_lists_of_all_projects_name_the_project_of_each_row() -> None:
    runs = [run(1)]

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "project" in frame(app) and " flights " in frame(app).splitlines()[3])
        app.link.project = ("flights", None)
        app.room.load()
        await until(pilot, lambda: "project" not in frame(app) and "late-1" in frame(app))
        app.link.project = (None, None)  # type: ignore[assignment]
        runs.clear()
        app.room.load()
        await until(pilot, lambda: "gj chooses a project" in frame(app))
        assert "a starts one" not in frame(app)

    class All(Link):
        project = (None, None)  # type: ignore[assignment]

    play(RunsRoom(), {"run list": listed(runs), "run trends": trends}, keys, link=All)


def test_the_age_of_what_is_shown_ticks_only_while_something_runs() -> None:
    runs = [run(1, "RUNNING")]

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "updated 0 s ago" in frame(app))
        app.room.updated -= 2000  # type: ignore[operator]
        await until(pilot, lambda: "updated 3 s ago" in frame(app))
        runs[:] = [run(1)]
        app.room.load()
        await until(pilot, lambda: " s ago" not in frame(app).splitlines()[-2] and "updated " in frame(app))
        assert app.room._ticking is None

    play(RunsRoom(), {"run list": listed(runs), "run trends": trends}, keys)
