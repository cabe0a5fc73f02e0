"""Makes a run's journals durable, for whoever watches over the run, so that training never waits for a disk.

Standard library only: the shim uses it too.
"""

from __future__ import annotations

import os


class JournalSync:
    """The journals in one folder. Remembers how long each was, so that what has not grown costs a stat."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._synced: dict[str, int] = {}

    def sync(self) -> None:
        """Syncs every journal that has grown since the last time."""
        try:
            entries = [entry for entry in os.scandir(self._folder) if entry.name.endswith(".jsonl")]
        except OSError:
            return
        for entry in entries:
            try:
                size = entry.stat(follow_symlinks=False).st_size
                if self._synced.get(entry.name) == size or not entry.is_file(follow_symlinks=False):
                    continue
                handle = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
                self._synced[entry.name] = size
            except OSError:
                continue  # tried again in a second; what the kernel could not keep is not ours to hide or to mend
