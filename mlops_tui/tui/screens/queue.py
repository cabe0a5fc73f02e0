"""Queue: what runs now, and what waits for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_tui.tui.formats import clock, duration, plain, run_state
from mlops_tui.tui.screens.list_room import Column
from mlops_tui.tui.screens.runs import RunsRoom, took

LIVE = "state in (QUEUED, STARTING, RUNNING, STOPPING)"


class QueueRoom(RunsRoom):
    """Runs of every kind that have not ended, oldest first."""

    TITLE = "Queue"
    SORT = "created"
    EMPTY = "nothing runs and nothing waits\n\n2 shows what has run; a there trains a model"

    def columns(self) -> Sequence[Column]:
        return (
            Column(
                "state",
                "status",
                14,
                lambda run: run_state(run.state, run.reason, news=self.mlops.news.connected),
                sort="state",
            ),
            Column("kind", "kind", 9, lambda run: plain(run.kind), sort="kind"),
            Column("name", "run", 20, lambda run: plain(run.name or run.run_id[:12]), sort="name", flex=True),
            Column("model", "model", 16, lambda run: plain(run.model or ""), sort="model", priority=2),
            Column("reason", "why", 20, lambda run: plain(run.reason), priority=1),
            Column("took", "for", 6, lambda run: duration(took(run)), align="right"),
            Column("created", "asked", 11, lambda run: clock(run.created), sort="created"),
        )

    def question(self) -> dict[str, Any]:
        asked = super().question()
        given = asked.get("filter")
        return {**asked, "filter": f"{LIVE} and ({given})" if given else LIVE, "all_kinds": True}


SCREEN = QueueRoom
