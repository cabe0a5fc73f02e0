"""Carrying the outcome of ended runs into the ledger, and what to do about one that cannot be carried."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from mlops_store.errors import Problem
from mlops_store.index.tx import Tx
from mlops_store.redact import redact_text
from mlops_tui.daemon.writer import WriterThread
from mlops_tui.services.settle import settle, settle_broken, settle_key

LOG = logging.getLogger("mlops_tui.daemon")

_DELAYS = (1.0, 5.0, 30.0)
"""Seconds until the next try. After the last, an outcome that is at fault itself is given up; a full disk never is."""
_RETRYABLE = 3


class Settling:
    """Settles from one thread. Remembers only which runs failed, and when to try them again."""

    def __init__(self, writer: WriterThread, settle_run: Callable[[Tx, str], object] | None = None) -> None:
        self._writer = writer
        self._settle = settle_run or settle
        self._failed: dict[str, tuple[int, float]] = {}

    def settle(self, run_id: str, attempt: int) -> bool:
        """True when the run is settled now, as what it is or as broken."""
        count, due = self._failed.get(run_id, (0, 0.0))
        if due > time.monotonic():
            return False
        try:
            self._writer.call(lambda tx: self._settle(tx, run_id), key=settle_key(run_id, attempt))
        except Exception as error:
            if self._writer.failed is not None:
                return False
            LOG.error("run %s cannot be settled: %s", run_id, error, exc_info=error)
            retryable = isinstance(error, Problem) and error.status == _RETRYABLE
            if count >= len(_DELAYS) and not retryable:
                self._give_up(run_id, redact_text(str(error)) or type(error).__name__)
                return True
            delay = _DELAYS[min(count, len(_DELAYS) - 1)]
            self._failed[run_id] = (count + 1, time.monotonic() + delay)
            return False
        self._failed.pop(run_id, None)
        return True

    def _give_up(self, run_id: str, reason: str) -> None:
        self._writer.call(lambda tx: settle_broken(tx, run_id, reason))
        self._failed.pop(run_id, None)
