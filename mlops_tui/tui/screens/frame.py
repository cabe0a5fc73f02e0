"""What stands around every screen: crumbs, status, hints; and when it asks anew."""

from __future__ import annotations

import time

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.timer import Timer

from mlops_tui.tui.news import News
from mlops_tui.tui.screens.subject import Subject
from mlops_tui.tui.widgets.lines import Crumbs, Hints, Status


class Frame(Subject):
    """The part of a screen that draws its frame and hears of changes."""

    HORIZONTAL_BREAKPOINTS = [
        (0, "-narrow"),
        (100, "-normal"),
        (140, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(self) -> None:
        super().__init__()
        self.paused = False
        self.updated: int | None = None
        self._stale = False
        self._seen = False
        self._connected = True
        self._ticking: Timer | None = None

    @property
    def gone(self) -> bool:
        """The screen was left while an answer was on its way: its widgets are removed before its workers hear of it."""
        return all(child.id != "crumbs" for child in self.children)

    def compose(self) -> ComposeResult:
        # The classes of the size before anything is styled, not after all of it.
        width, height = self.app.size
        for size, breakpoints in ((width, self.HORIZONTAL_BREAKPOINTS), (height, self.VERTICAL_BREAKPOINTS)):
            self.add_class(max(each for each in breakpoints if each[0] <= size)[1], update=False)
        yield Crumbs(id="crumbs")
        yield from self.body()
        yield Status(id="status")
        yield Hints(id="hints")

    def on_mount(self) -> None:
        self.show_frame()
        self.load()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        event.refresh_styles = self._seen  # those of a new screen are new
        if self._seen:
            self._meet_line(self.mlops.news.connected)
        else:
            self._seen, self._connected = True, self.mlops.news.connected
        self.show_frame()
        if self._stale and not self.paused:
            self._stale = False
            self.load()

    def show_frame(self) -> None:
        """Draws crumbs and status anew."""
        if not self.is_mounted or self.gone:
            return
        trail = [self.link.project[0] or "all projects", *self.names()]
        self.query_one("#crumbs", Crumbs).trail(trail, self.mlops.pulse(paused=self.paused))
        self._show_status()
        self.query_one("#hints", Hints).update()

    def _show_status(self) -> None:
        """The age of what is shown ticks only while something live is in sight: else the screen rests, and a time says it."""
        ticks = (
            self.updated is not None
            and self.app.screen is self
            and self.mlops.news.connected
            and not self.paused
            and self.live_in_sight()
        )
        if ticks and self._ticking is None:
            self._ticking = self.set_interval(1.0, self._tick)
        elif not ticks and self._ticking is not None:
            self._ticking.stop()
            self._ticking = None
        shown = Text(style="bright_black")
        if self.updated is not None:
            at = time.strftime("%H:%M:%S", time.localtime(self.updated / 1000))
            ago = max(0, time.time_ns() // 1_000_000 - self.updated) // 1000
            shown.append(f"updated {ago} s ago" if ticks else f"updated {at}")
        line = self.query_one("#status", Status)
        line.show(self.status(), shown, self.command_line())
        line.say(self.mlops.saying)

    def _tick(self) -> None:
        if not self.gone:
            self._show_status()

    def loaded(self) -> None:
        """To be called when an answer has been shown."""
        self.updated = time.time_ns() // 1_000_000
        self.show_frame()

    def in_front(self) -> bool:
        """Whether this is the screen that one looks at, dialogs aside: what is confirmed is what one sees."""
        return (
            next((each for each in reversed(self.app.screen_stack) if isinstance(each, Frame)), None) is self
        )

    # --- news ---

    def hear(self, news: News) -> None:
        """Something changed; called for the screen in front."""
        self.show_frame()
        self._meet_line(news.connected)
        if not self.concerns(news) and not news.everything:
            return
        if self.paused:
            self._stale = True
        else:
            self.load()

    def _meet_line(self, connected: bool) -> None:
        if connected != self._connected and self.is_mounted and not self.gone:
            self._connected = connected
            self.line_changed()

    def line_changed(self) -> None:
        """The line to the daemon is there again, or is no more: what is said to run depends on it."""

    def mark_stale(self) -> None:
        """Something changed while this screen was behind another."""
        self._stale = True

    def project_changed(self) -> None:
        """Another project is looked at."""
        self.mark_stale()
