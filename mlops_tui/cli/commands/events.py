"""`mlops-tui events`: JSON lines, with or without --json."""

from __future__ import annotations

import select
import sys
import time

import msgspec

from mlops_store.errors import Problem
from mlops_tui.cli.invoke import Shown
from mlops_tui.cli.session import Session
from mlops_tui.verbs.top import Event, Events

_PAUSE = 0.5


def run(session: Session, request: Events) -> None:
    """Prints events as they come. A daemon that goes away is followed by the next one; its first line is a new `hello`."""
    epoch, seq = _place(request.since)
    client = session.client()
    while True:
        try:
            for event in client.events(follow=request.follow, epoch=epoch, seq=seq):
                if event is None:
                    _check_reader()
                    continue
                epoch, seq = event.epoch, event.seq
                _print(event)
            if not request.follow:
                raise Shown
        except OSError:
            time.sleep(_PAUSE)
        client.ping()


def _print(event: Event) -> None:
    try:
        sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise Shown from None  # the reader has gone; a broken connection to the daemon is another matter


def _check_reader() -> None:
    """Ends where nobody reads any more, also while there is nothing to print."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return  # no file at all: tests print into memory
    if any(event & select.POLLERR for _, event in poll.poll(0)):
        raise Shown


def _place(since: str | None) -> tuple[str | None, int]:
    if since is None:
        return None, 0
    epoch, _, seq = since.rpartition(":")
    if not epoch or not seq.isdecimal():
        raise Problem(
            "usage", f"{since!r} is not a place", "take EPOCH:SEQ from an event that was printed", status=2
        )
    return epoch, int(seq)
