"""Going about: the nine screens, what is opened on top of them, the way back, and the project that is looked at."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from textual.screen import ModalScreen, Screen

from mlops_tui.tui.actions import SCREENS
from mlops_tui.tui.inside import Crashing
from mlops_tui.tui.link import Link
from mlops_tui.tui.places import room_of
from mlops_tui.tui.screens.room import Room

LONGEST = 100


class Spot(msgspec.Struct, frozen=True):
    """A place that one has been at: one of the nine screens, or something opened on top of it."""

    mode: str
    make: Callable[[], Room] | None = None


class Travel(Crashing):
    """The part of the app that knows where one is and was."""

    link: Link

    def __init__(self, screen: str) -> None:
        self.DEFAULT_MODE = screen  # type: ignore[misc]  # instead of an empty screen that would be drawn first
        # With NO_COLOR Textual chooses here, before there is a theme, between no colours at all and shades of grey.
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        self._spot_of: WeakKeyDictionary[Screen[Any], Spot] = WeakKeyDictionary()
        self._spots = [Spot(screen)]
        self._spot = 0

    @abstractmethod
    def hush(self) -> None:
        """What was said of the place that is left is said no more."""

    def go(self, name: str) -> None:
        """To one of the nine screens; from what was opened on top of it, back to it."""
        if self.is_modal:
            return
        self.hush()
        self._note(Spot(name))
        if name == self.current_mode:
            while len(self.screen_stack) > 1:
                self.pop_screen()
        else:
            self.switch_mode(name)

    @property
    def is_modal(self) -> bool:
        """A dialog is in front."""
        return isinstance(self.screen, ModalScreen)

    def open(self, make: Callable[..., Room], *args: Any) -> None:
        """A screen on top of this one, made of its class and arguments; escape comes back."""

        def again() -> Room:
            return make(*args)

        self.hush()
        self._note(Spot(self.current_mode, again))
        room = again()
        self._spot_of[room] = self._spots[self._spot]
        self.push_screen(room)

    def _settle(self) -> None:
        """Screens may have been left since: by escape, or because another project is looked at."""
        here = self._spot_of.get(self.screen, Spot(self.current_mode))
        if self._spot and self._spots[self._spot - 1] == here != self._spots[self._spot]:
            self._spot -= 1
        else:
            self._add(here)

    def _note(self, spot: Spot) -> None:
        if self.screen_stack:
            self._settle()
        self._add(spot)

    def _add(self, spot: Spot) -> None:
        if spot == self._spots[self._spot]:
            return
        self._spots = [*self._spots[: self._spot + 1], spot][-LONGEST:]
        self._spot = len(self._spots) - 1

    async def action_history_back(self) -> None:
        await self._travel(-1)

    async def action_history_forward(self) -> None:
        await self._travel(1)

    async def _travel(self, step: int) -> None:
        if self.is_modal:
            return
        self._settle()
        if not 0 <= self._spot + step < len(self._spots):
            return
        self.hush()
        self._spot += step
        spot = self._spots[self._spot]
        await self.switch_mode(spot.mode)
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if spot.make is not None:
            room = spot.make()
            self._spot_of[room] = spot
            await self.push_screen(room)

    def open_lineage(self, entity: str) -> None:
        """What something came from, and what came of it."""
        from mlops_tui.tui.screens.lineage import LineageRoom

        self.open(LineageRoom, entity)

    def action_app_sql(self) -> None:
        from mlops_tui.tui.screens.sql import SqlRoom

        if not self.is_modal:
            self.open(SqlRoom)

    def go_with_filter(self, name: str, filter: str | None, sort: str | None = None) -> None:
        """To a screen, with a filter where one is given ("": none), and an order ("": its usual one)."""
        self.go(name)
        if filter is None or self.is_modal:
            return
        while len(self.screen_stack) > 1:  # what was opened on top of the list
            self.pop_screen()
        room = self.screen
        if isinstance(room, Room):
            self.call_after_refresh(room.filter_by, filter, sort)

    def open_by_command(self, key: str, fields: dict[str, Any]) -> bool:
        """Opens the screen that shows what a command asks for; False where there is none, or where it has no place for an option."""
        fields = {name: given for name, given in fields.items() if given not in (None, False, "", [])}
        project = str(fields.pop("project", self.link.project[0] or ""))
        found = room_of(key, fields, project)
        if found is None or (isinstance(found, str) and fields.keys() - {"filter", "sort", "limit"}):
            return False
        if project != (self.link.project[0] or ""):
            self.choose_project(project)
        if isinstance(found, str):
            self.go_with_filter(found, str(fields.get("filter", "")), str(fields.get("sort", "")))
        else:
            self.open(*found)
        return True

    def rooms(self) -> list[Room]:
        """All screens that have been opened and not left, dialogs aside."""
        found: list[Room] = []
        for name in SCREENS:
            with suppress(KeyError):  # not looked at yet
                found += [screen for screen in self.get_screen_stack(name) if isinstance(screen, Room)]
        return found

    def choose_project(self, name: str) -> None:
        """Looks at one project, or at all; every screen asks anew."""
        self.link.project = (name or None, None)
        for screen in self.rooms():
            screen.project_changed()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if isinstance(self.screen, Room):
            self.screen.load()
            self.screen.show_frame()

    # --- the nine ---

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
