"""What is said over the screens and what opens over them: messages, help, command line, palette, choices."""

from __future__ import annotations

import time
from abc import abstractmethod
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text
from textual import work

from mlops_store.errors import Problem
from mlops_tui.tui import clipboard
from mlops_tui.tui.actions import ACTIONS
from mlops_tui.tui.dialogs.messages import STYLES, Messages, Said
from mlops_tui.tui.formats import clean, glyphs, short
from mlops_tui.tui.inside import write
from mlops_tui.tui.own_keys import key_of
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.settings import Look, look
from mlops_tui.tui.travel import Travel
from mlops_tui.tui.widgets.lines import Status


class Overlays(Travel):
    """The part of the app that asks and tells over what is on the screen."""

    look: Look
    said: list[Said]
    saying: list[Text]
    """The messages that stand above the keys now, the oldest first."""
    typed: list[str]
    undoings: list[int]
    """Entries of the ledger by which something was undone in this sitting, and was not done again."""

    # --- messages ---

    def tell(
        self, text: str, level: str = "information", detail: str = "", hint: str = "", lasts: int = 0
    ) -> None:
        """Says something for `lasts` seconds (more or less by the user's settings), with what to do about it, and keeps it in the message log."""
        lines = [text, *([f"{glyphs().arrow} {hint}"] if hint else [])]
        seconds = (lasts or (4 if level == "information" else 8)) * self.look.settings.messages
        self.said.append(Said(time.time_ns() // 1_000_000, level, "\n".join(lines), detail))
        del self.said[:-500]
        shown = Text(" ".join(clean(short(line, 1000)) for line in lines), style=STYLES.get(level, "bold"))
        self.saying = [*self.saying, shown][-Status.MOST :]
        self.set_timer(seconds, partial(self._fall_silent, shown))
        self._show_saying()

    def notify(self, message: str, *, severity: str = "information", **_rest: Any) -> None:
        """What widgets say, in the same place: Textual's toasts would cover rows."""
        self.tell(message, severity)

    def hush(self) -> None:
        """What was said is of the place that is left: only the message log keeps it."""
        if self.saying:
            self.saying = []
            self._show_saying()

    def _fall_silent(self, said: Text) -> None:
        self.saying = [each for each in self.saying if each is not said]
        self._show_saying()

    def _show_saying(self) -> None:
        front = next((each for each in reversed(self.screen_stack) if isinstance(each, Room)), None)
        if front is not None:
            front.show_frame()

    def complain(self, problem: Problem) -> None:
        """Says what went wrong and what to do. That the daemon was stopped stands above already."""
        if problem.code == "daemon_not_running" and not self.link.awake:
            return
        self.tell(problem.message, "error", problem.code, problem.hint)

    def yank(self, text: str, what: str) -> None:
        """Copies text to the clipboard of the terminal, however far away that is."""
        found = clipboard.sequence(text)
        if found is None:
            path = Path(self.link.home.tmp) / "yank.txt"
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                self.tell(f"{what} is too long for the terminal's clipboard, and {path} cannot be written: {error}", "error")  # fmt: skip
                return
            self.tell(f"{what} is too long for the terminal's clipboard; it is in {path}", "warning")
            return
        write(self, found)
        self.tell(f"{what}, sent to the terminal's clipboard: {short(text, 80)}")

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
            name = self.link.project[0]
            where = (
                f" among actions and all of {name}; {key_of('app.project')} looks elsewhere" if name else ""
            )
            chosen = await self.push_screen_wait(
                Palette(entries(room, self.look.settings.keys), finder(self.link), where)
            )
            if chosen is not None:
                await carry_out(self, room, chosen)

    def action_app_messages(self) -> None:
        if not self.is_modal:
            self.push_screen(Messages(self.said))

    @work(exclusive=True, group="command")
    async def action_app_shot(self) -> None:
        from mlops_tui.tui.exporting import export_screen

        if isinstance(self.screen, Room):
            await export_screen(self.screen)

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
        elif self.no_color and not self.available_themes[name].ansi:
            self.tell("NO_COLOR is set: only the ansi themes are without colours", "warning")
        else:
            self.theme = name

    @work(exclusive=True, group="command")
    async def ask_profile(self) -> None:
        """Once for each machine: nobody but the person there knows how good the line is. Leaving keeps what is shown."""
        from mlops_tui.tui.dialogs.choose import Choose
        from mlops_tui.tui.remembering import answers_file, machine, remember

        options = [
            ("ssh", "sparing, as now: the terminal's colours, no mouse, news every 2 s"),
            ("local", "as at a desk: all colours, the mouse, news every second"),
        ]
        chosen = await self.push_screen_wait(Choose(f"Over SSH to {machine()}, the app is", options))
        if chosen == "local":
            own = None if self.look.theme == "ansi-dark" else self.look.theme
            full = look(self.look.settings, profile="local", theme=own, ascii=self.look.ascii)
            self.look = msgspec.structs.replace(
                self.look, profile="local", theme=full.theme, interval=full.interval
            )
            self.choose_theme(full.theme)
            self.follow_every(full.interval)
        mouse = "; the mouse from the next start on" if chosen == "local" else ""
        try:
            remember(answers_file(), chosen or "ssh")
        except OSError as error:
            self.tell(f"the answer cannot be kept: {error}", "warning", hint="`profile` in tui.toml keeps it")
        else:
            self.tell(f"kept for this machine{mouse}", hint="`profile` in tui.toml, or --profile, changes it")

    @abstractmethod
    def follow_every(self, seconds: float) -> None:
        """News come at most this often from now on."""

    async def in_project(self) -> bool:
        """Whether one project is looked at. Where all are, asks which, and looks at that one: for what is done in a project. Call it in a worker."""
        from mlops_tui.tui.dialogs.choose import Choose

        if self.link.project[0] is not None:
            return True
        try:
            found = (await self.link.ask("project list", {"limit": 1000})).items
        except Problem as problem:
            self.complain(problem)
            return False
        if not found:
            return True  # the daemon says what to do
        names = [(each.name, f"{each.name}  {each.dir}") for each in found]
        chosen = (
            names[0][0]
            if len(names) == 1
            else await self.push_screen_wait(Choose("In which project?", names))
        )
        if chosen is not None:
            self.choose_project(chosen)
        return chosen is not None

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
