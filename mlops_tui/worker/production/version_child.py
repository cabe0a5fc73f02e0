"""A registered version predicts in a child process: its own interpreter, its own code tree.

Parent and child talk by files: the request is JSON, rows and predictions are Parquet, the report is JSON.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from mlops_store.atomic import read_json_if, write_json
from mlops_store.errors import Problem
from mlops_store.home import Home, scratch
from mlops_store.records import SourcePin, VersionPin

TIMEOUT_S = 3600.0
_GRACE_S = 5.0
_STDERR_TAIL = 2000


class ScoringRequest(msgspec.Struct, kw_only=True):
    """What a child is asked: predict the rows of `spine` (Parquet with a column `__row`) into `out` (Parquet).

    `tree` is the object digest of the version. `sources` are the data versions that features are looked up in.
    `features_out`: also write the assembled rows (prepared columns, features, target) there, in the same order.
    """

    home: str
    tree: str
    model: str
    version: int
    sources: dict[str, SourcePin]
    spine: str
    out: str
    report: str
    features_out: str = ""


class ScoreReport(msgspec.Struct, kw_only=True):
    """What a child did. `statuses` is feature → status (PRESENT, NO_ROW, TOO_OLD, NOT_YET_KNOWN) → rows.

    `probabilities` are the columns of `out` with class probabilities, in class order (one for two classes:
    P(positive)); `out` has them, `__row` and `prediction`, in the order of the spine.
    """

    rows: int = 0
    statuses: dict[str, dict[str, int]] = {}
    feature_service: list[str] = []
    snapshots: dict[str, str] = {}
    probabilities: list[str] = []
    classes: list[Any] = []
    task: str = ""
    seconds: float = 0.0
    error: dict[str, Any] | None = None


def score_version(
    home: Home,
    pin: VersionPin,
    spine: Path,
    sources: Mapping[str, SourcePin],
    out: Path,
    timeout: float = TIMEOUT_S,
    features_out: Path | None = None,
) -> ScoreReport:
    """Lets version `pin` predict the rows of `spine`; returns its report. The child's output goes to our stderr.

    Raises Problem: what the child reported, or that its interpreter is gone, was killed, or took longer than
    `timeout` seconds.
    """
    folder = scratch(home, "score")
    try:
        request = ScoringRequest(
            home=str(home.path),
            tree=pin.tree,
            model=pin.model,
            version=pin.version,
            sources=dict(sources),
            spine=str(spine),
            out=str(out),
            report=str(folder / "report.json"),
            features_out=str(features_out) if features_out else "",
        )
        write_json(folder / "request.json", request)
        label = f"{pin.model}@{pin.version}"
        code, tail = _run(pin.python, folder, label, timeout)
        report = read_json_if(folder / "report.json", ScoreReport)
        return _checked(report, code, tail, label, pin.python)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(python: str, folder: Path, label: str, timeout: float) -> tuple[int, str]:
    """Runs the child; returns its exit code (negative: signal) and the end of its stderr."""
    command = [python, "-P", "-m", "mlops_tui.worker.production.scoring", str(folder / "request.json")]
    with _nowhere(folder / "stderr.txt") as stderr:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                stderr=stderr,
                cwd=folder,
                env=_environment(),
            )
        except OSError as error:
            raise Problem(
                "interpreter_gone",
                f"{label} was trained by {python or 'an interpreter that was not recorded'}, which cannot be started: {error.strerror}",
                "restore that environment, or train and promote a new version",
            ) from error
        code = _wait(child, label, timeout)
        stderr.seek(0)
        text = stderr.read().decode(errors="replace")[-_STDERR_TAIL:]
    if text:
        sys.stderr.write(text if text.endswith("\n") else text + "\n")
    return code, text


def _nowhere(path: Path) -> IO[bytes]:
    """A file in memory where the system has such: what a child says may hold a secret, and goes on masked."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create(path.name), "w+b")
    return open(path, "w+b")


def _wait(child: subprocess.Popen[bytes], label: str, timeout: float) -> int:
    began = time.monotonic()
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        minutes = (time.monotonic() - began) / 60
        raise Problem(
            "score_timeout",
            f"{label} did not finish predicting within {minutes:.1f} minutes",
            "score fewer rows at a time",
            status=3,
        ) from None
    finally:
        if child.poll() is None:  # a time-out, or we are being stopped: the child must not outlive us
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_GRACE_S)
            if child.poll() is None:
                child.kill()
                child.wait()


def _environment() -> dict[str, str]:
    """Ours, without what would change which code or how many threads the child has."""
    return {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT")
    }


def _checked(report: ScoreReport | None, code: int, tail: str, label: str, python: str) -> ScoreReport:
    if report is not None and report.error is not None:
        error = report.error
        raise Problem(error["code"], f"{label}: {error['message']}", error["hint"], int(error["status"]))
    if code < 0:
        raise Problem(
            "score_killed",
            f"{label} was killed by {signal.Signals(-code).name} while predicting",
            "out of memory? score fewer rows at a time",
        )
    if code or report is None:
        last = tail.strip().splitlines()[-1] if tail.strip() else f"exit code {code}"
        hint = (
            "the interpreter needs mlops-tui installed"
            if "No module named" in tail
            else "the run's log has all of it"
        )
        raise Problem("score_failed", f"{label} could not predict with {python}: {last}", hint)
    return report
