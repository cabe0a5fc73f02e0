"""What is wrong with a home, and with the machine for our purposes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_store.atomic import read_json_if
from mlops_store.home import Home, filesystem_type
from mlops_store.index.doctor import examine
from mlops_store.index.tx import Read
from mlops_store.ledger import Finding as StoreFinding
from mlops_store.ledger import verify as verify_chain
from mlops_store.run_folder import RunFolder
from mlops_tui import processes
from mlops_tui.services import disk, space
from mlops_tui.services.configs import WAITING, look
from mlops_tui.verbs.top import Doctor, Finding, Health

_LOW_SPACE = 2 << 30
_NO_SPACE = 200 << 20
_FEW_WATCHES = 8192
_SHOWN = 20
_COUNT_SECONDS = 20.0
_UNSETTLED_MS = 5 * 60_000

NOTIFY_FILE = "notify.json"
"""In the home: what the notifier could not tell anyone."""

WITHOUT_INDEX = ("home", "ledger", "machine")
WITH_INDEX = (
    "index",
    "journals",
    "data",
    "models",
    "aliases",
    "runs",
    "projects",
    "quarantine",
    "notifications",
)


def doctor(read: Read, request: Doctor) -> Health:
    """All checks."""
    findings = [*_home(read.home), *_machine(), *index_findings(read, deep=request.deep)]
    return health(findings, [*WITHOUT_INDEX, *WITH_INDEX])


def health(findings: list[Finding], checks: list[str]) -> Health:
    """Errors first."""
    ordered = sorted(findings, key=lambda finding: finding.level != "error")
    return Health(
        ok=not any(finding.level == "error" for finding in findings), findings=ordered, checks=checks
    )


def error(code: str, subject: str, message: str, hint: str = "") -> Finding:
    return Finding(level="error", code=code, subject=subject, message=message, hint=hint)


def warning(code: str, subject: str, message: str, hint: str = "") -> Finding:
    return Finding(level="warning", code=code, subject=subject, message=message, hint=hint)


# --- what needs no index ------------------------------------------------------------------------------------------


def file_findings(home: Home) -> list[Finding]:
    """Home, ledger and machine."""
    return [*_home(home), *_ledger(home), *_machine()]


def _home(home: Home) -> Iterator[Finding]:
    kind = filesystem_type(home.path)
    if kind.startswith(("nfs", "cifs", "smb", "fuse.sshfs", "9p")):
        yield error("home_on_network", str(home.path), f"the home is on a network file system ({kind})",
                    "move it to a local disk: locks and appends are not safe there")  # fmt: skip
    free = shutil.disk_usage(home.path).free
    if free < _LOW_SPACE:
        make = error if free < _NO_SPACE else warning
        yield make(
            "disk_space", str(home.path), f"{free >> 20} MB are free on the disk of the home", "make room"
        )
    if stat.S_IMODE(home.path.stat().st_mode) & 0o077:
        yield warning("home_open", str(home.path), "others may enter the home", f"chmod 700 {home.path}")


def _ledger(home: Home) -> Iterator[Finding]:
    """The chain itself; with an index at hand, the store's own examination includes it."""
    yield from (_from_store(found) for found in verify_chain(home.ledger))


def _from_store(found: StoreFinding) -> Finding:
    make = error if found.severity == "error" else warning
    return make(found.code, found.where, found.what, found.fix)


