"""`mlops-tui wait RUN`."""

from __future__ import annotations

from mlops_tui.cli.invoke import wait
from mlops_tui.cli.session import Session
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.verbs.top import Wait


def run(session: Session, request: Wait) -> RunDetail:
    """The run when it has ended, or when `--until` holds. Raises Problem `wait_timeout`."""
    timeout = None if request.timeout is None else request.timeout / 1000
    return wait(session, request.run_id, request.until, timeout)
