"""Home: how everything is, and what waits for a decision."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.worker import WorkerFailed

from mlops_store.errors import Problem
from mlops_tui.samples import FIRST_MONTHS, prepare
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.own_keys import key_of, keyed
from mlops_tui.tui.places import Opening, place
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.widgets.board import Board, Row
from mlops_tui.tui.writers.home import decisions, machine
from mlops_tui.verbs._status import StatusReport

EMPTY = """This home looks after no project yet.

{home.sample} puts the sample project here: a year of real flights, to play with every
screen on real data

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

    _found: StatusReport | None = None

    def body(self) -> Iterable[Widget]:
        boards = VerticalScroll(id="boards", can_focus=False)
        boards.compose_add_child(Board(id="decisions"))
        boards.compose_add_child(Board(id="machine"))
        yield boards

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "status", {}

    def entity(self) -> str:
        kind, *names = self._front().cursor or ("",)
        if kind in ("run", "proposal"):
            return f"{kind}:{names[0]}"
        return f"alias:{names[1]}@champion" if kind == "model" else ""

    def live_in_sight(self) -> bool:
        return self._found is not None and bool(self._found.runs)

    def on_mount(self) -> None:
        self.query_one("#decisions").focus()

    def _front(self) -> Board:
        """The half that has the cursor."""
        return next(
            (board for board in self.query(Board) if board.has_focus), self.query_one("#decisions", Board)
        )

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            found: StatusReport = await self.link.ask("status")
            something = bool(found.projects or found.runs) or await self._any_run()
        except Problem as problem:
            self.mlops.complain(problem)
            return
        if self.gone:
            return
        left, right = self.query_one("#decisions", Board), self.query_one("#machine", Board)
        self._found = found
        right.display = something
        if not something:
            left.write(lambda _width: [Row(Text(line)) for line in keyed(EMPTY).splitlines()])
        else:
            left.write(lambda width: decisions(found, width))
            self._write_machine(found)
        self.loaded()

    def _write_machine(self, found: StatusReport) -> None:
        news = self.mlops.news.connected
        self.query_one("#machine", Board).write(lambda width: machine(found, width, news=news))

    def line_changed(self) -> None:
        super().line_changed()
        if self._found is not None:
            self._write_machine(self._found)

    async def _any_run(self) -> bool:
        """Scripts log runs without any project."""
        return bool((await self.link.ask("run list", {"limit": 1})).items)

    @on(Board.Passed)
    def _passed(self, event: Board.Passed) -> None:
        """From one half to the other."""
        boards = [board for board in self.query(Board) if board.display]
        place = boards.index(event.board) + event.step
        if 0 <= place < len(boards) and boards[place].cursor is not None:
            boards[place].focus()
            boards[place].enter(event.step)

    @on(Board.Opened)
    def _opened(self, event: Board.Opened) -> None:
        kind, *names = event.target
        if kind == "queue":
            self.mlops.go("queue")
        elif kind == "quarantine":
            self.mlops.go_with_filter("data", f"source={names[1]}")
        elif kind == "model":
            self.mlops.open(*opened("model", names[1], names[0]))
        else:
            self.mlops.open(*opened(kind, names[0], ""))

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
            f"the project {added.name} is watched now; {key_of('go.runs')}, then {key_of('run.new')}, trains its model; more months are in the package's sample_projects"
        )


def _new_folder(values: Values) -> tuple[str, str] | None:
    folder = Path(values["folder"]).expanduser()
    if not values["folder"] or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        return "folder", "that is no new folder: name one that does not exist, or is empty"
    return None


def opened(kind: str, id: str, project: str) -> Opening:
    """What shows a run, model or proposal."""
    found = place(kind, id, project)
    assert found is not None  # these kinds always have a screen
    return found


SCREEN = HomeRoom