def _machine() -> Iterator[Finding]:
    watches = _number(Path("/proc/sys/fs/inotify/max_user_watches"))
    if watches is not None and watches < _FEW_WATCHES:
        yield warning("inotify", "fs.inotify.max_user_watches", f"only {watches} folders can be watched",
                      "raise it with sysctl; until then folders are rescanned now and then")  # fmt: skip
    if os.environ.get("XDG_SESSION_ID") and _kills_at_logout():
        yield warning("logout_kills", "systemd", "logging out ends your background processes here, runs included",
                      "`loginctl enable-linger` keeps them")  # fmt: skip


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _kills_at_logout() -> bool:
    """Whether systemd-logind kills what a user leaves behind."""
    commands = (["loginctl", "show-user", str(os.getuid()), "-p", "Linger"], ["busctl", "get-property",
                "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "KillUserProcesses"])  # fmt: skip
    answers = []
    for command in commands:
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        answers.append(result.stdout)
    return "Linger=no" in answers[0] and "true" in answers[1]


# --- what the index knows -----------------------------------------------------------------------------------------


def index_findings(read: Read, *, deep: bool) -> list[Finding]:
    """What is not as index and ledger say, and what waits for someone."""
    store = [_from_store(found) for found in examine(read, deep=deep, is_alive=_alive)]
    return [*store, *_space(read), *_projects(read), *_unsettled(read), *_quarantine(read), *_untold(read)]


def _space(read: Read) -> Iterator[Finding]:
    """The limits of this home, where they are stricter than those that hold for all."""
    if space.settings(read).budget is not None:
        counter = disk.usage(read.home)
        counter.now()
        counter.wait(_COUNT_SECONDS)
    found = space.look(read)
    if found.state == "over" or (found.state in ("low", "full") and found.free >= _LOW_SPACE):
        yield warning("home_space", str(read.home.path), found.text,
                      "`mlops-tui home gc --dry-run` says what could go; `mlops-tui home budget` moves the limit")  # fmt: skip


def _untold(read: Read) -> Iterator[Finding]:
    """Notifications of the last day that reached nobody."""
    file = read_json_if(read.home.path / NOTIFY_FILE, dict[str, Any]) or {}
    recent = [f for f in file.get("failures", []) if int(f.get("time", 0)) > read.now - 86_400_000]
    for project in sorted({str(failure.get("project")) for failure in recent}):
        own = [failure for failure in recent if str(failure.get("project")) == project]
        yield warning("notify_failed", project, f"{len(own)} notifications of the last day reached nobody; the last: {own[-1].get('why')}",
                      "mend [notify] in its mlops.toml")  # fmt: skip


def _alive(folder: RunFolder, attempt: int) -> bool:
    """Whether the process of an attempt lives; True where that cannot be known."""
    known = folder.child(attempt) or folder.shim(attempt)
    if known is None:
        return True
    return processes.alive(known.pid, known.start_ticks, known.boot_id, known.pid_ns) is not False


def _projects(read: Read) -> Iterator[Finding]:
    for row in read.rows("SELECT name, dir FROM projects WHERE removed IS NULL ORDER BY name"):
        if not os.path.isdir(row["dir"]):
            yield error("project_missing", row["name"], f"its folder {row['dir']} is gone",
                        f"bring it back, or `mlops-tui project remove {row['name']}`")  # fmt: skip
            continue
        problem = look(row["dir"]).problem
        if problem is not None:
            hint = f"{problem.hint}; {WAITING}" if problem.hint else WAITING
            yield error("project_config", row["name"], problem.message, hint)


def _unsettled(read: Read) -> Iterator[Finding]:
    for row in read.rows(
        "SELECT run_id, state FROM runs WHERE submitted IS NOT NULL AND settled IS NULL AND ended < ? "
        "ORDER BY run_id LIMIT ?", [read.now - _UNSETTLED_MS, _SHOWN],
    ):  # fmt: skip
        yield warning("unsettled", row["run_id"], f"ended {row['state']}, but its outcome is not in the ledger",
                      "the daemon's log has the reason: `mlops-tui daemon logs`")  # fmt: skip


def _quarantine(read: Read) -> Iterator[Finding]:
    for row in read.rows(
        "SELECT project, source, count(*) AS n FROM quarantine WHERE decided IS NULL GROUP BY ALL ORDER BY ALL"
    ):
        yield warning("quarantine", f"{row['project']}/{row['source']}", f"{row['n']} files wait in the quarantine",
                      f"`mlops-tui data quarantine --project {row['project']}`")  # fmt: skip
