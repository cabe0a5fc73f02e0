"""`mlops-tui init DIR --target COLUMN`: a working project from a folder of data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_store.atomic import write_atomic
from mlops_store.errors import Problem
from mlops_tui.verbs.top import Init, InitResult

FILE = "mlops.toml"


def run(request: Init, register: Callable[[str], Any] | None = None) -> InitResult:
    """Looks at the data in a child process, writes mlops.toml, and has `register(dir)` add the project.

    Never replaces an mlops.toml unless `force`; with `dry_run` nothing is written. Raises Problem.
    """
    directory = Path(request.dir).absolute()
    if not directory.is_dir():
        raise Problem(
            "no_folder", f"there is no folder {directory}", "name the folder with the data", status=2
        )
    target = directory / FILE
    if target.exists() and not (request.force or request.dry_run):
        raise Problem(
            "project_exists", f"there is an {FILE} in {directory} already", "--force replaces it", status=2
        )
    found = infer(directory, request)
    config: str = found.pop("config")
    files: list[str] = found.pop("files")
    if not request.dry_run:
        try:
            write_atomic(target, config.encode(), mode=0o644)
        except OSError as error:
            raise Problem(
                "not_writable",
                f"{target} cannot be written: {error.strerror or error}",
                "check the folder's owner",
                2,
            ) from error
        if register is not None:
            register(str(directory))
    return InitResult(
        project=found["project"],
        dir=str(directory),
        config=config,
        files=files,
        findings=found,
        model=found["model"],
    )


def infer(directory: Path, request: Init) -> dict[str, Any]:
    """What the inference process says. It loads the data libraries, so that this one need not. Raises Problem."""
    command = [sys.executable, "-m", "mlops_tui.worker.infer", str(directory), f"--target={request.target}"]
    for flag, value in (
        ("--name", request.name),
        ("--data", request.data),
        ("--task", request.task),
        ("--event-time", request.event_time),
    ):
        if value is not None:
            command.append(f"{flag}={value}")
    command += [f"--key={column}" for group in request.key for column in group.split(",")]
    with tempfile.TemporaryFile() as said:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": said}
        with subprocess.Popen([*command, "--for-parent"], env=_environment(), **pipes) as child:  # type: ignore[call-overload]
            answered = child.stdout.read()
            code = child.wait()
        said.seek(0)
        errors = said.read()
    try:
        answer: dict[str, Any] = json.loads(answered)
    except ValueError:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {code}"]
        raise Problem(
            "init_failed", f"the data could not be looked at: {last[0]}", "please report this"
        ) from None
    if "error" in answer:
        raise Problem(**answer["error"])
    return answer


def _environment() -> dict[str, str]:
    """The child finds the packages where this process found them."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
