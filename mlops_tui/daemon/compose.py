"""What the daemon does by itself, put together: the loop and what lives in it."""

from __future__ import annotations

from mlops_tui.daemon.loop import Daemon, Loops


def compose(daemon: Daemon) -> Loops:
    """The loop of a daemon, not yet started."""
    return Loops(daemon)
