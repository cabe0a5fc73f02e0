"""A run as training code sees it."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from mlops_store.atomic import private, write_json, write_reserved
from mlops_store.errors import Problem
from mlops_store.ids import now_ms
from mlops_store.journal import JournalWriter, complain, cut
from mlops_store.records import ExitRecord
from mlops_store.redact import redact_params, redact_text, redact_value, secret_values
from mlops_store.run_folder import RunFolder
from mlops_tui.output_pipe import hide
from mlops_tui.sdk import artifacts
from mlops_tui.sdk.plain import plain_params

_MAX_TRACEBACK = 64 * 1024
EXIT_ROOM = 1024
"""Bytes that are taken at the start for the record of the end."""


class Run:
    """Logs into one run. May be shared by threads; a forked process goes on in a journal of its own.

    `owner`: this process is the run, and its end is written here. Otherwise a shim watches over it.
    """

    def __init__(self, folder: RunFolder, attempt: int, *, owner: bool) -> None:
        self.run_id = folder.run_id
        self._folder = folder
        self._attempt = attempt
        self._owner = owner
        self._pid = os.getpid()
        self._started = time.monotonic()
        self._ended = False
        self._params: dict[str, Any] = {}
        self._hidden: set[str] = set()  # values that the reader of the output knows
        self._patience = 1.0  # seconds that such a value waits for a place in the output
        self._journal = JournalWriter(folder.path, attempt)
        # bound once: this is the call that training makes a million times
        self.log_metric: Callable[..., None] = self._journal.metric
        """`log_metric(key, value, step=None)`: one point. Without a step, the one after the key's last."""
        if owner:
            atexit.register(self._at_exit)

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._folder.path

    @property
    def dropped(self) -> int:
        """Lines that could not be written (a full disk) in this process."""
        return self._journal.dropped

    # --- logging ---

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Several points of one step."""
        self._journal.metrics(dict(metrics), step)

    def log_param(self, key: str, value: Any) -> None:
        self.log_params({key: value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Inputs, write-once: the same value again is nothing, another value raises Problem `param_changed`."""
        given = plain_params(params)
        shown = redact_params(given)
        if not self._owner:
            self._hide(secret_values(given))  # they may be printed next
        for key, value in shown.items():
            if key in self._params and self._params[key] != value:
                raise Problem(
                    "param_changed",
                    f"parameter {key!r} is {self._params[key]!r} in this run and cannot become {value!r}",
                    "a value that changes is a metric or a tag",
                )
        for key, value in shown.items():
            if key not in self._params:
                self._params[key] = value
                self._journal.param(key, value)

    def _hide(self, values: set[str]) -> None:
        """Each of them once. Where nothing is read, training waits for that once."""
        for value in values - self._hidden:
            if hide(str(self._folder.path), self._attempt, value, self._patience):
                self._hidden.add(value)
            else:
                self._patience = 0.0

    def set_tag(self, key: str, value: str) -> None:
        """Text that may change; the last one holds."""
        self._journal.tag(key, str(redact_value(key, cut(str(value)))))

    def log_artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Copies a file or a folder into the run, as `name` (default: its own).

        Raises FileNotFoundError and ValueError (a name that leads out of the run); a full disk is counted instead.
        """
        source = Path(path)
        logical = artifacts.logical_path(name or source.name or source.resolve().name)
        for file, place in artifacts.files_of(source, logical):
            try:
                size, digest = artifacts.add(file, self._folder.artifacts / place)
            except OSError as error:
                self._lost(f"artifact {place}: {error.strerror or error}")
                continue
            self._journal.artifact(place.as_posix(), size, digest)

    # --- the end ---

    def finish(self, exit_code: int = 0) -> None:
        """Ends the run. `with` does this by itself."""
        self._end(ExitRecord(exit_code=exit_code, signal=None, ended=now_ms()))

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self._end(_record_of(error), error)

    def _at_exit(self) -> None:
        """A script that ended without ending its run: by an exception that nobody caught, or well."""
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        if isinstance(error, BaseException):
            self._end(_record_of(error), error)
        else:
            self.finish()

    def _end(self, record: ExitRecord, error: BaseException | None = None) -> None:
        if os.getpid() != self._pid:
            # a forked helper leaves the block as well: it closes its own journal and decides nothing
            self._journal.close()
            return
        if self._ended:
            return
        self._ended = True
        if error is not None and not record.stopped and record.exit_code:
            self._keep_error(error)
        try:
            self._journal.sync()
        except OSError as problem:
            self._lost(f"the last lines may not survive a power cut: {problem.strerror}")
        self._journal.close()
        if not self._owner:
            return
        atexit.unregister(self._at_exit)
        record.duration_ms = round((time.monotonic() - self._started) * 1000)
        try:
            path = self._folder.attempt_dir(self._attempt) / "exit.json"
            write_reserved(path, msgspec.json.encode(record), EXIT_ROOM)
        except OSError as problem:
            self._lost(f"the end of run {self.run_id}: {problem.strerror or problem}")

    def _keep_error(self, error: BaseException) -> None:
        """`error.json` for the record, the traceback into the log; both redacted."""
        message = redact_text(f"{type(error).__name__}: {error}")[:4000]
        text = redact_text("".join(traceback.format_exception(error))[-_MAX_TRACEBACK:])
        record = {"code": "exception", "message": message, "hint": "the traceback is in the log", "stage": ""}
        try:
            write_json(self._folder.attempt_dir(self._attempt) / "error.json", record)
            with open(
                self._folder.log, "a", encoding="utf-8", errors="backslashreplace", opener=private
            ) as log:
                log.write(text)
        except OSError as problem:
            self._lost(f"the traceback: {problem.strerror or problem}")

    def _lost(self, what: str) -> None:
        self._journal.lost()
        complain(f"not recorded: {what}; training goes on")


def _record_of(error: BaseException) -> ExitRecord:
    """What an exception that leaves the block means as the end of a process."""
    if isinstance(error, KeyboardInterrupt):
        return ExitRecord(
            exit_code=None, signal=signal.SIGINT, ended=now_ms(), stopped=True, reason="interrupted"
        )
    if isinstance(error, SystemExit):
        code = error.code
        number = code if isinstance(code, int) else 0 if code is None else 1
        return ExitRecord(exit_code=number & 0xFF, signal=None, ended=now_ms())
    return ExitRecord(exit_code=1, signal=None, ended=now_ms(), reason=type(error).__name__)
