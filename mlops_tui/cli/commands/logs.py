"""`mlops-tui run logs --follow`."""

from __future__ import annotations

import sys

import msgspec

from mlops_tui.cli.screen import Screen
from mlops_tui.cli.session import Session
from mlops_tui.client.waiting import log_chunks
from mlops_tui.verbs.run import RunLogs


def follow(session: Session, request: RunLogs) -> int:
    """Prints what the run writes until it ends; with --json one chunk a line. Returns the exit code."""
    screen = Screen()
    for chunk in log_chunks(session.client(), request):
        if session.json:
            sys.stdout.write(msgspec.json.encode(chunk).decode() + "\n")
        else:
            screen.piece(chunk.text)
        sys.stdout.flush()
    return 0
