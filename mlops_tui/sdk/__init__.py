"""Tracking for training code of one's own: a journal writer, with or without a daemon.

    with mlops_tui.start_run(project="flights", params={"lr": 0.1}) as run:
        run.log_metric("loss", 0.3, step=1)

Logging is one write of one line. It never talks to a daemon, never waits for a disk to sync, and never raises because
a disk is full: what could not be written is counted, and said once on stderr.
"""

from __future__ import annotations

from mlops_tui.sdk.run import Run
from mlops_tui.sdk.start import start_run

__all__ = ["Run", "start_run"]
