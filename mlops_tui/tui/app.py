"""The app: nine screens over one line to the daemon."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events, work
from textual.app import App
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client.here import Project
from mlops_tui.tui import chords, clipboard
from mlops_tui.tui.actions import ACTIONS, PREFIXES, SCREENS, bindings, name_of
from mlops_tui.tui.dialogs.messages import Messages, Said
from mlops_tui.tui.formats import clean, glyphs, use_ascii
from mlops_tui.tui.link import Link
from mlops_tui.tui.news import Follower, News
from mlops_tui.tui.places import room_of
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.settings import Look
from mlops_tui.tui.themes import DARK, LIGHT
from mlops_tui.tui.widgets.lines import Hints


def _screen(name: str) -> Callable[[], Screen[Any]]:
    """A screen is loaded when it is first looked at."""

    def make() -> Screen[Any]:
        module = importlib.import_module(f"mlops_tui.tui.screens.{name}")
        made: Screen[Any] = module.SCREEN()
        return made

    return make


class MlopsApp(App[int]):
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
        super().__init__()
        self.look = look
        self.link = Link(home, project, read_only=look.read_only)
        self.said: list[Said] = []
        self.typed: list[str] = []
        self.news = News(connected=False, why="connecting")
        self._first = screen
        self._prefix = ""
        self._follower: Follower | None = None
        use_ascii(look.ascii)
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = look.theme if look.theme in self.available_themes else DARK.name
        self.set_keymap(
            {id: ",".join(name_of(key) for key in keys.split()) for id, keys in look.settings.keys.items()}
        )

    # --- life ---

    async def on_mount(self) -> None:
        self.switch_mode(self._first)
        self._follower = Follower(self.link.home, self._hear, self.look.interval)

    def on_unmount(self) -> None:
        if self._follower is not None:
            self._follower.stop()
        self.link.close()

    def get_loading_widget(self) -> Widget:
        return Static("loading", classes="loading")

    def _hear(self, news: News) -> None:
        """In the loop, from the follower."""
        self.news = news
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, Room) and screen is not self.screen and news:
                    screen.mark_stale()
        front = next((each for each in reversed(self.screen_stack) if isinstance(each, Room)), None)
        if front is not None and front.is_mounted:
            front.hear(news)

    def pulse(self, *, paused: bool) -> Text:
        """The right end of the crumbs: whether news comes in."""
        if paused:
            return Text("PAUSED (p goes on)", style="bold yellow")
        if self.news.connected:
            return Text(f"{glyphs().live} live", style="green")
        return Text(f"{glyphs().unknown} no daemon: {clean(self.news.why)[:40]}", style="bold red")

    # --- going about ---

    def go(self, name: str) -> None:
        """To one of the nine screens."""
        if self.is_modal:
            return
        self.switch_mode(name)

    @property
    def is_modal(self) -> bool:
        """A dialog is in front."""
        return not isinstance(self.screen, Room)

    def open(self, room: Room) -> None:
        """A screen on top of this one; escape comes back."""
        self.push_screen(room)

    def open_lineage(self, entity: str) -> None:
        """What something came from, and what came of it."""
        from mlops_tui.tui.screens.lineage import LineageRoom

        self.open(LineageRoom(entity))

    async def on_event(self, event: events.Event) -> None:
        if self._prefix and isinstance(event, events.Key) and not event.is_forwarded:
            await self._finish_prefix(event)
            return
        await super().on_event(event)

    def action_prefix(self, key: str) -> None:
        """Waits for the second key; shows what it may be."""
        if not self.is_modal:
            self._prefix = key
            self.screen.query_one(Hints).update(key)

    async def _finish_prefix(self, event: events.Key) -> None:
        prefix, self._prefix = self._prefix, ""
        self.screen.query_one(Hints).update()
        if event.key == "escape":
            return
        found = chords.meaning(self.screen, prefix, event.key)
        if found is None:
            self.tell(chords.unknown(prefix, event.key), "warning")
            return
        node, chord = found
        await self.run_action(chord.action.method, node)

    # --- messages ---

    def tell(self, text: str, level: str = "information", detail: str = "") -> None:
        """Says something in passing, and keeps it in the message log."""
        self.said.append(Said(time.time_ns() // 1_000_000, level, text, detail))
        del self.said[:-500]
        self.notify(clean(text), severity=level, markup=False, timeout=4 if level == "information" else 8)  # type: ignore[arg-type]

    def complain(self, problem: Problem) -> None:
        """Says what went wrong and what to do."""
        self.tell(
            f"{problem.message}\n{glyphs().arrow} {problem.hint}" if problem.hint else problem.message,
            "error",
            problem.code,
        )

    def yank(self, text: str, what: str) -> None:
        """Copies text to the clipboard of the terminal, however far away that is."""
        found = clipboard.sequence(text)
        if found is None:
            path = Path(self.link.home.tmp) / "yank.txt"
            path.write_text(text, encoding="utf-8")
            self.tell(f"{what} is too long for the terminal's clipboard; it is in {path}", "warning")
            return
        if self._driver is not None:
            self._driver.write(found)
        self.tell(f"copied {what}")

    # --- actions ---

    def action_go_home(self) -> None:
        self.go("home")

    def action_go_runs(self) -> None:
        self.go("runs")

    def action_go_models(self) -> None:
        self.go("models")

    def action_go_features(self) -> None:
        self.go("features")

    def action_go_data(self) -> None:
        self.go("data")

    def action_go_monitoring(self) -> None:
        self.go("monitoring")

    def action_go_proposals(self) -> None:
        self.go("proposals")

    def action_go_queue(self) -> None:
        self.go("queue")

    def action_go_ledger(self) -> None:
        self.go("ledger")

    # --- overlays ---

    def action_app_help(self) -> None:
        from mlops_tui.tui.dialogs.help import Help

        if not self.is_modal:
            self.push_screen(Help(self._contexts(), self.look.settings.keys))

    def _contexts(self) -> list[str]:
        """The contexts of the screen in front, the nearest first."""
        bound = [active.binding.id for active in self.screen.active_bindings.values()]
        return list(dict.fromkeys(where for id in bound if id in ACTIONS for where in ACTIONS[id].contexts))

    @work(exclusive=True, group="command")
    async def action_app_command(self) -> None:
        from mlops_tui.tui.commanding import carry_out, complete
        from mlops_tui.tui.dialogs.command_line import CommandLine

        room = self.screen
        if not isinstance(room, Room):
            return
        themes = sorted(self.available_themes)
        line = await self.push_screen_wait(CommandLine(lambda text: complete(text, themes), self.typed))
        if line is not None:
            self.typed = [*(old for old in self.typed if old != line), line][-200:]
            await carry_out(self, room, line)

    @work(exclusive=True, group="command")
    async def action_app_palette(self) -> None:
        from mlops_tui.tui.dialogs.palette import Palette
        from mlops_tui.tui.finding import carry_out, entries, finder

        room = self.screen
        if isinstance(room, Room):
            chosen = await self.push_screen_wait(
                Palette(entries(room, self.look.settings.keys), finder(self.link))
            )
            if chosen is not None:
                await carry_out(self, room, chosen)

    def action_app_messages(self) -> None:
        if not self.is_modal:
            self.push_screen(Messages(self.said))

    @work(exclusive=True, group="command")
    async def action_app_themes(self) -> None:
        from mlops_tui.tui.dialogs.choose import Choose

        chosen = await self.push_screen_wait(
            Choose("Theme", [(name, name) for name in sorted(self.available_themes)])
        )
        if chosen is not None:
            self.choose_theme(chosen)

    def choose_theme(self, name: str) -> None:
        """Changes the colours. With `NO_COLOR` only an ANSI theme sends none."""
        if name not in self.available_themes:
            self.tell(f"there is no theme {name!r}", "warning")
        elif os.environ.get("NO_COLOR") and not self.available_themes[name].ansi:
            self.tell("NO_COLOR is set: only the ansi themes are without colours", "warning")
        else:
            self.theme = name

    @work(exclusive=True, group="command")
    async def action_app_project(self) -> None:
        from mlops_tui.tui.dialogs.choose import Choose

        try:
            found = await self.link.ask("project list", {"limit": 1000})
        except Problem as problem:
            self.complain(problem)
            return
        names = [("", "all projects"), *((each.name, f"{each.name}  {each.dir}") for each in found.items)]
        chosen = await self.push_screen_wait(Choose("Project", names))
        if chosen is not None:
            self.choose_project(chosen)

    def choose_project(self, name: str) -> None:
        """Looks at one project, or at all; every screen asks anew."""
        self.link.project = (name or None, None)
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, Room):
                    screen.mark_stale()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if isinstance(self.screen, Room):
            self.screen.load()
            self.screen.show_frame()

    def go_with_filter(self, name: str, filter: str) -> None:
        """To a screen, with a filter where one is given."""
        self.go(name)
        if filter and isinstance(self.screen, Room):
            self.call_after_refresh(self.screen.filter_by, filter)

    def open_by_command(self, key: str, fields: dict[str, Any]) -> bool:
        """Opens the screen that shows what a command asks for; False where there is none."""
        room = room_of(key, fields, self.link.project[0] or "")
        if isinstance(room, str):
            self.go_with_filter(room, str(fields.get("filter") or ""))
        elif room is not None:
            self.open(room)
        return room is not None

    def action_app_leave(self) -> None:
        self.exit(0)

    def action_app_leave_now(self) -> None:
        self.exit(0)

    def action_interrupt(self) -> None:
        """^C: nothing is lost by leaving, but a slip of the finger should not do it."""
        self.tell("press q or ctrl+q to leave; nothing that runs is stopped")
