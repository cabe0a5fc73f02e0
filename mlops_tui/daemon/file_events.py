"""What watchdog tells of files, as news of the observers."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from mlops_tui.daemon.observers import News

FILTER = [
    FileClosedEvent,
    FileMovedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


def start() -> Any:
    """An observer at work. Raises OSError where the system has none left."""
    observer = Observer()
    observer.daemon = True
    observer.start()
    return observer


class Handler(FileSystemEventHandler):  # type: ignore[misc]
    def __init__(self, news: queue.SimpleQueue[News]) -> None:
        self._news = news

    def on_any_event(self, event: FileSystemEvent) -> None:
        moved = isinstance(event, FileMovedEvent | DirMovedEvent)
        path = event.dest_path if moved else event.src_path
        if path:
            text = path.decode(errors="surrogateescape") if isinstance(path, bytes) else str(path)
            self._news.put(
                News(Path(text), moved or isinstance(event, FileClosedEvent), bool(event.is_directory))
            )
