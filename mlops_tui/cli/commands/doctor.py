"""`mlops-tui doctor`: asks the daemon if one runs, and does without it if not."""

from __future__ import annotations

from mlops_store.errors import Problem
from mlops_tui.cli.commands.offline import offline
from mlops_tui.cli.session import Session
from mlops_tui.client import connect
from mlops_tui.verbs.top import Doctor, Health


def run(session: Session, request: Doctor) -> Health:
    """All checks that the state of the home allows."""
    try:
        with connect(session.home, autostart=False) as client:
            found: Health = client.call("doctor", request)
            return found
    except Problem as problem:
        if problem.code != "daemon_not_running":
            raise
    return offline(session.home, "doctor", Health, *(["--deep"] if request.deep else []))
