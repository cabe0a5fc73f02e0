"""What the daemon does by itself, put together: the loop and what lives in it."""

from __future__ import annotations

from mlops_tui.daemon.loop import Daemon, Loops, Ticker
from mlops_tui.daemon.meter import Meter
from mlops_tui.daemon.notifier import Notifier
from mlops_tui.daemon.schedule import Schedule
from mlops_tui.daemon.watch import Watcher


def compose(daemon: Daemon) -> Loops:
    """The loop of a daemon, not yet started."""
    watcher = Watcher(daemon.writer)
    tickers: list[Ticker] = [watcher, Schedule(daemon.writer), Notifier(daemon.writer), Meter(daemon.writer)]
    return Loops(daemon, tickers=tickers, arriving=watcher.arriving)
