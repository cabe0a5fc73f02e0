"""Real processes, waited for by what they leave behind and never by sleeping a fixed time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from mlops_store.home import Home
from mlops_store.ids import new_run_id
from mlops_store.index.tx import Tx
from mlops_store.records import Identity, LaunchContext, RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui import processes
from mlops_tui.daemon.events import EventRing
from mlops_tui.daemon.loop import Loops
from mlops_tui.daemon.spawn import LocalLauncher
from mlops_tui.daemon.writer import WriterThread

DEADLINE = 30.0


def until(what: Callable[[], Any], why: str = "") -> Any:
    """The first true answer of `what`; fails after the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {DEADLINE:.0f} s: {why or what}")


def lives(who: Identity | None) -> bool:
    return who is not None and bool(processes.alive(who.pid, who.start_ticks, who.boot_id, who.pid_ns))


def environment(**extra: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        **extra,
    }


class Shims:
    """Makes run folders and starts shims, without a daemon."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folders: list[RunFolder] = []

    def folder(self, command: list[str], **fields: Any) -> RunFolder:
        fields.setdefault("env", environment())
        spec = RunSpec(
            run_id=new_run_id(), kind="train", name="t", project="p", experiment="e", actor="t", created=0,
            command=command, **{"cwd": "/", **fields},
        )  # fmt: skip
        folder = RunFolder.create(self.home, spec)
        self.folders.append(folder)
        return folder

    def launch(self, folder: RunFolder, attempt: int = 1) -> RunFolder:
        context = LaunchContext(
            run_id=folder.run_id, attempt=attempt, home=str(self.home.path), project="p", project_dir="", code_dir="", launched=0
        )  # fmt: skip
        LocalLauncher().launch(folder, context)
        return folder

    def start(self, command: list[str], **fields: Any) -> RunFolder:
        return self.launch(self.folder(command, **fields))

    def python(self, code: str, **fields: Any) -> RunFolder:
        return self.start([sys.executable, "-c", code], **fields)

    def clean(self) -> None:
        """Ends what a failed test left."""
        for folder in self.folders:
            for attempt in folder.attempts():
                folder.request_stop(attempt, "test", signal=9, grace=0)
                child = folder.child(attempt)
                if child is not None and lives(child):
                    try:
                        os.killpg(child.pid, 9)
                    except ProcessLookupError:
                        continue


class Box:
    """The part of a daemon that runs need: writer, events, loop. `settle` only says that a run is settled."""

    def __init__(self, home: Home, **options: Any) -> None:
        self.home = home
        self.events = EventRing("test")
        self.writer = WriterThread(home, self.events, lambda error: None)
        self.settled: list[str] = []
        self.options = options
        self.loops = self._open()

    def _open(self) -> Loops:
        self.writer.start()
        loops = Loops(self, settle_run=self._settle, **self.options)
        loops.start()
        return loops

    def _settle(self, tx: Tx, run_id: str) -> None:
        row = tx.one("SELECT state FROM runs WHERE run_id = ?", [run_id])
        assert row is not None
        tx.append("run.settle", run_id, {"run_id": run_id, "state": row["state"]})
        self.settled.append(run_id)

    def restart(self) -> None:
        """A new daemon over the same home."""
        self.close()
        self.writer = WriterThread(self.home, self.events, lambda error: None)
        self.loops = self._open()

    def close(self) -> None:
        self.loops.stop()
        self.writer.close()

    def row(self, run_id: str) -> dict[str, Any]:
        return self.writer.read(lambda read: read.one("SELECT * FROM runs WHERE run_id = ?", [run_id])) or {}

    def wait(self, run_id: str, *states: str) -> dict[str, Any]:
        return until(
            lambda: (row := self.row(run_id)).get("state") in states and row,
            f"{run_id} {states} {self.row(run_id)}",
        )

    def wait_settled(self, run_id: str) -> dict[str, Any]:
        return until(lambda: (row := self.row(run_id)).get("settled") and row, f"{run_id} settled")

    def folder(self, run_id: str) -> RunFolder:
        return RunFolder(self.home.run_dir(run_id))
