"""The chart in an app: keys, messages, and what is painted again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region

from mlops_tui.tui.formats import use_ascii
from mlops_tui.tui.widgets.chart import Chart, Series


def series(count: int = 3, points: int = 200) -> list[Series]:
    return [
        Series(
            f"run-{i}",
            [(float(x), i + x / points, i + x / points + 0.1, i + x / points) for x in range(points)],
        )
        for i in range(count)
    ]


class Board(App[None]):
    def __init__(self, given: list[Series]) -> None:
        super().__init__()
        self.given = given
        self.messages: list[Any] = []

    def compose(self) -> ComposeResult:
        yield Chart(self.given, y_label="auc")

    def on_mount(self) -> None:
        self.chart.focus()

    @property
    def chart(self) -> Chart:
        return self.query_one(Chart)

    def on_chart_axis_asked(self, event: Chart.AxisAsked) -> None:
        self.messages.append(("axis", event.kind))

    def on_chart_window_changed(self, event: Chart.WindowChanged) -> None:
        self.messages.append(("window", event.window))

    def on_chart_pinned(self, event: Chart.Pinned) -> None:
        self.messages.append(("pinned", event.name))

    def text(self) -> str:
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()
        )


def run(check: Callable[[Board, Any], Coroutine[Any, Any, None]], given: list[Series] | None = None) -> None:
    async def main() -> None:
        app = Board(series() if given is None else given)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            await check(app, pilot)

    asyncio.run(main())


def test_keys_change_how_it_is_looked_at() -> None:
    async def check(app: Board, pilot: Any) -> None:
        chart = app.chart
        await pilot.press("L", "right_parenthesis", "right_parenthesis", "left_parenthesis", "X", "P", "P")
        assert chart.log_y and chart.smoothing == 0.3
        assert "log · 1 not above 0 · smooth 0.3" in app.text()
        assert ("axis", "time") in app.messages
        assert [name for kind, name in app.messages if kind == "pinned"] == ["run-0", "run-1"]
        assert app.text().split("\n")[-2].startswith("▲ run-1")
        await pilot.press("P", "P")
        assert not any(one.pinned for one in chart.series)

    run(check)


def test_a_key_chooses_what_curves_are_drawn_with() -> None:
    async def check(app: Board, pilot: Any) -> None:
        braille = app.text()
        assert any("\u2800" < char <= "\u28ff" for char in braille)
        await pilot.press("number_sign")
        await pilot.pause()
        assert app.chart.mode == "block" and set(app.text()) & set("▘▝▀▖▗▞▟") and "⣀" not in app.text()
        await pilot.press("number_sign")
        await pilot.pause()
        assert app.chart.mode == "ascii" and app.text().isascii()
        await pilot.press("number_sign")
        await pilot.pause()
        assert app.chart.mode == "braille" and app.text() == braille
        use_ascii(True)
        try:
            await pilot.press("number_sign")
            assert app.chart.mode == "braille", "a terminal of ASCII alone has no choice"
        finally:
            use_ascii(False)

    run(check)


def test_the_crosshair_may_be_a_line() -> None:
    async def check(app: Board, pilot: Any) -> None:
        await pilot.press("left", "left")
        await pilot.pause()
        pointer = app.text()
        await pilot.press("vertical_line")
        await pilot.pause()
        assert app.text().count("│") > pointer.count("│") + 10
        await pilot.press("vertical_line")
        await pilot.pause()
        assert app.text() == pointer

    run(check)


def test_crosshair_and_window() -> None:
    async def check(app: Board, pilot: Any) -> None:
        chart = app.chart
        await pilot.press("left")
        assert chart.crosshair == 199
        assert "step 199  ● 0.995 (0.995..1.095)" in app.text()
        await pilot.press("left")
        assert 195 <= chart.crosshair < 199
        await pilot.press("left_curly_bracket")
        low, high = chart.window
        assert high - low == 199 / 2 and low < chart.crosshair < high
        # beyond the window's end the window goes along
        chart.window, chart.crosshair = (100.0, 110.0), 100.0
        await pilot.press("left")
        assert chart.crosshair == 99 and chart.window[0] < 99
        await pilot.press("0")
        assert chart.window is None and chart.crosshair is None
        assert app.messages[-1] == ("window", None)
        await pilot.press("right_curly_bracket")
        assert chart.window is None
        await pilot.press("right")
        assert chart.crosshair == 0
        await pilot.click(Chart, offset=(40, 8))
        assert 80 < chart.crosshair < 120

    run(check)


def test_a_crosshair_move_repaints_two_rows_only() -> None:
    async def check(app: Board, pilot: Any) -> None:
        chart = app.chart
        await pilot.press("left")
        asked: list[Region] = []
        refresh = chart.refresh
        chart.refresh = lambda *regions, **more: (asked.extend(regions), refresh(*regions, **more))[1]  # type: ignore[method-assign, assignment]
        await pilot.press("left")
        assert len(asked) == 2 and all(region.height == 1 for region in asked)
        asked.clear()
        chart.set_series(chart.series)
        await pilot.pause()
        assert asked == []

    run(check)


def test_nothing_then_something_then_other_sizes_and_themes() -> None:
    async def check(app: Board, pilot: Any) -> None:
        chart = app.chart
        assert "no points yet" in app.text()
        await pilot.press("left", "left_curly_bracket", "right_curly_bracket", "P", "0", "L")
        chart.set_series(series(8))
        await pilot.pause()
        assert "run-7" in app.text()
        for size in ((20, 5), (200, 50), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        before = app.text()
        for theme in ("textual-light", "ansi-dark", "textual-dark"):
            app.theme = theme
            await pilot.pause()
            assert app.text() == before

    run(check, [])


def test_live_points_leave_the_view_as_it_is() -> None:
    async def check(app: Board, pilot: Any) -> None:
        chart = app.chart
        await pilot.press("left", "left_curly_bracket")
        window, crosshair = chart.window, chart.crosshair
        chart.set_series(series(points=220))
        await pilot.pause()
        assert (chart.window, chart.crosshair) == (window, crosshair)
        chart.set_series(series(), x_kind="time")
        await pilot.pause()
        assert chart.window is None and chart.crosshair is None and chart.x_kind == "time"

    run(check)


def test_what_was_painted_in_parts_is_what_is_painted_whole() -> None:
    async def check(app: Board, pilot: Any) -> None:
        chart = app.chart
        chart.styles.border, chart.styles.padding = ("round", "blue"), (1, 2)
        await pilot.pause()
        await pilot.press("left", "left", "right_parenthesis", "P", "P", "left")
        await pilot.pause()
        in_parts = app.text()
        chart.refresh()
        await pilot.pause()
        assert app.text() == in_parts

    run(check)
