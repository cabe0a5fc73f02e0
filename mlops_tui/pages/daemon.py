"""The daemon."""

from __future__ import annotations

import msgspec

from mlops_tui.pages.surface import Surface
from mlops_tui.text import when
from mlops_tui.verbs.daemon import DaemonLog, DaemonStatus, OpenApi


def status(found: DaemonStatus, screen: Surface) -> None:
    if not found.running:
        screen.text(f"no daemon runs for {found.home}: a command that needs one starts it")
        return
    sleeps = {None: None, 0: "never"}.get(found.idle_exit, f"after {found.idle_exit} s without work")
    if found.idle_exit and found.busy:
        sleeps = f"not while it is busy; {sleeps}"
    queue = ", ".join(f"{count} {state}" for state, count in sorted(found.queue.items()))
    screen.facts([
        ("pid", str(found.pid) if found.pid is not None else None), ("version", found.version), ("since", when(found.started) if found.started else None), ("home", found.home),
        ("busy", found.busy or "no"), ("ends itself", sleeps), ("ledger entries", found.ledger_seq), ("runs", queue), ("at a time", found.limit),
    ])  # fmt: skip


def stop(found: DaemonStatus, screen: Surface) -> None:
    if found.running or found.pid is None:
        status(found, screen)
    else:
        screen.text(f"stopped (pid {found.pid})")


def logs(found: DaemonLog, screen: Surface) -> None:
    screen.block(found.text)


def openapi(found: OpenApi, screen: Surface) -> None:
    screen.block(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")


RENDERERS = {
    "start": status,
    "restart": status,
    "stop": stop,
    "status": status,
    "logs": logs,
    "openapi": openapi,
}
