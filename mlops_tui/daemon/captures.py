"""Captures what submitted runs depend on, in a thread beside the loop: git or an interpreter may take seconds to answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor

from mlops_store.atomic import write_json
from mlops_store.run_folder import RunFolder
from mlops_tui.capture import capture
from mlops_tui.daemon.nice import lower_this_thread

LOG = logging.getLogger("mlops_tui.daemon")

_KINDS = frozenset({"train", "evaluate"})


class Captures:
    """`ready` starts the capture of a run and tells when it is on disk; a run is launched after that."""

    def __init__(self, done: Callable[[], None] = lambda: None) -> None:
        """`done` is called, in the thread beside, when a capture has come to its end."""
        self._done = done
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="capture", initializer=lower_this_thread)
        self._running: dict[str, Future[None]] = {}

    def ready(self, folder: RunFolder, kind: str) -> bool:
        """Whether the run may be launched as far as the capture goes; from one thread. A failed capture holds nothing up."""
        if kind not in _KINDS:
            return True
        future = self._running.get(folder.run_id)
        if future is None:
            if folder.capture.exists():
                return True
            future = self._running[folder.run_id] = self._pool.submit(_capture, folder)
            future.add_done_callback(lambda _future: self._done())
            return False
        if not future.done():
            return False
        del self._running[folder.run_id]
        error = future.exception()
        if error is not None:
            LOG.error("run %s: its environment could not be captured: %s", folder.run_id, error)
            write_json(folder.capture, {"unknown": str(error)[:500]})
        return True

    def keep(self, run_ids: Collection[str]) -> None:
        """Forgets those of runs that wait no more, such as one that was stopped meanwhile; from the thread of `ready`."""
        for run_id in self._running.keys() - run_ids:
            self._running.pop(run_id).cancel()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _capture(folder: RunFolder) -> None:
    spec = folder.spec()
    seed = spec.request.get("seed", spec.params.get("seed"))
    argv = spec.request.get("argv")
    found = capture(
        spec.project_dir or spec.cwd,
        spec.command,
        spec.env,
        spec.python,
        seed if isinstance(seed, int) else None,
        [str(word) for word in argv] if isinstance(argv, list) else None,
    )
    write_json(folder.capture, found)
