"""What every screen is."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import work
from textual.binding import Binding

from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.jump import Jump
from mlops_tui.tui.jumping import landings
from mlops_tui.tui.screens.deeds import Deeds


class Room(Deeds):
    """A full screen over the daemon's answers, with the keys of all of them. A subclass composes `body()` and asks in `load()`."""

    BINDINGS: ClassVar[list[Any]] = [
        *bindings("room"),
        Binding("ctrl+c", "app.interrupt", show=False, priority=True),
    ]

    def action_room_pause(self) -> None:
        self.paused = not self.paused
        if not self.paused and self._stale:
            self._stale = False
            self.load()
        self.show_frame()

    def action_room_reload(self) -> None:
        self.link.wake()
        self.load()

    def action_room_back(self) -> None:
        self.mlops.hush()
        if self.selections:  # of text, by the mouse
            self.clear_selection()
            return
        if len(self.app.screen_stack) > 1:
            self.dismiss(None)
        elif self.mlops.current_mode != "home":
            self.mlops.go("home")

    def action_room_zoom(self) -> None:
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            self.maximize(self.focused)

    def action_copy_command(self) -> None:
        key, fields = self.twin()
        if key:
            self.mlops.yank(command(key, fields, project=self.link.project[0]), "the command")
        else:
            self.mlops.tell("this screen has no command", "warning")

    def entity_or_nothing(self) -> str:
        """The entity; says so where there is none."""
        found = self.entity()
        if not found:
            self.mlops.tell("there is nothing here to follow", "warning")
        return found

    def action_room_related(self) -> None:
        found = self.entity_or_nothing()
        if found:
            self.mlops.open_lineage(found)

    @work(exclusive=True, group="jump")
    async def action_room_jump(self) -> None:
        landing = await self.app.push_screen_wait(Jump(landings(self)))
        if landing is not None:
            landing.go()
