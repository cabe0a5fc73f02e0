"""Home: how everything is, and what waits for a decision."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.widget import Widget
from textual.worker import WorkerFailed

from mlops_store.errors import Problem
from mlops_tui.samples import FIRST_MONTHS, prepare
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.verbs._status import StatusReport

EMPTY = """This home looks after no project yet.

D   puts the sample project here: a year of real flights, to play with
    every screen on real data

Your own folder of CSV or Parquet files becomes a project in a shell:

    mlops-tui init FOLDER --target COLUMN

and one that has an mlops.toml already:

    mlops-tui project add FOLDER
"""


class HomeRoom(Room):
    """Health of the project, or of all."""

    TITLE = "Home"
    CONTEXTS = ("home",)
    BINDINGS: ClassVar[list[Any]] = bindings("home")

    def body(self) -> Iterable[Widget]:
        yield Doc(id="health")

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "status", {}

    def on_mount(self) -> None:
        self.query_one("#health").focus()

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            found: StatusReport = await self.link.ask("status")
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self.query_one("#health", Doc).write(lambda width: health(found, width))
        self.loaded()

    @work(exclusive=True, group="deed")
    async def action_home_sample(self) -> None:
        fields = [Field("folder", "new folder", str(Path.cwd() / "mlops-tui-sample"))]
        values: Values | None = await self.app.push_screen_wait(
            Form("Put the sample project into", fields, yes="Copy", check=_new_folder)
        )
        if values is None:
            return
        folder = Path(values["folder"]).expanduser()
        try:
            await self.run_worker(
                lambda: prepare(folder, FIRST_MONTHS), thread=True, exit_on_error=False
            ).wait()
            added = await self.link.ask("project add", {"dir": str(folder.absolute() / "flight_delays")})
        except (Problem, OSError, WorkerFailed) as error:
            self.mlops.complain(
                error
                if isinstance(error, Problem)
                else Problem("sample_failed", str(error), "choose another folder")
            )
            return
        self.mlops.choose_project(added.name)
        self.mlops.tell(
            f"the project {added.name} is watched now; 2, then a, trains its model; more months are in the package's sample_projects"
        )


def _new_folder(values: Values) -> tuple[str, str] | None:
    folder = Path(values["folder"]).expanduser()
    if not values["folder"] or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        return "folder", "that is no new folder: name one that does not exist, or is empty"
    return None


def health(found: StatusReport, width: int) -> Text:
    """The page, or what to do where there is nothing to show."""
    return page("status", found, width) if found.projects else Text(EMPTY)


SCREEN = HomeRoom
