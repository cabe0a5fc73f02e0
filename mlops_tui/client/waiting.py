"""Waiting for a run by following events: asks only when something has changed."""

from __future__ import annotations

import math
import operator
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlops_store.errors import Problem
from mlops_store.records import ENDED
from mlops_tui.client.client import SILENCE, Client
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.verbs.run import LogChunk, RunLogs, RunRef
from mlops_tui.verbs.top import Event

_CONDITION = re.compile(r"^\s*(best|last|min|max|count)\(\s*([^()]+?)\s*\)\s*(>=|<=|==|>|<)\s*(\S+)\s*$")
_OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq}
_PAUSE = 0.5
_LOG_PAUSE = 0.3


@dataclass(frozen=True)
class Condition:
    """`best(roc_auc) > 0.8`."""

    which: str
    key: str
    operator: str
    number: float

    @staticmethod
    def parse(text: str) -> Condition:
        """Raises Problem `bad_condition`."""
        match = _CONDITION.match(text)
        try:
            number = float(match.group(4)) if match else math.nan
        except ValueError:
            number = math.nan
        if match is None or math.isnan(number):
            raise Problem(
                "bad_condition",
                f"{text!r} is not a condition",
                "write it as 'best(KEY) > NUMBER'; best, last, min, max or count; >, >=, <, <= or ==",
                status=2,
            )
        return Condition(match.group(1), match.group(2), match.group(3), number)

    def holds(self, run: RunDetail) -> bool:
        """False as long as the metric is not there."""
        summary = run.metrics.get(self.key)
        value = getattr(summary, self.which) if summary is not None else None
        if value is None:
            return False
        compare: Callable[[float, float], bool] = _OPERATORS[self.operator]
        return compare(value, self.number)


def wait_for_run(
    client: Client,
    run_id: str,
    *,
    until: Condition | None = None,
    timeout: float | None = None,
    seen: Callable[[RunDetail], None] = lambda _run: None,
) -> RunDetail:
    """Returns when the run has ended and its outcome is in the ledger, or `until` holds. `seen` gets every state on the way.

    Raises Problem `wait_timeout` (status 3) after `timeout` seconds; the run goes on.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    for _ in _news(client, run_id, deadline):
        run: RunDetail = client.call("run show", RunRef(run_id=run_id))
        run_id = run.run_id
        seen(run)
        if (run.state in ENDED and run.settled) or (until is not None and until.holds(run)):
            return run
        if deadline is not None and time.monotonic() >= deadline:
            break
    raise Problem(
        "wait_timeout",
        f"run {run_id} has not ended in time; it goes on",
        f"`mlops-tui wait {run_id}`",
        status=3,
    )


def _news(client: Client, run_id: str, deadline: float | None) -> Iterator[None]:
    """Yields at once, whenever something about the run may have changed, and when the time is up. A daemon that goes away
    in the middle is asked again, which starts the next one."""
    while True:
        client.ping()
        left = SILENCE if deadline is None else min(SILENCE, max(0.05, deadline - time.monotonic()))
        try:
            for event in client.events(follow=True, silence=left):
                late = deadline is not None and time.monotonic() >= deadline
                if late or event is None or event.type in ("hello", "reset") or _concerns(event, run_id):
                    yield None
        except TimeoutError:
            yield None
        except OSError:
            time.sleep(_PAUSE)


def _concerns(event: Event, run_id: str) -> bool:
    """`run_id` may be the start of one, until the first answer has told the whole."""
    return event.subject.startswith(run_id) or str(event.data.get("data", {}).get("run_id", "")).startswith(
        run_id
    )


def log_chunks(client: Client, request: RunLogs) -> Iterator[LogChunk]:
    """A run's log as it grows, until the run has ended and all is read."""
    while True:
        chunk: LogChunk = client.call("run logs", request)
        if chunk.text:
            yield chunk
        if chunk.ended and chunk.next >= chunk.size:
            return
        if chunk.next >= chunk.size:
            time.sleep(_LOG_PAUSE)  # a log is no event: it may grow at any rate
        request = RunLogs(
            run_id=chunk.run_id, project=request.project, project_dir=request.project_dir, offset=chunk.next
        )
