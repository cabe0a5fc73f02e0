"""What every screen has: crumbs, status, hints, news, plans before deeds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.timer import Timer
from textual.widget import Widget

from mlops_store.errors import Problem
from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import ACTIONS, bindings
from mlops_tui.tui.dialogs.jump import Jump
from mlops_tui.tui.dialogs.plan import Confirmed, PlanDialog, Reason
from mlops_tui.tui.formats import clean, glyphs
from mlops_tui.tui.jumping import landings
from mlops_tui.tui.news import News
from mlops_tui.tui.own_keys import key_of, keyed
from mlops_tui.tui.painting import LeanScreen
from mlops_tui.tui.widgets.lines import Crumbs, Hints, Status
from mlops_tui.verbs import find
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.ledger import REVERSIBLE, Undone

if TYPE_CHECKING:
    from mlops_tui.tui.app import MlopsApp
    from mlops_tui.tui.link import Link

_WHOLE_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20}\b")
_OF_THE_HOME = {"run_id", "id", "query"}
"""Fields that say what is meant whatever the project."""
READ_ONLY = "this app only reads; start it without --read-only to change something"


class Room(LeanScreen):
    """A full screen over the daemon's answers. A subclass composes `body()` and asks in `load()`."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ()
    TITLE: ClassVar[str | None] = ""
    BINDINGS: ClassVar[list[Any]] = [
        *bindings("room"),
        Binding("ctrl+c", "app.interrupt", show=False, priority=True),
    ]
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

    # --- what subclasses say ---

    def body(self) -> Iterable[Widget]:
        """The widgets between crumbs and status."""
        return ()

    def load(self) -> object:
        """Asks for everything that is shown; in a worker."""

    def concerns(self, news: News) -> bool:
        """Whether this screen shows something that the news is about."""
        return bool(news)

    def names(self) -> list[str]:
        """The crumbs below the project."""
        return [self.TITLE or ""]

    def twin(self) -> tuple[str, dict[str, Any]]:
        """The verb and fields that show the same in a shell; an empty key where there is none."""
        return "", {}

    def entity(self) -> str:
        """What `related` starts from, such as `run:0192f`; empty where nothing is at hand."""
        return ""

    def filter_by(self, text: str, sort: str | None = None) -> None:
        """Shows only what a filter finds, where the screen is a list; in an order, or ("") its usual one."""

    def save_view(self, letter: str) -> None:
        """Keeps how the screen is looked at, where it is a list."""
        self.mlops.tell("only lists have views to save", "warning")

    def recall_view(self, letter: str) -> object:
        """Looks as it was saved."""
        self.mlops.tell("only lists have views to recall", "warning")
        return None

    def live_in_sight(self) -> bool:
        """Whether something that is shown changes by itself, so that the age of what is shown counts."""
        return False

    def refusal(self, action: str) -> str:
        """Why an action cannot be done now; empty where it can. Its key stays in the strip, dimmed, and says this."""
        found = ACTIONS.get(action)
        return READ_ONLY if found is not None and found.danger and self.link.read_only else ""

    def refused(self, action: str) -> bool:
        """Says why an action cannot be done now, where it cannot."""
        why = self.refusal(action)
        if why:
            self.mlops.tell(why, "warning")
        return bool(why)

    def status(self) -> Text:
        """The left end of the status line."""
        return Text()

    def command_line(self) -> Text:
        """What shows the same in a shell, with ids as short as commands take them; nothing where there is no such command."""
        key, fields = self.twin()
        project = self.link.project[0] if _OF_THE_HOME.isdisjoint(fields) else None
        line = command(key, fields, project=project) if key else ""
        return Text(
            clean("cli: " + _WHOLE_ID.sub(r"\1", line)) if line else "", style="bright_black", no_wrap=True
        )

    # --- frame ---

    @property
    def mlops(self) -> MlopsApp:
        """The app."""
        return cast("MlopsApp", self.app)

    @property
    def link(self) -> Link:
        """The line to the daemon."""
        return self.mlops.link

    @property
    def gone(self) -> bool:
        """The screen was left while an answer was on its way: its widgets are removed before its workers hear of it."""
        return all(child.id != "crumbs" for child in self.children)

    def compose(self) -> ComposeResult:
        # The classes of the size before anything is styled, not after all of it.
        self.add_class(
            *self._get_breakpoint_classes(self.app.size.width, self.HORIZONTAL_BREAKPOINTS), update=False
        )
        self.add_class(
            *self._get_breakpoint_classes(self.app.size.height, self.VERTICAL_BREAKPOINTS), update=False
        )
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

    # --- deeds ---

    async def perform(
        self,
        key: str,
        fields: dict[str, Any],
        *,
        yes: str,
        reason: Reason = "no",
        title: str = "",
        word: str = "",
        notes: Sequence[str] = (),
    ) -> Any:
        """Shows the plan of a verb (after `notes` of the screen's own), asks, carries it out and says so. Returns its answer; None where it was
        left or refused.

        Call it in a worker. A refusal stays on the screen as a message with its hint.
        """
        verb = find(key)
        if verb.writes and self.link.read_only:
            self.mlops.tell(READ_ONLY, "warning")
            return None
        try:
            plan = (
                await self.link.plan(key, fields)
                if verb.plans
                else Plan(title=title or verb.summary, steps=[verb.help or verb.summary])
            )
            plan = Plan(title=plan.title, steps=[*notes, *plan.steps], undo=plan.undo, settled=plan.settled)
            fields = {**fields, **plan.settled}
            line = command(key, fields, project=self.link.project[0])
            if not self.in_front():
                self.mlops.tell("this screen was left before the plan came: nothing was done", "warning")
                return None
            confirmed: Confirmed | None = await self.app.push_screen_wait(
                PlanDialog(plan, command=line, yes=yes, reason=reason, word=word)
            )
            if confirmed is None:
                return None
            if confirmed.reason:
                fields = {**fields, "reason": confirmed.reason}
            answer = await self.link.ask(key, fields)
        except Problem as problem:
            self.mlops.complain(problem)
            return None
        if isinstance(answer, Undone):
            self._undid(answer)
        self.mlops.tell(f"{glyphs().ok} {title or plan.title}{self.undone_by(key)}", detail=line)
        return answer

    def _undid(self, answer: Undone) -> None:
        """What was undone can be done again by a key; what was done again, no more."""
        done = self.mlops.undoings
        if answer.undoes in done:
            done.remove(answer.undoes)
        else:
            done.append(answer.seq)

    def undone_by(self, key: str) -> str:
        """How a deed that was just done is taken back by a key; empty where it is not."""
        if key == "ledger undo":
            return (
                f" {glyphs().bullet} {self.key_of('room.redo')} does it again" if self.mlops.undoings else ""
            )
        return f" {glyphs().bullet} {self.key_of('room.undo')} undoes it" if key in REVERSIBLE else ""

    def key_of(self, id: str) -> str:
        """The first key of an action, the user's own where they have chosen one."""
        return key_of(id)

    def in_front(self) -> bool:
        """Whether this is the screen that one looks at, dialogs aside: what is confirmed is what one sees."""
        return (
            next((each for each in reversed(self.app.screen_stack) if isinstance(each, Room)), None) is self
        )

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

    def action_room_undo(self) -> None:
        self.run_worker(self._undo(), exclusive=True, group="deed")

    async def _undo(self) -> None:
        if await self.perform("ledger undo", {}, yes="Undo", reason="optional") is not None:
            self.load()

    @work(exclusive=True, group="deed")
    async def action_room_redo(self) -> None:
        """Undoes the last undoing of this sitting; that of any other time is a row of the ledger like all others."""
        done = self.mlops.undoings
        if not done:
            self.mlops.tell(
                "nothing was undone since the app was opened",
                "warning",
                hint=keyed("{ledger.undo} in the ledger ({go.ledger}) undoes any entry"),
            )
        elif await self.perform("ledger undo", {"seq": done[-1]}, yes="Redo") is not None:
            self.load()
