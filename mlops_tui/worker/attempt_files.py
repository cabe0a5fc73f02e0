"""The files of one attempt, as the shim reads and writes them: whole or not at all, with the standard library alone."""

from __future__ import annotations

import json
import os
import signal
import time

TYPE_CHECKING = False  # importing typing would cost a fifth of the start
if TYPE_CHECKING:
    from typing import Any

_ROOM = 1024


class Claimed(Exception):
    """Another shim holds the attempt."""


class AttemptFiles:
    """`runs/<month>/<run_id>/attempts/<n>/` and the run's log."""

    def __init__(self, run_dir: str, attempt: int) -> None:
        self.run_dir = run_dir
        self.attempt = attempt
        self.folder = os.path.join(run_dir, "attempts", str(attempt))
        self._claim = -1

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def claim(self) -> None:
        """Takes the attempt, once and for all. Raises Claimed.

        The file stays locked while this process lives, so that a daemon in another pid namespace can tell.
        Room for the exit record is taken here too: a full disk shall not cost the evidence. The names of both, and what the launcher
        wrote, are durable afterwards: what a power cut ended is not begun again by itself.
        """
        import fcntl

        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        try:
            self._claim = os.open(
                self.path("claim"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except FileExistsError as error:
            raise Claimed(self.folder) from error
        try:
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(self._claim, b"%d\n" % os.getpid())
            with open(self.path("exit.json.tmp"), "wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, _ROOM)
                else:
                    file.write(b" " * _ROOM)
                    file.flush()
                    os.fsync(file.fileno())
            self._sync_folder()
        except OSError:
            # nothing has run yet: another try may have the attempt
            os.unlink(self.path("claim"))
            raise

    def write(self, name: str, value: dict[str, Any]) -> None:
        """A JSON file: whole or not there. It says who lives now, so its name may wait for the end's to be durable."""
        temporary = self.path(f".{name}.{os.getpid()}.tmp")
        with open(temporary, "wb") as file:
            file.write(json.dumps(value).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path(name))

    def write_exit(self, record: dict[str, Any]) -> None:
        """`exit.json`, into the room that the claim took. Tries for ten minutes where the disk refuses."""
        block = json.dumps(record).encode().ljust(_ROOM - 1) + b"\n"
        temporary = self.path("exit.json.tmp")
        for remaining in range(600, -1, -1):
            try:
                handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.pwrite(handle, block, 0)
                    os.fsync(handle)
                finally:
                    os.close(handle)
                os.replace(temporary, self.path("exit.json"))
                self._sync_folder()
                return
            except OSError:
                if not os.path.isdir(self.folder):
                    return  # somebody deleted the run: there is no place for its end
                if not remaining:
                    raise
                time.sleep(1)

    def read_spec(self) -> dict[str, Any]:
        """`spec.json`. Raises OSError or ValueError."""
        with open(os.path.join(self.run_dir, "spec.json"), "rb") as file:
            spec = json.load(file)
        if not isinstance(spec, dict):
            raise ValueError("spec.json does not hold an object")
        return spec

    def stop_request(self) -> tuple[int, float] | None:
        """(signal, grace in seconds) where someone asked for the end. What cannot be read counts as a plain stop."""
        try:
            with open(self.path("stop"), "rb") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        except OSError:
            return signal.SIGTERM, 10.0
        try:
            fields = json.loads(text)
            number, grace = int(fields.get("signal", signal.SIGTERM)), float(fields.get("grace", 10.0))
        except (ValueError, TypeError, AttributeError):
            return signal.SIGTERM, 10.0
        known = 0 < number < signal.NSIG and grace == grace
        return (number, min(max(grace, 0.0), 3600.0)) if known else (signal.SIGTERM, 10.0)

    def open_log(self) -> int:
        """The log, for appending: one write of the child is one piece of it, whoever else writes."""
        path = os.path.join(self.run_dir, "log.txt")
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _sync_folder(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
