"""What time brings: schedules that come round, cards that expire, snoozes that end, firings that waited long enough."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_tui.services import card_life, drift_runs, triggers
from mlops_tui.services.configs import look

if TYPE_CHECKING:
    from mlops_tui.daemon.watch import Writes
    from mlops_tui.project.schema import ModelConfig, ProjectConfig

LOG = logging.getLogger("mlops_tui.daemon")

PERIOD = 1.0
SLOW_PERIOD = 15.0


class Schedule:
    """`start`, `tick` again and again, `stop`. Remembers nothing: what is due is worked out from the ledger, so that what came
    round while no daemon ran is found at the first tick, and folds into one firing."""

    def __init__(
        self,
        writer: Writes,
        *,
        period: float = PERIOD,
        slow: float = SLOW_PERIOD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._period = period
        self._slow = slow
        self._clock = clock
        self._last = float("-inf")
        self._last_slow = float("-inf")

    def start(self) -> None:
        """Nothing to do before the first tick."""

    def stop(self) -> None:
        """Nothing to let go of."""

    def busy(self) -> bool:
        """A schedule is a reason to stay, but watching its project is one already."""
        return False

    def tick(self) -> None:
        """Cards follow their runs every second; the rest is asked a few times a minute."""
        now = self._clock()
        if now - self._last < self._period:
            return
        self._last = now
        if self._writer.recall(_cards_to_move):
            self._writer.call(card_life.started, actor="daemon")
        if now - self._last_slow < self._slow:
            return
        self._last_slow = now
        if self._writer.recall(_cards_with_an_end):
            self._writer.call(card_life.expire, actor="daemon")
        for project in self._writer.recall(_projects):
            seen = look(
                project["dir"]
            )  # a run could only fail by a mlops.toml that is wrong: all waits until it is right
            if seen.problem is None and seen.config is not None and seen.config.name == project["name"]:
                self._project(seen.config, project["dir"])

    def _project(self, config: ProjectConfig, directory: str) -> None:
        for model in config.models.values():
            if not model.spine and not model.command:
                continue
            try:
                self._writer.call(_step(config, directory, model), actor="schedule")
            except (Problem, ValueError) as error:
                LOG.warning("model %s of %s: %s", model.name, config.name, error)


def _step(config: ProjectConfig, directory: str, model: ModelConfig) -> Callable[[Tx], None]:
    def step(tx: Tx) -> None:
        triggers.on_schedule(tx, config.name, model)
        triggers.release_waiting(tx, config.name, model)
        drift_runs.ensure_drift(tx, config, directory, model)

    return step


def _cards_to_move(read: Read) -> bool:
    return read.one("SELECT 1 AS one FROM proposals WHERE state = 'APPROVED' LIMIT 1") is not None


def _cards_with_an_end(read: Read) -> bool:
    return read.one("SELECT 1 AS one FROM proposals WHERE state IN ('OPEN', 'SNOOZED') LIMIT 1") is not None


def _projects(read: Read) -> list[dict[str, Any]]:
    return read.rows("SELECT name, dir FROM projects WHERE removed IS NULL")
