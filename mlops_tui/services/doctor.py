"""What is wrong with a home, and with the machine for our purposes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from mlops_store.errors import Problem
from mlops_store.home import Home, filesystem_type
from mlops_store.index.tx import Read
from mlops_store.ledger import Ledger
from mlops_store.ledger import verify as verify_chain
from mlops_store.objects import Objects
from mlops_tui.services.configs import look
from mlops_tui.verbs.top import Doctor, Finding, Health

_LOW_SPACE = 2 << 30
_NO_SPACE = 200 << 20
_FEW_WATCHES = 8192
_SHOWN = 20
_UNSETTLED_MS = 5 * 60_000

REBUILD = "`mlops-tui rebuild` makes the index anew from the truth"
BACKUP = "restore it from a backup of the home"


def doctor(read: Read, _request: Doctor) -> Health:
    """All checks, while the daemon runs."""
    findings = [*file_findings(read.home), *index_findings(read)]
    return health(findings, ["home", "ledger", "machine", "index", "projects", "data", "models", "runs", "quarantine"])


def health(findings: list[Finding], checks: list[str]) -> Health:
    return Health(ok=not any(finding.level == "error" for finding in findings), findings=findings, checks=checks)


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
        yield make("disk_space", str(home.path), f"{free >> 20} MB are free on the disk of the home", "make room")
    if stat.S_IMODE(home.path.stat().st_mode) & 0o077:
        yield warning("home_open", str(home.path), "others may enter the home", f"chmod 700 {home.path}")


def _ledger(home: Home) -> Iterator[Finding]:
    for found in verify_chain(home.ledger):
        make = error if found.severity == "error" else warning
        yield make("ledger", found.where, found.what, found.fix)
    aside = home.ledger / "set-aside"
    tails = sorted(aside.iterdir()) if aside.is_dir() else []
    if tails:
        yield warning("ledger_tail", str(aside), f"{len(tails)} unfinished ends of the ledger were set aside",
                      "they belong to commands that were never acknowledged; remove them once you have looked")  # fmt: skip


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


def index_findings(read: Read) -> list[Finding]:
    """What should be there according to the index, and is not."""
    checks: list[Callable[[Read], Iterator[Finding]]] = [_index, _projects, _data, _models, _runs, _quarantine]
    return [finding for check in checks for finding in check(read)]


def _index(read: Read) -> Iterator[Finding]:
    row = read.one("SELECT coalesce(max(seq), 0) AS seq FROM ledger")
    applied = int(row["seq"]) if row else 0
    try:
        head = Ledger.open(read.home.ledger, readonly=True).seq
    except Problem:
        return  # the check of the ledger has already named it
    if applied > head:
        yield error("index_ahead", str(read.home.index), f"the index knows {applied} entries, the ledger has {head}", REBUILD)


def _projects(read: Read) -> Iterator[Finding]:
    for row in read.rows("SELECT name, dir FROM projects WHERE removed IS NULL ORDER BY name"):
        if not os.path.isdir(row["dir"]):
            yield error("project_missing", row["name"], f"its folder {row['dir']} is gone",
                        f"bring it back, or `mlops-tui project remove {row['name']}`")  # fmt: skip
            continue
        problem = look(row["dir"]).problem
        if problem is not None:
            yield error("project_config", row["name"], problem.message, problem.hint)


def _data(read: Read) -> Iterator[Finding]:
    rows = read.rows("SELECT project, source, version, manifest FROM data_versions ORDER BY ALL")
    yield from _missing(
        read, ((f"{row['project']}/{row['source']}@{row['version']}", row["manifest"]) for row in rows), "manifest"
    )
    stored = read.rows("SELECT DISTINCT project, source, path, stored FROM version_files ORDER BY ALL")
    yield from _missing(
        read, ((f"{row['project']}/{row['source']}: {row['path']}", row["stored"]) for row in stored), "stored copy"
    )


def _missing(read: Read, wanted: Iterator[tuple[str, str | None]], what: str) -> Iterator[Finding]:
    gone = []
    for subject, relative in wanted:
        if not relative:
            continue
        try:
            there = read.home.resolve(relative).exists()
        except Problem as problem:
            yield error("data_path", subject, problem.message, problem.hint)
            continue
        if not there:
            gone.append((subject, relative))
    for subject, relative in gone[:_SHOWN]:
        yield error("data_missing", subject, f"its {what} {relative} is gone", BACKUP)
    if len(gone) > _SHOWN:
        yield error("data_missing", "", f"and {len(gone) - _SHOWN} more of the kind {what!r}", BACKUP)


def _models(read: Read) -> Iterator[Finding]:
    objects = Objects(read.home)
    for row in read.rows("SELECT project, model, version, tree FROM model_versions ORDER BY ALL"):
        subject = f"{row['project']}/{row['model']}@{row['version']}"
        tree = row["tree"]
        if not tree or not objects.has(tree):
            yield error("model_missing", subject, "its content tree is gone", BACKUP)
            continue
        gone = [path for path, entry in objects.tree(tree).items() if not objects.has(entry["sha256"])]
        if gone:
            yield error("model_damaged", subject, f"{len(gone)} of its files are gone, such as {gone[0]}", BACKUP)


def _runs(read: Read) -> Iterator[Finding]:
    for row in read.rows(
        "SELECT run_id, sum(bad_lines) AS bad, sum(dropped) AS dropped FROM offsets GROUP BY run_id "
        "HAVING sum(bad_lines) > 0 OR sum(dropped) > 0 ORDER BY run_id DESC LIMIT ?", [_SHOWN],
    ):  # fmt: skip
        what = []
        if row["bad"]:
            what.append(f"{row['bad']} lines of its journals cannot be read")
        if row["dropped"]:
            what.append(f"it dropped {row['dropped']} points because the disk could not keep up")
        yield warning("journal", row["run_id"], "; ".join(what), "what is readable is in the index")
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
