"""What the daemon says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_store.index import ledger_log
from mlops_store.index.tx import Read
from mlops_tui.verbs.daemon import DaemonStatus


@dataclass(frozen=True)
class Facts:
    """What only the running daemon knows."""

    pid: int
    version: str
    started: int
    busy: str | None
    idle_exit: int
    socket: str
    limit: int | None = None
    waits: Mapping[str, str] = field(default_factory=dict)


def status(read: Read, facts: Facts) -> DaemonStatus:
    """Process, sleep and queue; `queue` counts the runs that have not ended, by state."""
    queue = read.rows(
        "SELECT state, count(*) AS n FROM runs WHERE state IN ('QUEUED', 'STARTING', 'RUNNING', 'STOPPING') GROUP BY state"
    )
    return DaemonStatus(
        running=True,
        pid=facts.pid,
        version=facts.version,
        started=facts.started,
        home=str(read.home.path),
        socket=facts.socket,
        busy=facts.busy,
        idle_exit=facts.idle_exit,
        ledger_seq=ledger_log.head(read),
        queue={row["state"]: row["n"] for row in queue},
        limit=facts.limit,
        waits=dict(facts.waits),
    )
