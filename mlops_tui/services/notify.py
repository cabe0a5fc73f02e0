"""Telling someone who is not looking: what is worth telling, and how it is sent."""

from __future__ import annotations

import shlex
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from mlops_store.index import ledger_log
from mlops_store.index.tx import Read
from mlops_tui.services.configs import config_of
from mlops_tui.services.loop_facts import loads

if TYPE_CHECKING:
    from mlops_tui.project.schema import NotifyConfig

COMMAND_TIMEOUT = 30.0
WEBHOOK_TIMEOUT = 10.0
_FAILED = ("FAILED", "LOST")


@dataclass(frozen=True)
class Notice:
    """One thing that happened, and who wants to hear of it."""

    seq: int
    config: NotifyConfig
    directory: str
    event: dict[str, Any]


class NotSent(Exception):
    """Why a notice did not reach anyone."""


def notices(read: Read, after: int) -> tuple[list[Notice], int]:
    """What has happened in the ledger after entry `after` that a project wants told, and the newest entry looked at."""
    until = ledger_log.head(read) or after
    found: list[Notice] = []
    for row in read.rows(
        "SELECT seq, time, actor, verb, subject, data FROM ledger WHERE seq > ? AND seq <= ? "
        "AND verb IN ('proposal.open', 'gate.verdict', 'run.settle', 'home.space') ORDER BY seq",
        [after, until],
    ):
        data = loads(row["data"], {})
        event = None if "origin" in data else _event(read, row, data)  # what was imported was told elsewhere
        for project in _concerned(read, event):
            config = _config(read, project)
            if event and config:
                found.append(Notice(row["seq"], config[0], config[1], {**event, "project": project}))
    return found, until


def _concerned(read: Read, event: dict[str, Any] | None) -> list[str]:
    """The project of an event; all of them where it is about the home."""
    if event is None:
        return []
    if event["project"]:
        return [event["project"]]
    return [row["name"] for row in read.rows("SELECT name FROM projects WHERE removed IS NULL ORDER BY name")]


def _event(read: Read, row: dict[str, Any], data: dict[str, Any]) -> dict[str, Any] | None:
    common = {"seq": row["seq"], "time": row["time"]}
    match row["verb"]:
        case "proposal.open":
            return {**common, "event": "proposal", "project": data["project"], "model": data["model"], "id": data["id"],
                    "reasons": data.get("reasons", []), "text": f"retraining of {data['model']} is proposed: {'; '.join(data.get('reasons', []))}"}  # fmt: skip
        case "gate.verdict":
            gate = data.get("gate") or {}
            same, said = gate.get("same_as"), f"the gate says {data['verdict']}"
            if gate.get("repeats"):
                said = f"nothing new was trained, and {data['verdict']} stands"
            elif same is not None:
                said = f"nothing new was trained; beside what is new {said}"
            return {**common, "event": "verdict", "project": data["project"], "model": data["model"], "version": data.get("version"),
                    "run_id": data.get("run_id"), "verdict": data["verdict"],
                    "same_as": same, "repeats": gate.get("repeats"), "text": f"{data['model']}@{data.get('version')}: {said}"}  # fmt: skip
        case "home.space":
            return {
                **common,
                "event": "space",
                "project": "",
                "state": data.get("state"),
                "free": data.get("free"),
                "text": data.get("text", ""),
            }
    if data.get("state") not in _FAILED:
        return None
    run = read.one("SELECT project, model, kind, name, reason FROM runs WHERE run_id = ?", [data["run_id"]])
    error = read.one("SELECT message FROM errors WHERE run_id = ? LIMIT 1", [data["run_id"]])
    if run is None or not run["project"]:
        return None
    why = (error or {}).get("message") or run["reason"] or ""
    return {**common, "event": "run_failed", "project": run["project"], "model": run["model"], "run_id": data["run_id"], "kind": run["kind"],
            "state": data["state"], "reason": why, "text": f"run {run['name']} of {run['project']} {data['state']}: {why}"}  # fmt: skip


def _config(read: Read, project: str) -> tuple[NotifyConfig, str] | None:
    row = read.one("SELECT dir FROM projects WHERE name = ? AND removed IS NULL", [project])
    config = config_of(row["dir"]) if row else None
    if (
        row is None
        or config is None
        or config.notify is None
        or not (config.notify.command or config.notify.webhook)
    ):
        return None
    return config.notify, str(row["dir"])


def send(
    notice: Notice, command_timeout: float = COMMAND_TIMEOUT, webhook_timeout: float = WEBHOOK_TIMEOUT
) -> None:
    """Runs the command (no shell; the event as JSON on its stdin) and posts to the webhook. Blocks; raises NotSent."""
    body = msgspec.json.encode(notice.event)
    problems: list[str] = []
    if notice.config.command:
        problems += _run(notice, body, command_timeout)
    if notice.config.webhook:
        problems += _post(notice.config.webhook, body, webhook_timeout)
    if problems:
        raise NotSent("; ".join(problems))


def _run(notice: Notice, body: bytes, timeout: float) -> list[str]:
    try:
        argv = shlex.split(notice.config.command)
        if not argv:
            return ["the command is empty"]
        done = subprocess.run(
            argv, input=body, capture_output=True, timeout=timeout, cwd=notice.directory, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"the command took longer than {timeout:g} s and was killed"]
    except (OSError, ValueError) as error:
        return [f"the command cannot be started: {error}"]
    if done.returncode:
        tail = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return [
            f"the command ended with exit code {done.returncode}" + (f": {tail[0][:300]}" if tail else "")
        ]
    return []


def _post(url: str, body: bytes, timeout: float) -> list[str]:
    """The URL may hold a token: what is said of a failure names the host alone."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return ["the webhook is no http(s) URL"]
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/json", "User-Agent": "mlops-tui"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            response.read(1024)
    except urllib.error.HTTPError as error:
        return [f"the webhook at {parts.hostname} answered {error.code}"]
    except (OSError, ValueError) as error:
        return [f"the webhook at {parts.hostname} cannot be reached: {getattr(error, 'reason', error)}"]
    return []
