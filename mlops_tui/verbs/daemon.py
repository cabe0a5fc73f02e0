"""The daemon: one process per home that owns the index and runs the loop."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from mlops_tui.verbs._declare import Input, Natural, Output, Plan, Verb, opt


class DaemonStart(Input, kw_only=True):
    foreground: Annotated[bool, opt("stay in this terminal, for containers and systemd")] = False
    idle_exit: Annotated[
        Natural | None, opt("end after this many idle seconds (0: never); default 600", metavar="SECONDS")
    ] = None


class DaemonStatusInput(Input, kw_only=True):
    pass


class DaemonStatus(Output, kw_only=True):
    """`pid` is null where none runs; after `stop` it is the one that ran. `busy` says what keeps it from going to sleep.
    `limit`: runs at a time, short work aside. `waits` says of each queued run, by id, what it waits for."""

    running: bool
    pid: int | None = None
    version: str = ""
    started: int | None = None
    home: str = ""
    socket: str = ""
    busy: str | None = None
    idle_exit: int | None = None
    ledger_seq: int | None = None
    queue: dict[str, Any] = {}
    limit: int | None = None
    waits: dict[str, str] = {}


class DaemonStop(Input, kw_only=True):
    timeout: Annotated[int, opt("how long to wait for it", kind="duration")] = 30_000


class DaemonRestart(DaemonStop, kw_only=True):
    pass


class DaemonLogs(Input, kw_only=True):
    tail: Annotated[int, opt("only the last N lines"), Meta(ge=0)] = 200
    follow: Annotated[bool, opt("go on until ^C")] = False


class DaemonLog(Output, kw_only=True):
    path: str
    text: str


class DaemonEnable(Input, kw_only=True):
    remove: Annotated[bool, opt("take the entry away again")] = False
    dry_run: Annotated[bool, opt("only say what would be done")] = False


class DaemonOpenapi(Input, kw_only=True):
    pass


class OpenApi(Output, kw_only=True):
    """An OpenAPI 3.1 document: a path for each command, a component for each shape; `info` has `version` and `x-schema`."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


VERBS = [
    Verb("daemon", "start", DaemonStart, DaemonStatus, "Start the daemon, unless it runs.", local=True, service=False,
         help="Any command starts it by itself. Runs do not depend on it.",
         example="mlops-tui daemon start --foreground --idle-exit 0"),
    Verb("daemon", "stop", DaemonStop, DaemonStatus, "Stop the daemon; runs go on.", local=True, service=False),
    Verb("daemon", "restart", DaemonRestart, DaemonStatus, "Stop the daemon and start that of this program; runs go on.", local=True, service=False,
         help="For after an upgrade: the one that runs is of the program as it was when it started."),
    Verb("daemon", "status", DaemonStatusInput, DaemonStatus, "Say whether it runs, and what it does.", local=True),
    Verb("daemon", "logs", DaemonLogs, DaemonLog, "Print the daemon's log.", local=True, service=False),
    Verb("daemon", "enable", DaemonEnable, Plan, "Start the daemon at boot, by systemd or cron.", local=True,
         service=False, help="A systemd user unit where there is one, else an @reboot entry of cron.",
         example="mlops-tui daemon enable --dry-run"),
    Verb("daemon", "openapi", DaemonOpenapi, OpenApi, "Print the description of the protocol and of every JSON answer.",
         local=True, service=False, help="OpenAPI 3.1, as the daemon serves it on /v1/openapi.json; no daemon is needed.",
         example="mlops-tui daemon openapi > openapi.json"),
]  # fmt: skip
