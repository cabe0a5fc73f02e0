"""Processes as the kernel sees them: identity, descent and use. Standard library only, and quick to import.

The shim, the SDK and the daemon share this module; nothing in it belongs to the store or to a screen.
Linux reads /proc; elsewhere `ps` answers.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping

LINUX = sys.platform.startswith("linux")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_DEAD = frozenset("ZXx")


class Process:
    """One row of the process table. `cpu_seconds` includes children that were waited for; `rss_bytes` counts shared pages."""

    __slots__ = ("cpu_seconds", "pid", "ppid", "rss_bytes", "session", "start_ticks", "state")

    def __init__(
        self,
        pid: int,
        ppid: int,
        session: int,
        state: str,
        start_ticks: int,
        cpu_seconds: float,
        rss_bytes: int,
    ) -> None:
        self.pid = pid
        self.ppid = ppid
        self.session = session
        self.state = state
        self.start_ticks = start_ticks
        self.cpu_seconds = cpu_seconds
        self.rss_bytes = rss_bytes

    @property
    def dead(self) -> bool:
        """A zombie: it runs nothing, only its exit status waits to be read."""
        return self.state in _DEAD


# --- the process table --------------------------------------------------------------------------------


def read(pid: int) -> Process | None:
    """The row of one process; None where there is none."""
    if not LINUX:
        return next(iter(_ps(["-p", str(pid)])), None)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # the command name may hold blanks and brackets: fields count from the last bracket
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 22:
        return None
    cpu = sum(int(value) for value in fields[11:15]) / _TICKS
    return Process(
        pid, int(fields[1]), int(fields[3]), fields[0].decode(), int(fields[19]), cpu, int(fields[21]) * _PAGE
    )


def table() -> dict[int, Process]:
    """Every process of the box that can be seen from here."""
    if not LINUX:
        return {row.pid: row for row in _ps(["-A"])}
    rows = (read(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {row.pid: row for row in rows if row is not None}


def descendants(root: int, rows: Mapping[int, Process], session: int | None = None) -> list[Process]:
    """The processes below `root`, and those of `session` (orphans where no subreaper collects them). Without `root`."""
    children: dict[int, list[Process]] = {}
    for row in rows.values():
        children.setdefault(row.ppid, []).append(row)
    found: dict[int, Process] = {}
    pending = list(children.get(root, ()))
    if session is not None:
        pending += [row for row in rows.values() if row.session == session]
    while pending:
        row = pending.pop()
        if row.pid in found or row.pid == root:
            continue
        found[row.pid] = row
        pending += children.get(row.pid, ())
    return list(found.values())


def io_bytes(pid: int | str) -> tuple[int, int]:
    """(read, written) bytes of storage of a process and the children it waited for; zeros where they are not told."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            fields = dict(line.split(b": ") for line in file.read().splitlines())
    except OSError:
        return 0, 0
    return int(fields.get(b"read_bytes", 0)), int(fields.get(b"write_bytes", 0))


# --- identity -----------------------------------------------------------------------------------------


def boot_id() -> str:
    """Changes with every boot; '' where the system does not tell."""
    if LINUX:
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                return file.read().strip()
        except OSError:
            return ""
    return _output(["sysctl", "-n", "kern.bootsessionuuid"]).strip()


def pid_namespace() -> str:
    """Within which namespace a pid of ours means something; '' where there are none."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def identity(pid: int | None = None) -> dict[str, object]:
    """The fields of `records.Identity` for a living process. Raises ProcessLookupError."""
    row = read(os.getpid() if pid is None else pid)
    if row is None:
        raise ProcessLookupError(f"no process {pid}")
    return {
        "pid": row.pid,
        "start_ticks": row.start_ticks,
        "boot_id": boot_id(),
        "pid_ns": pid_namespace(),
        "started": time.time_ns() // 1_000_000,
        "host": os.uname().nodename,
    }


def alive(pid: int, start_ticks: int, boot: str, pid_ns: str) -> bool | None:
    """Whether exactly this process still runs. None: its pid belongs to another namespace, so nothing is known."""
    if boot != boot_id():
        return False
    if pid_ns != pid_namespace():
        return None
    row = read(pid)
    return row is not None and not row.dead and row.start_ticks == start_ticks


def send(pid: int, start_ticks: int, number: int) -> bool:
    """Signals a process only if it is the one meant: a pid may have been given to another. False where it is gone."""
    handle = -1
    try:
        if hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(pid)
        row = read(pid)
        if row is None or row.start_ticks != start_ticks or row.dead:
            return False
        if handle >= 0:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        if handle >= 0:
            os.close(handle)


def send_all(rows: Iterable[Process], number: int) -> list[int]:
    """Signals each of `rows`; returns the pids that may not be signalled (another user's)."""
    refused = []
    for row in rows:
        try:
            send(row.pid, row.start_ticks, number)
        except PermissionError:
            refused.append(row.pid)
    return refused


# --- without /proc ------------------------------------------------------------------------------------


def _output(command: list[str]) -> str:
    import subprocess  # costs 10 ms, and only systems without /proc need it

    environment = {**os.environ, "LC_ALL": "C"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, env=environment)
    return result.stdout


def _ps(select: list[str]) -> list[Process]:
    rows = []
    for line in _output(["ps", *select, "-o", "pid=,ppid=,pgid=,stat=,time=,rss=,lstart="]).splitlines():
        fields = line.split(None, 6)
        if len(fields) < 7:
            continue
        started = int(time.mktime(time.strptime(fields[6].strip(), "%a %b %d %H:%M:%S %Y")))
        # no session column is portable; the process group serves, since the shim starts its child as a leader of both
        rows.append(
            Process(
                int(fields[0]),
                int(fields[1]),
                int(fields[2]),
                fields[3][:1],
                started,
                _clock(fields[4]),
                int(fields[5]) * 1024,
            )
        )
    return rows


def _clock(text: str) -> float:
    """Seconds in `[[dd-]hh:]mm:ss.cc`."""
    days, _, rest = text.rpartition("-")
    seconds = 0.0
    for part in rest.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + (86400.0 * int(days) if days else 0.0)
