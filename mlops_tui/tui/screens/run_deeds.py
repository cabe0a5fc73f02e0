"""What can be done with runs, one or many: stopped, resumed, tagged, noted, put away, deleted, brought back, started again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from textual import work

from mlops_store.errors import Problem
from mlops_store.records import ENDED
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.pairs import read_pairs
from mlops_tui.tui.screens.room import Room
from mlops_tui.verbs._shapes import Run

_SHOWN = 12


class Targets(msgspec.Struct, frozen=True):
    """Runs that a deed is about: these, or (with `runs` empty) the `count` that a filter finds. Without both it is about nothing."""

    runs: Sequence[Run] = ()
    filter: str = ""
    count: int = 0

    @property
    def fields(self) -> dict[str, Any]:
        """For the verbs that take many runs. Raises Problem where there are none: a blank filter would find all."""
        if self.runs:
            return {"runs": [run.run_id for run in self.runs]}
        if not self.filter.strip():
            raise Problem("no_runs", "no run is named", "mark runs, or move to one")
        return {"filter": self.filter}

    @property
    def words(self) -> str:
        """`late-departure-3`, or `12 runs`."""
        return label(self.runs[0]) if len(self.runs) == 1 else f"{len(self.runs) or self.count} runs"


def label(run: Run) -> str:
    """What a person calls a run."""
    return run.name or run.run_id[:12]


def unfit(action: str, run: Run) -> str:
    """Why something cannot be done with a run; empty where it can."""
    if action == "run.stop" and run.state in ENDED:
        return "what is over cannot be stopped"
    if action == "run.resume" and run.state not in ENDED:
        return "what is not over cannot be resumed"
    if action == "run.unarchive" and not run.archived:
        return "it is not archived: lists show it"
    return ""


class RunDeeds(Room):
    """A screen with runs at hand: `targets` says which."""

    @abstractmethod
    async def targets(self, views: Collection[str] = ()) -> Targets | None:
        """The runs that are marked, else the one at the cursor; None where there is none. Where all are marked, their filter may stand for them in
        these `views` (listed, archived, deleted): there a set verb finds by it what the list shows. Never an empty one: where marks are left of
        nothing, it says so and returns None. Raises Problem."""

    def at_hand(self) -> Run | None:
        """The one run that a deed would be about; None where it is none or several."""
        return None

    def refusal(self, action: str) -> str:
        run = self.at_hand()
        return super().refusal(action) or (unfit(action, run) if run is not None else "")

    def done(self) -> None:
        """Called after a deed."""
        self.load()

    async def began(self, runs: Sequence[str], what: str) -> None:
        """Called when runs have been started; `what` is what a person calls them."""
        self.done()

    # --- sets ---

    @work(exclusive=True, group="deed")
    async def _set(self, key: str, yes: str, views: Collection[str], *, counted: bool = False) -> None:
        try:
            found = await self.targets(views)
            if found is None:
                return
            fields = found.fields
        except Problem as problem:
            self.mlops.complain(problem)
            return
        word = str(len(found.runs) or found.count) if counted else ""
        if await self.perform(key, fields, yes=yes, reason="optional", word=word) is not None:
            self.done()

    def action_run_archive(self) -> None:
        self._set("run archive", "Archive", ("listed", "archived"))

    def action_run_unarchive(self) -> None:
        self._set("run unarchive", "List again", ("archived",))

    def action_run_delete(self) -> None:
        self._set("run delete", "Delete", ("archived",), counted=True)

    def action_run_restore(self) -> None:
        self._set("run restore", "Restore", ("deleted",))

    # --- by name ---

    async def several(
        self,
        key: str,
        runs: Sequence[Run],
        more: dict[str, Any],
        *,
        title: str,
        yes: str,
        steps: Sequence[str] = (),
    ) -> None:
        """One plan and one command for all of them. `steps` are for verbs that have no plan of their own."""
        fields = {"run_id": runs[0].run_id, "more": [run.run_id for run in runs[1:]], **more}
        if steps and len(runs) > 1:
            named = [f"{label(run)}  {run.run_id[:12]}  {run.state.lower()}" for run in runs[:_SHOWN]]
            rest = [f"and {len(runs) - _SHOWN} more"] if len(runs) > _SHOWN else []
            steps = [*steps, *named, *rest]
        if await self.perform(key, fields, yes=yes, title=title, notes=steps) is not None:
            self.done()

    async def _chosen(self, fits: Callable[[Run], bool], why: str) -> Sequence[Run]:
        """The runs at hand that a deed fits; says why where it fits none."""
        try:
            found = await self.targets()
        except Problem as problem:
            self.mlops.complain(problem)
            return ()
        runs = [run for run in found.runs if fits(run)] if found is not None else []
        if found is not None and not runs:
            self.mlops.tell(why, "warning")
        return runs

    @work(exclusive=True, group="deed")
    async def action_run_stop(self) -> None:
        runs = await self._chosen(lambda run: run.state not in ENDED, "what is over cannot be stopped")
        if runs:
            yes = "Stop it" if len(runs) == 1 else "Stop them"
            await self.several("run stop", runs, {}, title=f"Stop {Targets(runs).words}", yes=yes)

    @work(exclusive=True, group="deed")
    async def action_run_resume(self) -> None:
        runs = await self._chosen(lambda run: True, "")
        if runs:
            title = f"Resume {Targets(runs).words}"
            await self.several("run resume", runs, {}, title=title, yes="Resume")

    @work(exclusive=True, group="deed")
    async def action_run_tag(self) -> None:
        runs = await self._chosen(lambda run: True, "")
        if not runs:
            return
        now = await self._tags_of(runs[0]) if len(runs) == 1 else ""
        fields = [
            Field("tags", "set", hint="owner=ann reviewed=yes"),
            Field("remove", "take away", hint=f"names of tags; now: {now}" if now else "names of tags"),
        ]
        values: Values | None = await self.app.push_screen_wait(
            Form(f"Tag {Targets(runs).words}", fields, yes="Plan", check=_check_tags)
        )
        if values is None:
            return
        tags = {key: str(value) for key, value in read_pairs(values["tags"]).items()}
        remove = values["remove"].split()
        steps = [f"set {key} = {value}" for key, value in tags.items()] + [
            f"take {key} away" for key in remove
        ]
        more = {"tags": tags, "remove": remove}
        await self.several("run tag", runs, more, title=f"Tag {Targets(runs).words}", steps=steps, yes="Tag")

    async def _tags_of(self, run: Run) -> str:
        """The tags of a run as they are typed; a row of a list has none of them."""
        try:
            found = await self.link.ask("run show", {"run_id": run.run_id})
        except Problem as problem:
            self.mlops.complain(problem)
            return ""
        return " ".join(f"{key}={value}" for key, value in found.tags.items())

    @work(exclusive=True, group="deed")
    async def action_run_note(self) -> None:
        runs = await self._chosen(lambda run: True, "")
        if not runs:
            return
        before = runs[0].note if len(runs) == 1 else ""
        values: Values | None = await self.app.push_screen_wait(
            Form(
                f"Note on {Targets(runs).words}",
                [Field("text", "note", before, hint="empty: no note")],
                yes="Plan",
            )
        )
        if values is not None:
            steps = [f"write: {values['text']}" if values["text"] else "take the note away"]
            title = f"Note on {Targets(runs).words}"
            await self.several(
                "run note", runs, {"text": values["text"]}, title=title, steps=steps, yes="Write"
            )

    @work(exclusive=True, group="deed")
    async def action_run_again(self) -> None:
        from mlops_tui.tui.starting import rerun

        runs = await self._chosen(lambda run: True, "")
        if len(runs) > 1:
            self.mlops.tell("one run at a time is started again", "warning")
        elif runs:
            try:
                detail = await self.link.ask("run show", {"run_id": runs[0].run_id})
            except Problem as problem:
                self.mlops.complain(problem)
                return
            started = await rerun(self, detail)
            if started is not None:
                await self.began([started.run_id], label(started))

    @work(exclusive=True, group="deed")
    async def action_run_adopt(self) -> None:
        fields = [
            Field("paths", "folder", hint="of a run, copied from another box or home"),
            Field("lost", "no exit", "refuse", choices=("refuse", "take as lost")),
        ]
        values: Values | None = await self.app.push_screen_wait(
            Form(
                "Take up a run from another box",
                fields,
                yes="Plan",
                check=lambda values: None if values["paths"] else ("paths", "this is needed"),
            )
        )
        if values is not None:
            asked = {"paths": [values["paths"]], "lost": values["lost"] != "refuse"}
            if (
                await self.perform("run adopt", asked, yes="Take it up", title=f"Take up {values['paths']}")
                is not None
            ):
                self.done()


def _check_tags(values: Values) -> tuple[str, str] | None:
    try:
        found = read_pairs(values["tags"])
    except ValueError as error:
        return "tags", str(error)
    return None if found or values["remove"].split() else ("tags", "name a tag to set or to take away")
