"""Submitting a run of any kind: its folder first, then the ledger entry that makes it real.

Called inside a command of the writer, which may run it twice: so the run id follows from the command, and what is
already there stays as it is. A folder without its ledger entry (a crash between the two) is no run, and the next daemon
removes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlops_store.atomic import canonical
from mlops_store.index.tx import Tx
from mlops_store.records import Identity, RunKind, RunSpec
from mlops_store.redact import redact_params, redact_text, secret_name
from mlops_store.run_folder import RunFolder, announce
from mlops_tui import processes
from mlops_tui.services import known_secrets
from mlops_tui.services.code_copy import copy_code
from mlops_tui.services.space import require_room
from mlops_tui.verbs._shapes import ClientContext

WORKER = ["-P", "-m", "mlops_tui.worker.main", "{run_dir}", "{attempt}"]
"""Arguments of an interpreter that does one of our own kinds of run; `-P` keeps the project's folder out of the path."""

# the loop's own work steps back behind training
_NICE: Mapping[str, int] = {"ingest": 5, "drift": 5, "inspect": 5, "gc": 10}
_KEPT = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "TZ",
        "TMPDIR",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "CONDA_DEFAULT_ENV",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
    ]
)


def submit(
    tx: Tx,
    *,
    kind: RunKind,
    project: str,
    project_dir: str = "",
    model: str | None = None,
    name: str = "",
    experiment: str = "",
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    command: Sequence[str] = (),
    python: str = "",
    client: ClientContext | None = None,
    pins: Mapping[str, int] | None = None,
    after: Sequence[str] = (),
    proposal_id: str | None = None,
    request: Mapping[str, Any] | None = None,
    recipe_hash: str = "",
    extra_env: Mapping[str, str] | None = None,
    why: str = "",
) -> RunSpec:
    """Queues a run; returns its spec. Without `command` it is one of our own workers (of `kind`). `python` is the
    interpreter that runs it (default: the client's).

    `client` is whoever asked; without one (the loop itself) the daemon's own bare environment is used. The project's
    code is copied into the run where `project_dir` is given. Raises Problem (`code_too_large`, `project_dir_missing`, `disk_full`).
    """
    if client is not None:  # what the loop itself asks for is small, and may be what makes room
        require_room(tx)
    python = python or (client.python if client else "") or sys.executable
    env, withheld = _environment(client)
    spec = RunSpec(
        run_id="", kind=kind, name=(redact_text(name) or _label(tx, kind, project, model))[:200], project=project,
        experiment=(redact_text(experiment) or model or kind)[:200], actor=tx.actor, created=tx.now, project_dir=project_dir, model=model,
        params=redact_params(params or {}), tags={key: redact_text(value) for key, value in (tags or {}).items()},
        command=list(command) or [python, *WORKER], python=python, cwd=project_dir or (client.cwd if client else "") or "/",
        env={**env, **(extra_env or {})}, umask=client.umask if client else 0o077, after=list(after), pins=dict(pins or {}),
        proposal_id=proposal_id, request=dict(request or {}), recipe_hash=recipe_hash, nice=_NICE.get(kind, 0),
        withheld=withheld,
    )  # fmt: skip
    queued = _queue(tx, spec, why)
    known_secrets.remember(queued.run_id, client.env if client else {}, params or {})
    return queued


def _queue(tx: Tx, spec: RunSpec, why: str) -> RunSpec:
    """The run's folder, then its ledger entry."""
    spec.run_id = _run_id(tx, spec)
    # a daemon that dies before the ledger has the entry leaves a folder that no one was told of: the next one removes it
    announce(tx.home, spec.run_id, Identity(**processes.identity()))  # type: ignore[arg-type]
    folder = RunFolder(tx.home.run_dir(spec.run_id))
    if spec.project_dir:
        copy_code(Path(spec.project_dir), folder.code)
    RunFolder.create(tx.home, spec)
    path = tx.home.relative(folder.path)
    data = {
        "run_id": spec.run_id,
        "kind": spec.kind,
        "project": spec.project,
        "model": spec.model,
        "path": path,
    }
    tx.append("run.submit", spec.run_id, data, why)
    return spec


def _run_id(tx: Tx, spec: RunSpec) -> str:
    """The time of the command and a hash of what is asked for: the same when the command runs again."""
    for count in range(1000):
        digest = sha256(canonical([spec, count, os.getpid()])).hexdigest()
        run_id = f"{tx.now:012x}{digest[:20]}"
        if tx.one("SELECT 1 AS found FROM runs WHERE run_id = ?", [run_id]) is None:
            return run_id
    raise RuntimeError("a thousand equal runs within one millisecond")


def _label(tx: Tx, kind: str, project: str, model: str | None) -> str:
    """`late-departure-3`: the model, or the kind, and which one it is."""
    row = tx.one(
        "SELECT count(*) AS n FROM runs WHERE kind = ? AND project = ? AND model IS NOT DISTINCT FROM ?",
        [kind, project, model],
    )
    number = (int(row["n"]) if row else 0) + 1
    what = model if model and kind == "train" else f"{kind}-{model}" if model else kind
    return f"{what}-{number}"


def _environment(client: ClientContext | None) -> tuple[dict[str, str], list[str]]:
    """What a run sees: the client's environment without secrets and without the traces of a run around it; and the names
    of what was withheld.

    Secrets never reach the disk, so a run does not get them either: training reads them from where they are kept.
    """
    withheld: list[str] = []
    if client is None or not client.env:
        env = {key: value for key, value in os.environ.items() if key in _KEPT or key.startswith("LC_")}
    else:
        withheld = [key for key, value in client.env.items() if key not in _KEPT and _is_secret(key, value)]
        env = {key: value for key, value in client.env.items() if key not in withheld}
    env = {key: value for key, value in env.items() if not key.startswith("MLOPS_TUI_")}
    if "PYTHONPATH" in os.environ:
        env.setdefault("PYTHONPATH", os.environ["PYTHONPATH"])
    # output reaches the log when it is printed, not when a buffer is full
    env.setdefault("PYTHONUNBUFFERED", "1")
    return env, sorted(key for key in withheld if not key.startswith("MLOPS_TUI_"))


def _is_secret(key: str, value: str) -> bool:
    return secret_name(key) or redact_text(value) != value
