"""The table, the filter line, the picker and the log, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from mlops_tui.tui.painting import LeanCompositor
from mlops_tui.tui.rest import Rest
from mlops_tui.tui.widgets import filter_bar
from mlops_tui.tui.widgets.column_picker import ColumnPicker
from mlops_tui.tui.widgets.filter_bar import FilterBar
from mlops_tui.tui.widgets.log_view import LogView
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window

HOSTILE = "[/red] 🦊 \x1b[31m\u202e漢"
COLUMNS = [
    Column("name", "name", 16, lambda r: r["name"], sort="name", flex=True),
    Column("state", "state", 8, lambda r: Text(r["state"], style="red")),
    Column("auc", "auc", 8, lambda r: str(r["auc"]), "right", sort="metric.auc"),
    *[Column(f"x{i}", f"extra{i}", 20, lambda r: "x", priority=i) for i in range(1, 5)],
]


@dataclass
class Source:
    rows: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, count: int) -> Source:
        return cls([{"name": f"run-{i}", "state": "done", "auc": i} for i in range(count)])


class TableApp(App[None]):
    def __init__(self, source: Source, answer: bool = True) -> None:
        super().__init__()
        self.source, self.answer = source, answer
        self.said: list[Message] = []

    def compose(self) -> ComposeResult:
        yield QueryTable(COLUMNS, row_key=lambda r: str(r["name"]), empty="Nothing here.\nPress n.")

    @property
    def table(self) -> QueryTable:
        return self.query_one(QueryTable)

    def on_query_table_wanted(self, event: QueryTable.Wanted) -> None:
        self.said.append(event)
        if self.answer:
            rows = self.source.rows[event.offset : event.offset + event.count]
            event.table.deliver(Window(len(self.source.rows), event.offset, rows), event.generation)

    def on_query_table_opened(self, event: QueryTable.Opened) -> None:
        self.said.append(event)

    def on_query_table_sort_asked(self, event: QueryTable.SortAsked) -> None:
        self.said.append(event)

    def on_query_table_marks_changed(self, event: QueryTable.MarksChanged) -> None:
        self.said.append(event)

    def frame(self) -> list[str]:
        return [strip.text for strip in self.screen._compositor.render_strips()]

    def of(self, kind: type[Message]) -> list[Any]:
        return [said for said in self.said if type(said) is kind]


def drive(
    app: App[Any], steps: Callable[[Pilot[Any]], Awaitable[None]], size: tuple[int, int] = (80, 24)
) -> None:
    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await steps(pilot)

    asyncio.run(main())


def test_only_pages_that_are_seen_are_fetched() -> None:
    app = TableApp(Source.of(100_000))

    async def steps(pilot: Pilot[None]) -> None:
        assert [(said.offset, said.count) for said in app.of(QueryTable.Wanted)] == [(0, 128)]
        await pilot.press("G")
        assert app.table.cursor_key == "run-99999"
        assert "run-99999" in app.frame()[-1]
        app.table.action_table_top()
        await pilot.pause()
        assert app.table.cursor_key == "run-0" and len(app.of(QueryTable.Wanted)) <= 4

    drive(app, steps)


def test_rows_that_are_on_their_way_are_dots_and_stale_answers_are_dropped() -> None:
    app = TableApp(Source.of(1000), answer=False)

    async def steps(pilot: Pilot[None]) -> None:
        table = app.table
        table.deliver(Window(1000, 0, app.source.rows[:10]), 0)
        await pilot.pause()
        assert "run-9" in app.frame()[10] and "·" in app.frame()[11]
        table.reset()
        table.deliver(Window(1, 0, [{"name": "stale", "state": "", "auc": 0}]), 0)
        await pilot.pause()
        assert "run-9" in app.frame()[10], "what was here stays until the answer"
        table.deliver(Window(0, 0, []), 1)
        await pilot.pause()
        assert any("Press n." in text for text in app.frame()) and table.cursor_key is None

    drive(app, steps)


def test_the_cursor_stays_on_its_row_when_the_order_changes() -> None:
    app = TableApp(Source.of(600))

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("j", "j", "j")
        app.source.rows.reverse()
        app.table.reset(same_rows=True)
        await pilot.pause()
        await pilot.pause()
        assert (app.table.cursor_key, app.table.cursor_row) == ("run-3", 596)
        assert any("▸" in text and "run-3 " in text for text in app.frame())
        del app.source.rows[596]
        app.table.reset()
        await pilot.pause()
        assert app.table.cursor_row == 596, "gone: the cursor keeps its place"

    drive(app, steps)


def test_moving_opening_and_sorting() -> None:
    app = TableApp(Source.of(500))

    async def steps(pilot: Pilot[None]) -> None:
        table = app.table
        await pilot.press("j", "down", "k", "ctrl+d", "pagedown", "pageup", "ctrl+u", "enter")
        assert table.cursor_row == 1 and app.of(QueryTable.Opened)[0].key == "run-1"
        await pilot.press("s", "l", "s", "l", "s")
        asked = [(said.column, said.descending) for said in app.of(QueryTable.SortAsked)]
        assert asked == [("name", False), ("metric.auc", True)], (
            "state has no order; numbers begin with the highest"
        )
        table.set_order("metric.auc", True)
        await pilot.press("s")
        assert (app.of(QueryTable.SortAsked)[-1].column, app.of(QueryTable.SortAsked)[-1].descending) == (
            "metric.auc",
            False,
        )
        await pilot.pause()
        assert "auc ▼" in app.frame()[0]

    drive(app, steps)


def test_marks_by_row_range_and_query() -> None:
    app = TableApp(Source.of(500))

    async def steps(pilot: Pilot[None]) -> None:
        table = app.table
        await pilot.press("space", "j", "v", "j", "j", "v")
        assert table.marks == {"run-0", "run-2", "run-3", "run-4"}
        await pilot.press("asterisk", "space")
        assert table.selection.words(500) == "all but 1 of 500" and table.marks == frozenset()
        table.reset()
        assert not table.selection.everything, "another query: all would mean other rows"
        await pilot.press("asterisk", "backslash")
        assert table.selection.count(500) == 0
        assert app.of(QueryTable.MarksChanged)

    drive(app, steps)


def test_columns_leave_when_narrow_and_come_with_the_column_cursor() -> None:
    app = TableApp(Source.of(5))

    async def steps(pilot: Pilot[None]) -> None:
        assert "extra1" in app.frame()[0] and "extra4" not in app.frame()[0]
        await pilot.press(*["l"] * 6)
        assert "extra4" in app.frame()[0]
        app.table.set_columns(COLUMNS[:2])
        await pilot.pause()
        assert "auc" not in app.frame()[0] and all(len(text) == 80 for text in app.frame())

    drive(app, steps)


def test_a_live_row_repaints_its_line_only() -> None:
    app = TableApp(Source.of(50))

    async def steps(pilot: Pilot[None]) -> None:
        regions: list[Any] = []
        table = app.table
        plain = table.refresh

        def watched(*where: Any, **how: Any) -> Any:
            regions.extend(where)
            return plain(*where, **how)

        table.refresh = watched  # type: ignore[method-assign]
        app.source.rows[4] = {"name": "run-4", "state": "lost", "auc": 4}
        table.reset(keep_cursor=True, same_rows=True)
        await pilot.pause()
        assert [region.y for region in regions] == [5]
        assert "lost" in app.frame()[5]

    drive(app, steps)


def test_lines_drawn_before_are_not_those_of_the_new_order() -> None:
    app = TableApp(Source.of(100))

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("pagedown", "pageup")
        assert app.table.cursor_row == 0
        app.source.rows.reverse()
        app.table.reset(keep_cursor=False)
        await pilot.pause()
        await pilot.press("pagedown")
        await pilot.pause()
        named = [text.split()[0] for text in app.frame()[1:] if "▸" not in text]
        top = round(app.table.scroll_y)
        shown = [f"run-{99 - index}" for index in range(top, top + 23) if index != app.table.cursor_row]
        assert named == shown

    drive(app, steps)


def test_a_moved_cursor_asks_for_two_lines_of_one_widget() -> None:
    class Lean(Screen[None]):
        def __init__(self) -> None:
            super().__init__()
            self._compositor = LeanCompositor()

        def compose(self) -> ComposeResult:
            yield Static("above", id="above")
            yield QueryTable(COLUMNS, row_key=lambda r: str(r["name"]))

    class LeanApp(TableApp):
        @property
        def table(self) -> QueryTable:
            return self.screen.query_one(QueryTable)

        def get_default_screen(self) -> Screen[None]:
            return Lean()

        def compose(self) -> ComposeResult:
            return ()

    app = LeanApp(Source.of(50))

    async def steps(pilot: Pilot[None]) -> None:
        asked: list[tuple[Widget, Region]] = []
        for widget in [app.screen, *app.screen.query()]:

            def watched(
                crop: Region, widget: Widget = widget, plain: Any = widget.render_lines
            ) -> list[Strip]:
                asked.append((widget, crop))
                return plain(crop)

            widget.render_lines = watched  # type: ignore[method-assign]
        await pilot.pause(0.05)
        while asked:  # the first rows are being drawn
            asked.clear()
            await pilot.pause(0.05)
        await pilot.press("j")
        await pilot.pause()
        assert [(widget, crop.y, crop.height) for widget, crop in asked] == [(app.table, 1, 2)]
        assert "▸" in app.frame()[3] and "above" in app.frame()[0]

    drive(app, steps)


def test_what_follows_a_cursor_comes_once_after_its_rest() -> None:
    class Node(App[None]):
        acted = 0

        def act(self) -> None:
            self.acted += 1

    app = Node()

    async def steps(pilot: Pilot[None]) -> None:
        rest = Rest(app, app.act, seconds=0.05)
        loop = asyncio.get_running_loop()
        until = loop.time() + 0.2
        while loop.time() < until:  # never a rest of 50 ms
            rest.moved()
            await asyncio.sleep(0)
        assert app.acted == 0
        while not app.acted and loop.time() < until + 5:
            await asyncio.sleep(0.01)
        assert app.acted == 1

    drive(app, steps)


def test_finding_goes_round() -> None:
    app = TableApp(Source.of(60))

    async def steps(pilot: Pilot[None]) -> None:
        assert app.table.find("N-5")
        assert app.table.cursor_key == "run-5"
        await pilot.press("n", "n")
        assert app.table.cursor_key == "run-51"
        await pilot.press("N", "N", "N")
        assert app.table.cursor_key == "run-59"
        assert not app.table.find("nowhere")
        app.table.find("")
        app.bind("n", "app.bell", description="the screen's own")
        assert app.active_bindings["n"].binding.action == "app.bell"

    drive(app, steps)


@pytest.mark.parametrize("size", [(20, 5), (80, 24), (3, 2)])
def test_hostile_rows_are_shown_as_they_are(size: tuple[int, int]) -> None:
    app = TableApp(Source([{"name": HOSTILE, "state": HOSTILE, "auc": HOSTILE * 1000}] * 3))

    async def steps(pilot: Pilot[None]) -> None:
        assert not any(char in text for text in app.frame() for char in "\x1b\u202e")
        if size[0] == 80:
            assert "[/red] 🦊 \\x1b[" in app.frame()[1]

    drive(app, steps, size)


# --- filter -------------------------------------------------------------------------------------------------------


@dataclass
class Offer:
    text: str
    start: int
    end: int
    kind: str = "field"
    hint: str = "state of the run"


@dataclass
class Wrong:
    at: int
    what: str


def _offers(text: str, cursor: int) -> list[Offer]:
    start = text.rfind(" ", 0, cursor) + 1
    word = text[start:cursor]
    return [Offer(name, start, cursor) for name in ("started", "status") if word and name.startswith(word)]


class FilterApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield FilterBar(
            "old", complete=_offers, check=lambda text: Wrong(3, "what is !") if "!" in text else None
        )

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        self.said.append(("changed", event.text))

    def on_filter_bar_applied(self, event: FilterBar.Applied) -> None:
        self.said.append(("applied", event.text))

    def on_filter_bar_cancelled(self, event: FilterBar.Cancelled) -> None:
        self.said.append(("cancelled", event.text))


def test_the_filter_line_completes_previews_complains_and_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    app = FilterApp()
    monkeypatch.setattr(filter_bar, "PREVIEW", 3600.0)

    async def steps(pilot: Pilot[None]) -> None:
        bar = app.query_one(FilterBar)
        bar.open()
        await pilot.press("space", "s", "t", "tab", "tab")
        assert bar.line.value == "old status" and not app.said
        monkeypatch.setattr(filter_bar, "PREVIEW", 0.01)
        await pilot.press("tab")
        for _ in range(200):
            if app.said:
                break
            await pilot.pause(0.05)
        assert app.said == [("changed", "old started")], "one preview for all keys"
        await pilot.press("!", "enter")
        below = [strip.text for strip in app.screen._compositor.render_strips()][1:3]
        assert below[0].rstrip() == "  " + " " * 3 + "^" and "what is !" in below[1]
        await pilot.press("escape")
        assert app.said[-1] == ("cancelled", "old") and bar.line.value == "old"
        bar.open()
        await pilot.press("x", "enter")
        assert app.said[-1] == ("applied", "oldx") and bar.value == "oldx"
        bar.open()
        await pilot.press("y", "up")
        assert bar.line.value == "oldx"
        await pilot.press("down")
        assert bar.line.value == "oldxy"

    drive(app, steps)


def test_the_picker_answers_the_columns_in_order() -> None:
    app: App[None] = App()
    answers: list[list[str] | None] = []

    async def steps(pilot: Pilot[None]) -> None:
        fields = [("a", "A"), ("b", HOSTILE), ("c", "C")]
        app.push_screen(ColumnPicker(fields, ["b", "a"]), answers.append)
        await pilot.press("J", "j", "space", "enter")
        await pilot.pause()
        assert answers == [["a", "b", "c"]]
        app.push_screen(ColumnPicker(fields, ["a"]), answers.append)
        await pilot.press("space", "enter")
        await pilot.pause()
        assert answers[-1] == ["a"], "the last column stays"

    drive(app, steps)


# --- log ----------------------------------------------------------------------------------------------------------


class LogApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[LogView.Wanted] = []

    def compose(self) -> ComposeResult:
        yield LogView()

    def on_log_view_wanted(self, event: LogView.Wanted) -> None:
        self.wanted.append(event)


def test_a_log_follows_stays_and_fetches_what_is_before() -> None:
    app = LogApp()
    data = "".join(f"line {i:06d}\n" for i in range(100_000))

    async def steps(pilot: Pilot[None]) -> None:
        view = app.query_one(LogView)
        view.focus()
        at = len(data) - 12 * 100
        view.append(data[at:], offset=at, size=len(data))
        await pilot.pause()
        frame = [strip.text for strip in app.screen._compositor.render_strips()]
        assert "line 099999" in frame[-2] and "following" in frame[-1]
        view.append("live \x1b[31m漢\rlove\n", offset=len(data))
        await pilot.pause()
        assert "love" in [strip.text for strip in app.screen._compositor.render_strips()][-2]
        await pilot.press("home")
        assert not view.follow and app.wanted
        asked = app.wanted[-1]
        assert asked.offset + asked.count == at
        view.prepend(data[asked.offset : at], offset=asked.offset)
        await pilot.pause()
        frame = [strip.text for strip in app.screen._compositor.render_strips()]
        assert "line 099900" in frame[0], "what is on screen stays"
        assert view.find("099950")
        await pilot.press("n", "W", "l", "k", "G")
        assert view.follow

    drive(app, steps)
