"""How much room there is, and what that means: settings of the home, the state that follows, and the door for new runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_tui.services import disk
from mlops_tui.verbs.home import HomeBudget, SpaceState

SETTING = "budget"
_BACK = 1.1
"""Room has to grow to this many times the limit before a warning is taken back, so that it does not flicker."""


@dataclass(frozen=True)
class Space:
    """Bytes; `used` is None where nobody has counted yet."""

    state: SpaceState
    free: int
    total: int
    used: int | None
    settings: HomeBudget

    @property
    def text(self) -> str:
        """The state in words."""
        free = f"{self.free / 1e9:.1f} GB are free on the disk of the home"
        match self.state:
            case "full":
                return f"{free}: nothing new is started below {self.settings.floor / 1e9:.1f} GB"
            case "low":
                return free
            case "over":
                budget = self.settings.budget or 0
                return (
                    f"the home takes {(self.used or 0) / 1e9:.1f} GB of its budget of {budget / 1e9:.1f} GB"
                )
        return f"there is room: {free}"


def settings(db: Read | Tx) -> HomeBudget:
    """As the ledger has them."""
    row = db.one("SELECT value FROM settings WHERE name = ?", [SETTING])
    try:
        return msgspec.json.decode(row["value"], type=HomeBudget) if row else HomeBudget()
    except msgspec.DecodeError:
        return HomeBudget()  # written by a newer program: the defaults are safe


def look(db: Read | Tx, before: SpaceState = "ok") -> Space:
    """The state of now: one question to the file system, and the last count of the home where it has a budget. `before` is kept where
    the room is just about enough."""
    found = settings(db)
    room = shutil.disk_usage(db.home.path)
    counted = disk.usage(db.home).now() if found.budget is not None else None
    used = counted.bytes if counted else None
    return Space(_state(room.free, used, found, before), room.free, room.total, used, found)


def _state(free: int, used: int | None, found: HomeBudget, before: SpaceState) -> SpaceState:
    if free < found.floor * (_BACK if before == "full" else 1):
        return "full"
    if free < found.warn * (_BACK if before == "low" else 1):
        return "low"
    if found.budget is not None and used is not None:
        limit = found.budget / (_BACK if before == "over" else 1)
        return "over" if used > limit else "ok"
    return before if before == "over" and found.budget is not None else "ok"


def require_room(db: Read | Tx) -> None:
    """The door for new runs: raises Problem `disk_full` below the floor. What runs goes on."""
    found = settings(db)
    free = shutil.disk_usage(db.home.path).free
    if free < found.floor:
        raise Problem(
            "disk_full",
            f"{free // 1_000_000} MB are free on the disk of the home, and below {found.floor // 1_000_000} MB nothing new is started",
            "make room: `mlops-tui home gc --dry-run` says what could go; `mlops-tui home budget --floor` moves the limit",
            status=3,
        )
