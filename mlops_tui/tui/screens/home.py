"""Home: how everything is, and what waits for a decision."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.worker import WorkerFailed

from mlops_store.errors import Problem
from mlops_tui.samples import FIRST_MONTHS, prepare
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.news import News
from mlops_tui.tui.own_keys import key_of, keyed
from mlops_tui.tui.places import Opening, place
from mlops_tui.tui.rest import Rest
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.widgets.board import Board, Row
from mlops_tui.tui.writers.home import decisions, machine
from mlops_tui.verbs._status import StatusReport

if TYPE_CHECKING:
    from mlops_tui.tui.writers.health import Half, More

LATEST = 40
"""Runs and decisions: as many as the highest screens show."""

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
    _more: More | None = None
    _owed = True
    """Whether what is shown besides the status has to be asked for: it changes with the ledger, not with each point of a run."""

    def __init__(self) -> None:
        super().__init__()
        self._rest = Rest(self, self._follow_cursor)

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
        if kind == "entry":
            return f"{names[0]}:{names[1]}"
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
            if self.gone:
                return
            before, self._found = self._found, found
            self._show(something)
            self.loaded()
            ended = before is None or _ids(before) - _ids(found)
            if something and (self._owed or ended or self._shown_model() != self._model()):
                await self._ask_more()
        except Problem as problem:
            self.mlops.complain(problem)

    async def _ask_more(self) -> None:
        """What a large screen has room for, after the first frame: its code is not loaded before, either."""
        from mlops_tui.tui.writers.batches import BATCHES
        from mlops_tui.tui.writers.happened import TELLS
        from mlops_tui.tui.writers.health import More

        chosen, project = self._model(), self.link.project[0]
        told = f"verb in ({', '.join(TELLS)})"
        asked = {"model": chosen[1], "project": chosen[0], "last": BATCHES} if chosen else {}
        monitoring = await self.link.ask("monitor show", asked) if asked else None
        runs = await self.link.ask("run list", {"limit": LATEST})
        entries = await self.link.ask(
            "ledger list", {"limit": LATEST, "filter": f'project = "{project}" {told}' if project else told}
        )
        if not self.gone:
            self._owed, self._more = False, More(chosen, monitoring, runs.items, entries.items)
            self._show(True)

    def _model(self) -> tuple[str, str] | None:
        """Whose batches are shown: the model's at the cursor, else the one's that was shown, else the first one's."""
        found = self._found
        if found is None:
            return None
        models = [(model.project, model.name) for model in found.models]
        kind, *names = self.query_one("#decisions", Board).cursor or ("",)
        card = next((card for card in found.proposals if kind == "proposal" and card.id == names[0]), None)
        at_cursor = (names[0], names[1]) if kind == "model" else (card.project, card.model) if card else None
        return next((each for each in (at_cursor, self._shown_model(), *models) if each in models), None)

    def _shown_model(self) -> tuple[str, str] | None:
        return self._more.model if self._more is not None else None

    def _follow_cursor(self) -> None:
        if self._found is not None and self._model() != self._shown_model():
            self.load()

    def _show(self, something: bool) -> None:
        """Draws all that is known."""
        left, right, found = *self._boards(), self._found
        right.display = something
        if found is None:
            return
        if not something:
            left.write(lambda _width, _room: [Row(Text(line)) for line in keyed(EMPTY).splitlines()])
            return
        more, news = self._more, self.mlops.news.connected
        if more is None:
            left.write(lambda width, _room: decisions(found, width))
            right.write(lambda width, _room: machine(found, width, news=news))
            return
        from mlops_tui.tui.writers.health import left_half, right_half

        def half(write: Half, width: int, room: int) -> list[Row]:
            return write(found, more, width, room, alone=self.has_class("-wide"), news=news)

        left.write(partial(half, left_half))
        right.write(partial(half, right_half))

    def _boards(self) -> tuple[Board, Board]:
        return self.query_one("#decisions", Board), self.query_one("#machine", Board)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_again)

    def _show_again(self) -> None:
        """The same facts, for another size or another line to the daemon."""
        if not self.gone:
            self._show(self.query_one("#machine").display)

    def hear(self, news: News) -> None:
        self._owed |= bool(news.entries) or news.everything
        super().hear(news)

    def mark_stale(self) -> None:
        self._owed = True
        super().mark_stale()

    def action_room_reload(self) -> None:
        self._owed = True
        super().action_room_reload()

    def line_changed(self) -> None:
        super().line_changed()
        self._show_again()

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

    @on(Board.Moved)
    def _moved(self) -> None:
        self._rest.moved()

    @on(Board.Opened)
    def _opened(self, event: Board.Opened) -> None:
        kind, *names = event.target
        if kind == "queue":
            self.mlops.go("queue")
        elif kind == "quarantine":
            self.mlops.go_with_filter("data", f"source={names[1]}")
        elif kind == "model":
            self.mlops.open(*opened("model", names[1], names[0]))
        elif kind == "entry":
            self.mlops.open(*opened(names[0], names[1], names[2]))
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


def _ids(found: StatusReport) -> set[str]:
    return {run.run_id for run in found.runs}


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
