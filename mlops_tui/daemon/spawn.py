"""The launcher: places a worker process somewhere. Here: on this box, as a plain process under a shim.

The one seam for other places. A launcher gets a run folder and an attempt number; all else is in the folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import mlops_tui
from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.records import LaunchContext
from mlops_store.run_folder import RunFolder

_SHIM = Path(mlops_tui.__file__).parent / "worker" / "shim.py"
_CLAIM_TIMEOUT = 30.0
_TAKEN = 75


class Launcher(Protocol):
    """Starts the worker of an attempt; how it went on is told by the run folder alone."""

    def launch(self, folder: RunFolder, context: LaunchContext, secrets: Iterable[str] = ()) -> None:
        """Returns when the attempt is claimed by a process that outlives the caller. Raises Problem.

        `secrets` are masked wherever they occur in the output; they are written to no disk.
        """

    def read_output(self, folder: RunFolder, attempt: int, secrets: Iterable[str] = ()) -> None:
        """Starts a reader of the attempt's output, for a program whose shim and reader are gone. Raises Problem."""


class LocalLauncher:
    """A shim in a session of its own, whose parent is not the daemon."""

    def __init__(self, python: str = sys.executable, shim: Path = _SHIM) -> None:
        self._python = python
        self._shim = shim

    def launch(self, folder: RunFolder, context: LaunchContext, secrets: Iterable[str] = ()) -> None:
        """Writes `context.json`, starts the shim and waits for its claim (tens of milliseconds).

        Call it from a thread that was not lowered (see nice.py): the run inherits the caller's nice value.
        """
        # the shim's claim makes its name durable
        write_json(folder.attempt_dir(context.attempt) / "context.json", context, named=False)
        self._start([str(folder.path), str(context.attempt)], folder, secrets)

    def read_output(self, folder: RunFolder, attempt: int, secrets: Iterable[str] = ()) -> None:
        """Where another reader is at it, nothing happens."""
        self._start(["--log", str(folder.path), str(attempt)], folder, secrets)

    def _start(self, arguments: list[str], folder: RunFolder, secrets: Iterable[str]) -> None:
        try:
            result = subprocess.run(
                [self._python, "-I", "-S", str(self._shim), *arguments],
                input=b"".join(secret.encode(errors="surrogateescape") + b"\0" for secret in secrets),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                close_fds=True,
                cwd="/",
                env=_environment(),
                timeout=_CLAIM_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Problem(
                "launch_failed", f"run {folder.run_id} cannot be started: {error}", "see `mlops-tui doctor`"
            ) from error
        if result.returncode in (0, _TAKEN):
            return
        lines = result.stderr.decode(errors="replace").strip().splitlines() or [
            f"exit code {result.returncode}"
        ]
        raise Problem(
            "launch_failed", f"run {folder.run_id} cannot be started: {lines[-1]}", "see `mlops-tui doctor`"
        )


def _environment() -> dict[str, str]:
    """What the shim itself needs; the run's environment comes from its spec."""
    kept = ("PATH", "LANG", "LC_ALL", "TZ")
    return {key: os.environ[key] for key in kept if key in os.environ}
