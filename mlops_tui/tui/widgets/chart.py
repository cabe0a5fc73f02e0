"""Curves in the app: a thin widget over `mlops_tui.tui.plot`, which does the drawing. Only what changed on a line is painted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import glyphs
from mlops_tui.tui.plot.chart import Drawing, View, draw, slots
from mlops_tui.tui.plot.colours import Ground, styles
from mlops_tui.tui.plot.curve import Curve, Point, Series
from mlops_tui.tui.plot.glyphs import MODES, Mode
from mlops_tui.tui.plot.lines import changed
from mlops_tui.tui.plot.navigate import Window, moved, nearest, zoomed
from mlops_tui.tui.plot.scale import XKind

__all__ = ["Chart", "Point", "Series"]

SMOOTHINGS = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)


class Chart(Widget, can_focus=True):
    """Up to eight curves over two axes. `set_series` gives them; the rest is how one looks at them.

    `smoothing` from 0 to 0.99, `window`: ends of x or all, `crosshair`: an x or none, `line`: whether the crosshair goes up through the plot
    (it then repaints every row; without it, it is a pointer on the axis and a readout, under 700 bytes a move at 80x24).
    """

    BINDINGS: ClassVar[list[Any]] = bindings("chart")
    DEFAULT_CSS = "Chart { height: 1fr; }"

    log_y: reactive[bool] = reactive(False, repaint=False)
    smoothing: reactive[float] = reactive(0.0, repaint=False)
    x_kind: reactive[XKind] = reactive("step", repaint=False)
    x_label: reactive[str] = reactive("", repaint=False)
    y_label: reactive[str] = reactive("", repaint=False)
    mode: reactive[Mode] = reactive("braille", repaint=False)
    window: reactive[Window] = reactive(None, repaint=False)
    crosshair: reactive[float | None] = reactive(None, repaint=False)
    line: reactive[bool] = reactive(False, repaint=False)
    empty: reactive[str] = reactive("no points yet", repaint=False)

    class AxisAsked(Message):
        """X was pressed: whoever has the points gives them over the other axis with `set_series(…, x_kind=kind)`."""

        def __init__(self, chart: Chart, kind: XKind) -> None:
            super().__init__()
            self.chart, self.kind = chart, kind

        @property
        def control(self) -> Chart:
            return self.chart

    class WindowChanged(Message):
        """Another part of x is in sight (None: all): finer buckets of it may be given."""

        def __init__(self, chart: Chart, window: Window) -> None:
            super().__init__()
            self.chart, self.window = chart, window

        @property
        def control(self) -> Chart:
            return self.chart

    class Pinned(Message):
        """A series was pinned; None: none is."""

        def __init__(self, chart: Chart, name: str | None) -> None:
            super().__init__()
            self.chart, self.name = chart, name

        @property
        def control(self) -> Chart:
            return self.chart

    def __init__(
        self,
        series: Sequence[Series] = (),
        *,
        y_label: str = "",
        x_kind: XKind = "step",
        mode: Mode | None = None,
        empty: str = "no points yet",
        tz: tzinfo | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._tz = tz or UTC
        self._curves: list[Curve] = []
        self._drawing: Drawing | None = None
        self._asked = False
        self._styles_of_roles: dict[str, Style] = {}
        self.set_reactive(Chart.y_label, y_label)
        self.set_reactive(Chart.x_kind, x_kind)
        self.set_reactive(Chart.mode, mode or ("ascii" if glyphs().mode == "ascii" else "braille"))
        self.set_reactive(Chart.empty, empty)
        self.set_series(series)

    # --- what is shown ------------------------------------------------------------------------------------------

    @property
    def series(self) -> list[Series]:
        """The series as they were given, with the pins of now."""
        return [curve.series for curve in self._curves]

    def set_series(self, series: Sequence[Series], *, x_kind: XKind | None = None) -> None:
        """Replaces the curves. A series whose points are the same object as before costs nothing. Another kind of x forgets window and crosshair."""
        known = {id(curve.series.points): curve for curve in self._curves}
        self._curves = [_curve(one, known.get(id(one.points))) for one in series]
        if x_kind is not None and x_kind != self.x_kind:
            self.window = self.crosshair = None
            self.x_kind = x_kind
        self._redraw()

    @property
    def view(self) -> View:
        """How the curves are looked at now."""
        return View(
            mode=self.mode, log_y=self.log_y, smoothing=self.smoothing, x_kind=self.x_kind, window=self.window,
            crosshair=self.crosshair, line=self.line, x_label=self.x_label, y_label=self.y_label, empty=self.empty, tz=self._tz,
        )  # fmt: skip

    def validate_smoothing(self, smoothing: float) -> float:
        return min(max(smoothing, 0.0), 0.99)

    def watch_log_y(self) -> None:
        self._redraw()

    watch_smoothing = watch_x_kind = watch_x_label = watch_y_label = watch_mode = watch_log_y
    watch_window = watch_crosshair = watch_line = watch_empty = watch_log_y

    # --- painting -----------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        """Draws once for all changes of this turn, then has the parts painted that differ."""
        if self.is_attached and not self._asked:
            self._asked = True
            self.call_next(self._settle)

    def _settle(self) -> None:
        self._asked = False
        before = self._drawing
        self._drawing = None
        if before is None or not self.size:
            self.refresh()
            return
        after = self._draw()
        if len(before.lines) != len(after.lines) or (before.lines and _wide(before) != _wide(after)):
            self.refresh()
            return
        regions = [
            Region(start, row, end - start, 1) for row, start, end in changed(before.lines, after.lines)
        ]
        if regions:
            self.refresh(*regions)

    def _draw(self) -> Drawing:
        width, height = max(self.content_size.width, 1), max(self.content_size.height, 1)
        found = self._drawing
        if found is None or (_wide(found), len(found.lines)) != (width, height):
            found = self._drawing = draw(self._curves, width, height, self.view)
        return found

    def render_line(self, y: int) -> Strip:
        lines = self._draw().lines
        if y >= len(lines):
            return Strip.blank(self.content_size.width, self.rich_style)
        looks = self._looks()
        return Strip([Segment(text, looks[role]) for text, role in lines[y]], self.content_size.width)

    def _looks(self) -> dict[str, Style]:
        if not self._styles_of_roles:
            ground: Ground = (
                "ansi" if self.app.native_ansi_color else "dark" if self.app.current_theme.dark else "light"
            )
            background = self.background_colors[1]
            named = styles(ground, background.hex6 if ground != "ansi" else "#000000")
            base = self.rich_style
            self._styles_of_roles = {role: base + Style.parse(style) for role, style in named.items()}
        return self._styles_of_roles

    def notify_style_update(self) -> None:
        """Another theme or a new state (focus) changes the background that faint colours are mixed with."""
        super().notify_style_update()
        self._styles_of_roles = {}

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_chart_log(self) -> None:
        """Log scale of y, and back."""
        self.log_y = not self.log_y

    def action_chart_smoother(self) -> None:
        """The next stronger smoothing."""
        self.smoothing = next((s for s in SMOOTHINGS if s > self.smoothing + 1e-9), SMOOTHINGS[-1])

    def action_chart_rougher(self) -> None:
        """The next weaker smoothing; in the end none."""
        self.smoothing = next((s for s in reversed(SMOOTHINGS) if s < self.smoothing - 1e-9), 0.0)

    def action_chart_axis(self) -> None:
        """Asks for the points over the other axis: steps or time."""
        self.post_message(self.AxisAsked(self, "time" if self.x_kind == "step" else "step"))

    def action_chart_signs(self) -> None:
        """The next kind of signs; a terminal that has only ASCII keeps to it."""
        if glyphs().mode != "ascii":
            self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]

    def action_chart_line(self) -> None:
        """The crosshair as a line through the plot, and back."""
        self.line = not self.line

    def action_chart_left(self) -> None:
        """The crosshair to the bucket before."""
        self.move_crosshair(-1)

    def action_chart_right(self) -> None:
        """The crosshair to the next bucket."""
        self.move_crosshair(1)

    def action_chart_closer(self) -> None:
        """Half as much of x, around the crosshair or the middle."""
        self._look_at(zoomed(_shown(self._curves), self._draw(), self.crosshair, self.window, 0.5))

    def action_chart_wider(self) -> None:
        """Twice as much of x; in the end all of it."""
        self._look_at(zoomed(_shown(self._curves), self._draw(), self.crosshair, self.window, 2.0))

    def action_chart_reset(self) -> None:
        """All of x, without crosshair."""
        self.crosshair = None
        self._look_at(None)

    def action_chart_pin(self) -> None:
        """Pins the next series: on top of the others and first in the legend; after the last one, none."""
        if not self._curves:
            return
        place = next((i for i, one in enumerate(self.series) if one.pinned), -1) + 1
        chosen = [replace(one, pinned=i == place) for i, one in enumerate(self.series)]
        self.set_series(chosen)
        self.post_message(self.Pinned(self, next((one.name for one in chosen if one.pinned), None)))

    def on_click(self, event: events.Click) -> None:
        """Puts the crosshair to the bucket nearest to the mouse."""
        drawing, at = self._draw(), event.get_content_offset(self)
        if at is not None:
            self.crosshair = nearest(_shown(self._curves), drawing, at.x - drawing.left)

    def move_crosshair(self, step: int) -> None:
        """Moves the crosshair to the next bucket in that direction (1 or -1); beyond the window's end the window goes along."""
        self.crosshair, window = moved(_shown(self._curves), self._draw(), self.crosshair, self.window, step)
        self._look_at(window)

    def _look_at(self, window: Window) -> None:
        if window != self.window:
            self.window = window
            self.post_message(self.WindowChanged(self, window))


def _shown(curves: Sequence[Curve]) -> list[Curve]:
    return [curves[place] for place in slots([curve.series for curve in curves])]


def _curve(series: Series, known: Curve | None) -> Curve:
    """The curve of a series; its columns are taken over where the points are the same object."""
    if known is None or known.series.points is not series.points:
        return Curve(series)
    return known.renamed(series)


def _wide(drawing: Drawing) -> int:
    return drawing.left + drawing.columns
