"""The metrics of runs: a strip of names, and the chart of the one at the cursor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean, glyphs
from mlops_tui.tui.plot.navigate import Window
from mlops_tui.tui.widgets.chart import Chart, Series
from mlops_tui.tui.widgets.lines import Line

SMOOTH = 0.6
"""What a noisy curve is smoothed by until somebody says otherwise."""


class Curves(Vertical):
    """Posts `Asked` for the metric that is shown, over steps or time; the screen answers with `show`."""

    DEFAULT_CSS = "Curves { height: 1fr; } Curves > Chart { height: 1fr; }"
    BINDINGS: ClassVar[list[Any]] = bindings("curves")

    class Asked(Message):
        """The curve of `metric` is wanted; `axis` is step or time. `window`: only this part of x, all the finer; None: all."""

        def __init__(self, curves: Curves, metric: str, axis: str, window: Window = None) -> None:
            super().__init__()
            self.curves, self.metric, self.axis, self.window = curves, metric, axis, window

        @property
        def fields(self) -> dict[str, Any]:
            """What `run metrics` is asked besides the run."""
            span = (
                {}
                if self.window is None
                else {"start": math.floor(self.window[0]), "end": math.ceil(self.window[1])}
            )
            return {
                "keys": [self.metric],
                "axis": self.axis,
                "buckets": max(50, min(2 * self.curves.size.width, 1000)),
                **span,
            }

        @property
        def control(self) -> Curves:
            return self.curves

    def __init__(self, *, empty: str = "no metrics have been logged", id: str | None = None) -> None:
        super().__init__(id=id)
        self._names: list[str] = []
        self._place = 0
        self._empty = empty
        self._smoothing = 0.0
        """What was chosen here; whoever chooses another keeps it."""
        self._whole: list[Series] = []
        self._exact = True

    def compose(self) -> ComposeResult:
        yield Line()
        yield Chart(empty=self._empty)

    def on_mount(self) -> None:
        self._draw_names()

    @property
    def metric(self) -> str:
        """The metric at the cursor; empty where there is none."""
        return self._names[self._place] if self._names else ""

    @property
    def chart(self) -> Chart:
        """The chart."""
        return self.query_one(Chart)

    def offer(self, names: Sequence[str]) -> None:
        """The metrics there are; the cursor stays on its own. Asks for the curve."""
        before = self.metric
        self._names = list(names)
        self._place = self._names.index(before) if before in self._names else 0
        self._draw_names()
        self._ask()

    def show(self, asked: Asked, series: Sequence[Series], *, exact: bool = False) -> None:
        """The answer to `asked`; a late one, for another metric or window, is dropped. `exact`: every point has an entry, so that there is
        nothing finer."""
        if asked.metric != self.metric or not self.query(Chart):
            return
        if asked.window is None:
            self._whole, self._exact = list(series), exact
            self.chart.y_label = asked.metric
            if self.chart.smoothing == self._smoothing:
                self._smoothing = SMOOTH if any(noisy(each.points) for each in series) else 0.0
                self.chart.smoothing = self._smoothing
            self.chart.set_series(series)
            self._ask_closer(self.chart.window)
        elif asked.window == self.chart.window:
            self.chart.set_series(closer(self._whole, series, asked.window))

    @on(Chart.WindowChanged)
    def _window(self, event: Chart.WindowChanged) -> None:
        event.stop()
        if event.window is None:
            self.chart.set_series(self._whole)
        self._ask_closer(event.window)

    def _ask_closer(self, window: Window) -> None:
        if window is not None and not self._exact and self._whole:
            self.post_message(self.Asked(self, self.metric, self.chart.x_kind, window))

    def _ask(self) -> None:
        if self.metric:
            self.post_message(self.Asked(self, self.metric, self.chart.x_kind))

    @on(Chart.AxisAsked)
    def _axis(self, event: Chart.AxisAsked) -> None:
        event.stop()
        self.chart.set_series([], x_kind=event.kind)
        self._ask()

    def _draw_names(self) -> None:
        shown = Text(no_wrap=True)
        for place in range(max(0, self._place - 2), len(self._names)):
            name = clean(self._names[place])
            shown.append(f" {name} ", style="bold reverse" if place == self._place else "bright_black")
            shown.append(" ")
        count = f"{self._place + 1}/{len(self._names)} {glyphs().bullet} < > metric" if self._names else ""
        self.query_one(Line).show(shown, Text(count, style="bright_black"))

    def _step(self, step: int) -> None:
        if self._names:
            self._place = (self._place + step) % len(self._names)
            self._draw_names()
            self.chart.set_series([])
            self._ask()

    def action_curves_next(self) -> None:
        self._step(1)

    def action_curves_previous(self) -> None:
        self._step(-1)


def closer(whole: Sequence[Series], part: Sequence[Series], window: tuple[float, float]) -> list[Series]:
    """Curves with a part of them seen closer: outside of the window they stay as they were."""
    low, high = window
    fine = {series.name: series.points for series in part}
    return [
        replace(
            series,
            points=[
                *(point for point in series.points if point[0] < low),
                *(point for point in fine[series.name] if low <= point[0] <= high),
                *(point for point in series.points if point[0] > high),
            ],
        )
        if series.name in fine
        else series
        for series in whole
    ]


def noisy(points: Sequence[Sequence[float]]) -> bool:
    """Whether a curve goes up and down more than it goes anywhere: of 30 buckets or more, every third one turns around."""
    last = [point[3] for point in points]
    steps = [b - a for a, b in pairwise(last) if b != a]
    turns = sum((a > 0) != (b > 0) for a, b in pairwise(steps))
    return len(last) >= 30 and 3 * turns > len(last)


def series_of(
    curves: Mapping[str, Any], pinned: str = "", goal: Literal["max", "min", ""] = ""
) -> list[Series]:
    """Series named by run from (name → Curve); `goal`: which value is best."""
    return [
        Series(name, curve.buckets, pinned=name == pinned, nonfinite=curve.nonfinite, goal=goal)
        for name, curve in curves.items()
    ]
