"""Starting work from a list of runs, and finding it there again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import work

from mlops_store.errors import Problem
from mlops_tui.tui.formats import short
from mlops_tui.tui.screens.list_room import ListRoom
from mlops_tui.tui.screens.run_deeds import RunDeeds, label


class RunStarts(RunDeeds, ListRoom):
    """A list of runs that new ones are started from."""

    view = "listed"
    """Which runs are shown: listed ones, archived ones too, or the trash."""

    async def began(self, runs: Sequence[str], what: str) -> None:
        """The cursor goes to what was started; where the list does not show it, says so, and which key does."""
        asked: dict[str, Any] = self.question()
        wanted = "id in ({})".format(", ".join(f'"{run}"' for run in runs))
        given = str(asked.get("filter") or "").strip()
        asked |= {"filter": f"({given}) and {wanted}" if given else wanted, "limit": 1}
        try:
            shown = (await self.link.ask(self.VERB, asked)).items
        except (
            Problem
        ):  # a filter that is none shows nothing; what is wrong with it stands in the status line
            shown = []
        self.table.reset(keep_cursor=not shown, to=shown[0].run_id if shown else "")
        if shown:
            return
        if self.view == "deleted":
            self.mlops.tell(
                f"{what} started; the trash hides it", hint=f"{self.key_of('run.hidden')} leaves the trash"
            )
        elif self.filter_text.strip():
            hidden = f"{what} started; hidden by the filter {short(self.filter_text, 60)}"
            self.mlops.tell(hidden, hint=f"{self.key_of('room.back')} removes the filter", lasts=10)
        else:
            self.mlops.tell(
                f"{what} started; this list does not show it", hint=f"{self.key_of('go.runs')} does"
            )

    @work(exclusive=True, group="deed")
    async def action_run_new(self) -> None:
        from mlops_tui.tui.starting import new_run

        started = await new_run(self)
        if started is not None:
            await self.began([started.run_id], label(started))

    @work(exclusive=True, group="deed")
    async def action_run_sweep(self) -> None:
        from mlops_tui.tui.starting import sweep

        queued = await sweep(self)
        if queued is not None:
            await self.began(queued.runs, f"{len(queued.runs)} runs")

    @work(exclusive=True, group="deed")
    async def action_run_score(self) -> None:
        from mlops_tui.tui.scoring import score

        run = self.table.row_at_cursor
        if await score(self, run.model or "" if run is not None else "") is not None:
            self.mlops.tell(f"scoring; {self.key_of('go.queue')} shows it while it runs")

    @work(exclusive=True, group="deed")
    async def action_run_clone(self) -> None:
        from mlops_tui.tui.starting import clone_run

        run = self.table.row_at_cursor
        if run is None:
            return
        try:
            detail = await self.link.ask("run show", {"run_id": run.run_id})
        except Problem as problem:
            self.mlops.complain(problem)
            return
        started = await clone_run(self, detail)
        if started is not None:
            await self.began([started.run_id], label(started))
