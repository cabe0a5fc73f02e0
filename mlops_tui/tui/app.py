"""The app: nine screens over one line to the daemon."""

from __future__ import annotations

import asyncio
import importlib
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from rich.text import Text
from textual import events, work
from textual.binding import Binding
from textual.dom import DOMNode
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.screen import Screen

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client.here import Project
from mlops_tui.tui import chords
from mlops_tui.tui.actions import ACTIONS, PREFIXES, SCREENS, bindings, bound, name_of, shown_key
from mlops_tui.tui.ascii_filter import AsciiFilter
from mlops_tui.tui.crash import report, words
from mlops_tui.tui.css import Css
from mlops_tui.tui.dialogs.messages import Said
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.dialogs.too_small import TooSmall, fits
from mlops_tui.tui.formats import clean, glyphs, use_ascii
from mlops_tui.tui.inside import bindings_of, with_styles_of_now, write
from mlops_tui.tui.link import Link
from mlops_tui.tui.news import Follower, News
from mlops_tui.tui.notifying import Notifier, ring, run_command
from mlops_tui.tui.overlays import Overlays
from mlops_tui.tui.own_keys import keyed, use_keys
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.settings import Look
from mlops_tui.tui.terminal import Terminal
from mlops_tui.tui.themes import ANSI_DARK, ANSI_LIGHT, DARK, LIGHT
from mlops_tui.tui.widgets.lines import Hints

SETTLE = 10
"""Rounds of the loop that a key has to itself."""


def _screen(name: str) -> Callable[[], Screen[Any]]:
    """A screen is loaded when it is first looked at."""

    def make() -> Screen[Any]:
        module = importlib.import_module(f"mlops_tui.tui.screens.{name}")
        made: Screen[Any] = module.SCREEN()
        return with_styles_of_now(made, made.app)

    return make


