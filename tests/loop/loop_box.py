"""A daemon's loop without its socket: writer, queue, watcher, real worker processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mlops_store.home import Home
from mlops_tui.daemon.events import EventRing
from mlops_tui.daemon.loop import Loops
from mlops_tui.daemon.watch import Watcher
from mlops_tui.daemon.writer import WriterThread


class LoopBox:
    """Use as a context manager; `rows` asks the index, `until` waits for a condition with a deadline."""

    def __init__(self, folder: Path, **watcher: Any) -> None:
        self.home = Home(folder / "home").create()
        self.fatal: list[BaseException] = []
        self.watcher_options = watcher

    def __enter__(self) -> LoopBox:
        events = EventRing("test")
        self.writer = WriterThread(self.home, events, self.fatal.append)
        self.writer.start()
        self.watcher = Watcher(self.writer, **self.watcher_options)
        daemon = SimpleNamespace(home=self.home, writer=self.writer, events=events)
        self.loops = Loops(daemon, tickers=[self.watcher], arriving=self.watcher.arriving)
        self.loops.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loops.stop()
        self.writer.close()

    def add_project(self, directory: Path) -> str:
        from mlops_tui.project.load import load

        name = load(directory).name
        self.writer.call(lambda tx: tx.append("project.add", name, {"name": name, "dir": str(directory)}))
        self.loops.wake()
        return name

    def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        return self.writer.read(lambda read: read.rows(sql, list(params)))

    def until(self, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Polls: there is no event for "the index says so" that a test could wait for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(
            f"not within {seconds} s; runs: {self.rows('SELECT run_id, kind, state, reason, settled FROM runs')}"
        )
