"""`mlops-tui rebuild`: stops the daemon, makes the index anew. The next command starts a daemon again."""

from __future__ import annotations

from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.cli.commands.offline import offline
from mlops_tui.cli.diagnostics import say
from mlops_tui.cli.session import Session
from mlops_tui.verbs.top import Rebuild, Rebuilt

_TIMEOUT = 30.0


def run(session: Session, _request: Rebuild) -> Rebuilt:
    """Raises Problem where the daemon does not stop, or the truth cannot be read."""
    if stop_daemon(session.home, _TIMEOUT) and session.interactive:
        say("the daemon was stopped; runs go on")
    return offline(session.home, "rebuild", Rebuilt)