class MlopsApp(Overlays):
    """Modes, news, messages; what is shown belongs to the screens."""

    CSS_PATH = "styles/app.tcss"
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, Any]] = {name: _screen(name) for name in SCREENS}
    BINDINGS: ClassVar[list[Any]] = [
        *bindings("app"),
        *((name_of(key), f"prefix({key!r})", f"{what} …") for key, what in PREFIXES.items()),
    ]
    AUTO_FOCUS = None

    def __init__(self, home: Home, project: Project, look: Look, *, screen: str = "home") -> None:
        super().__init__(screen)
        self.look = look
        self.link = Link(home, project, read_only=look.read_only)
        self.notifier = Notifier(self.link)
        self.said: list[Said] = []
        self.saying: list[Text] = []
        self.typed: list[str] = []
        self.undoings: list[int] = []
        self.news = News(connected=False, why="connecting")
        self._begun: tuple[str, Hints] | None = None
        """The first key of two, and where its choices are shown."""
        self._follower: Follower | None = None
        use_ascii(look.ascii)
        use_keys(look.settings.keys)
        self._ascii = [AsciiFilter()] if look.ascii else []
        self.ansi_theme_dark, self.ansi_theme_light = ANSI_DARK, ANSI_LIGHT
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = look.theme if look.theme in self.available_themes else DARK.name
        self._no_theme = "" if look.theme in self.available_themes else look.theme
        self.stylesheet = Css(self.get_css_variables())
        self._keys_of = {id: bound(id, keys) for id, keys in look.settings.keys.items()}
        self.set_keymap(self._keys_of)
        self._own: dict[str, set[str]] = {}
        """The user's own keys, and the ids of what each of them does."""
        for id, keys in self._keys_of.items():
            for key in keys.split(","):
                self._own.setdefault(key, set()).add(id)

    # --- life ---

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        return Terminal if found is LinuxDriver else found

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._ascii]

    async def on_mount(self) -> None:
        self._follower = Follower(self.link, self._hear, self.look.interval)
        if self.link.project[1] is not None and not self.look.read_only:
            self._meet_project()
        self.call_after_refresh(self._check_size)
        if self.look.asks:
            self.call_after_refresh(self.ask_profile)
        if self._no_theme:
            self.tell(
                f"there is no theme {self._no_theme!r}",
                "warning",
                hint=keyed("{app.command}set theme and {command.complete} list them"),
            )
        loop = asyncio.get_running_loop()
        for number in (
            signal.SIGTERM,
            signal.SIGHUP,
        ):  # asked to end, or the line is gone: the terminal is given back
            loop.add_signal_handler(number, self.exit, 128 + number, 128 + number)

    def follow_every(self, seconds: float) -> None:
        if self._follower is not None:
            self._follower.interval = seconds

    def on_resize(self) -> None:
        self.call_after_refresh(self._check_size)

    def _check_size(self) -> None:
        """Below the least size a message stands over the screen, which stays as it is."""
        small = isinstance(self.screen, TooSmall)
        if small and fits(self.size):
            self.pop_screen()
        elif not small and not fits(self.size):
            self.push_screen(TooSmall())

    @work(group="project")
    async def _meet_project(self) -> None:
        """A project whose folder one stands in is added, and its data watched, without being asked for."""
        try:
            await self.link.ask("project show")
        except Problem as problem:
            self.complain(problem)

    def on_unmount(self) -> None:
        if self._follower is not None:
            self._follower.stop()
        self.link.close()

    def crashed(self, error: BaseException | None) -> None:
        """Instead of Textual's traceback, which shows the values of variables."""
        if self._follower is not None:
            self._follower.stop()
        self.link.rest()
        path = report(self.link.home, error, type(self.screen).__name__ if self.screen_stack else "")
        self.panic(Text(clean(words(error, path), keep="\n")))

    def _hear(self, news: News) -> None:
        """In the loop, from the follower."""
        self.news = news
        self.link.changed()
        for room in self.rooms() if news else ():
            if room is not self.screen:
                room.mark_stale()
        front = next((each for each in reversed(self.screen_stack) if isinstance(each, Room)), None)
        if front is not None and front.is_mounted:
            front.hear(news)
        if news:
            self._notice(news)

    @work(group="notice")
    async def _notice(self, news: News) -> None:
        """Says what has ended or come, also to someone who looks elsewhere."""
        try:
            notices = await self.notifier.heard(news)
        except Problem as problem:
            self.said.append(Said(time.time_ns() // 1_000_000, "warning", problem.message, problem.code))
            return
        settings = self.look.settings
        for notice in notices:
            self.tell(notice.text, "warning" if notice.bad else "information", lasts=10)
            if not self.is_headless:
                ring(partial(write, self), notice, bell=settings.bell, osc9=settings.osc9)
            if settings.notify:
                try:
                    run_command(settings.notify, notice)
                except (OSError, ValueError) as error:
                    self.tell(f"the command {settings.notify!r} cannot be run: {error}", "error")

    def pulse(self, *, paused: bool) -> Text:
        """The right end of the crumbs: whether news comes in."""
        if paused:
            key = shown_key(
                (self.look.settings.keys.get("room.pause") or ACTIONS["room.pause"].keys).split()[0]
            )
            return Text(f"PAUSED ({key} goes on)", style="bold yellow")
        if self.news.connected:
            return Text(f"{glyphs().live} live", style="green")
        return Text(f"{glyphs().unknown} no daemon: {clean(self.news.why)[:40]}", style="bold red")

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._begun is not None:
            await self._finish_prefix(event, *self._begun)
        else:
            await self._press(event)

    async def _press(self, event: events.Key) -> None:
        """Keys act one after the other, however fast they come. Textual by itself hands a key to the widget with the focus while the key
        before it, which may move the focus, is still on its way: of a burst over a slow line, or of typing ahead, keys would be lost."""
        if isinstance(self.screen, PlanDialog) and self.screen.unseen(event):
            return
        taker = self.focused
        typed = taker is not None and taker.check_consume_key(event.key, event.character)
        if typed or (self.screen.maximized is not None and event.key == "escape"):
            await super().on_event(event)
        else:
            await self._act(event.key)
        for _ in range(SETTLE):  # what the key has set off is done, or has begun, before the next
            await asyncio.sleep(0)

    async def _act(self, key: str) -> None:
        """What a key is bound to, where it is bound. Textual by itself asks every widget on the way to the focus for its keys twice."""
        nodes = (self.focused or self.screen).ancestors_with_self
        reached = next((place for place, node in enumerate(nodes, 1) if node.is_modal), len(nodes))
        for priority, asked in ((True, nodes[::-1]), (False, nodes[:reached])):
            for node in asked:
                for binding in self._bound(key, node):
                    if binding.priority == priority and await self._do(binding.id, binding.action, node):
                        return

    def _bound(self, key: str, node: DOMNode) -> Iterable[Binding]:
        """What a key is bound to in a node: by the user's own keys, else by ours where they have not taken another for it."""
        bindings, own = bindings_of(node), self._own.get(key)
        found = [each for several in bindings.values() for each in several if each.id in own] if own else []
        return found or [each for each in bindings.get(key, ()) if each.id not in self._keys_of]

    async def _do(self, id: str | None, action: str, node: DOMNode) -> bool:
        """Carries an action out; of a deed that is refused now, only says why. False where there is nothing to do."""
        room, found = self.screen, ACTIONS.get(id or "")
        if isinstance(room, Room) and found is not None and found.danger and room.refused(found.id):
            return True
        return await self.run_action(action, node)

    def action_prefix(self, key: str) -> None:
        """Waits for the second key; shows what it may be."""
        if not self.is_modal:
            self._begun = key, self.screen.query_one(Hints)
            self._begun[1].update(key)

    async def _finish_prefix(self, event: events.Key, prefix: str, hints: Hints) -> None:
        self._begun = None
        if hints.is_attached:  # its screen may have been left by the mouse
            hints.update("")
        if self.is_modal:  # a dialog has come in between: the key is its own
            await self._press(event)
            return
        if event.key == "escape":
            return
        if prefix in ("m", "'"):
            self._view(prefix, event.character or "")
            return
        found = chords.meaning(self.screen, prefix, event.key)
        if found is None:
            self.tell(chords.unknown(self.screen, prefix, event.key), "warning")
            return
        node, chord = found
        await self._do(chord.action.id, chord.action.method, node)

    def _view(self, prefix: str, letter: str) -> None:
        """Saves or recalls a view under a letter."""
        room = self.screen
        if not isinstance(room, Room) or not letter.isalnum():
            self.tell("views are saved under a letter or digit", "warning")
        elif prefix == "m":
            room.save_view(letter)
        else:
            room.recall_view(letter)

    def action_app_leave(self) -> None:
        self.exit(0)

    def action_app_leave_now(self) -> None:
        self.exit(0)

    def action_interrupt(self) -> None:
        """^C: nothing is lost by leaving, but a slip of the finger should not do it."""
        self.tell(keyed("press {app.leave} or {app.leave-now} to leave; nothing that runs is stopped"))
