"""What a screen is about: what each screen says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.widget import Widget

from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import ACTIONS
from mlops_tui.tui.formats import clean
from mlops_tui.tui.news import News
from mlops_tui.tui.painting import LeanScreen

if TYPE_CHECKING:
    from mlops_tui.tui.app import MlopsApp
    from mlops_tui.tui.link import Link

_WHOLE_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20}\b")
_OF_THE_HOME = {"run_id", "id", "query"}
"""Fields that say what is meant whatever the project."""
READ_ONLY = "this app only reads; start it without --read-only to change something"


class Subject(LeanScreen):
    """The part of a screen that its subclasses are: what is shown, asked for, copied and refused."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ()
    TITLE: ClassVar[str | None] = ""

    @property
    def mlops(self) -> MlopsApp:
        """The app."""
        return cast("MlopsApp", self.app)

    @property
    def link(self) -> Link:
        """The line to the daemon."""
        return self.mlops.link

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
