"""The operating system's word that files came: watchdog, or the admission that there is none.

Events get lost (full queues, folders made a moment ago, network mounts), so nothing depends on them: they only make a
rescan's find come sooner.
"""

from __future__ import annotations

import errno
import logging
import queue
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_store.delivered import path_text
from mlops_store.home import filesystem_type

LOG = logging.getLogger("mlops_tui.daemon")

_NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "fuse.sshfs",
        "afs",
        "lustre",
        "ceph",
        "glusterfs",
        "vboxsf",
    }
)


@dataclass(frozen=True)
class News:
    """Something happened to `path`. `closed`: a file got its last byte, or its name. `folder`: look inside."""

    path: Path
    closed: bool = False
    folder: bool = False


class Observers:
    """One watchdog observer over many folders. A folder that cannot be watched is polled by whoever asks (`watched` says no)."""

    def __init__(self, *, use: bool = True) -> None:
        self._use = use
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._observer: Any = None
        self._watches: dict[tuple[Path, bool], Any] = {}
        self._told: set[Path] = set()

    def news(self) -> list[News]:
        """What happened since the last call."""
        found: list[News] = []
        while True:
            try:
                found.append(self._news.get_nowait())
            except queue.Empty:
                return found

    def watch(self, wanted: set[tuple[Path, bool]]) -> None:
        """Watches exactly these (folder, with what is below it). Those that are not there yet are tried again at the next call."""
        for gone in set(self._watches) - wanted:
            watch = self._watches.pop(gone)
            try:
                self._observer.unschedule(watch)
            except (KeyError, OSError) as error:
                LOG.debug("%s was not watched any more: %s", path_text(gone[0]), error)
        for folder, recursive in sorted(wanted - set(self._watches)):
            self._schedule(folder, recursive)

    def watched(self, folder: Path, recursive: bool) -> bool:
        alive = self._observer is not None and self._observer.is_alive()
        return alive and (folder, recursive) in self._watches

    def stop(self) -> None:
        if self._observer is not None and self._observer.is_alive():
            self._observer.stop()
            self._observer.join(5)

    def _schedule(self, folder: Path, recursive: bool) -> None:
        if not self._use or folder in self._told or not folder.is_dir():
            return
        kind = filesystem_type(folder)
        if kind in _NETWORK:
            self._poll(folder, f"it is on a network file system ({kind}), which tells nothing")
            return
        from mlops_tui.daemon import file_events  # watchdog: for whoever has a folder to watch

        try:
            if self._observer is None:
                self._observer = file_events.start()
            watch = self._observer.schedule(
                file_events.Handler(self._news),
                str(folder),
                recursive=recursive,
                event_filter=file_events.FILTER,
            )
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return
            if error.errno in (errno.ENOSPC, errno.EMFILE):
                self._poll(
                    folder,
                    f"the limit of inotify is reached ({error.strerror}); raise fs.inotify.max_user_watches",
                )
            else:
                self._poll(folder, error.strerror or str(error))
            return
        self._watches[(folder, recursive)] = watch

    def _poll(self, folder: Path, why: str) -> None:
        self._told.add(folder)
        LOG.warning("%s is polled: %s", path_text(folder), why)
