"""Ended runs into the ledger, from the loop thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.tx import Tx
from mlops_store.records import RunState
from mlops_store.run_folder import RunFolder
from mlops_tui.services.settle import settle, settle_broken, settle_key

LOG = logging.getLogger("mlops_tui.daemon")
T = TypeVar("T")


class Writes(Protocol):
    """The store, as the daemon gives it."""

    home: Home

    def call(self, fn: Callable[[Tx], T], *, actor: str = ..., key: str = ...) -> T: ...


def settle_run(writer: Writes, run_id: str) -> RunState | None:
    """Settles one run under its idempotency key. Raises Problem where the disk is at fault: try again later.

    An outcome that cannot be carried over (a damaged file, a fault of the program) is settled as broken, with the
    reason in the ledger: one bad run must not hold up the loop for ever.
    """
    attempt = RunFolder(writer.home.run_dir(run_id)).latest()
    try:
        return writer.call(lambda tx: settle(tx, run_id), actor="daemon", key=settle_key(run_id, attempt))
    except (Problem, OSError) as error:
        if isinstance(error, OSError) or error.status == 3:
            raise
        reason: Exception = error
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is over; the reason goes to log and ledger
        reason = error
    LOG.error("run %s: its outcome cannot be recorded", run_id, exc_info=reason)
    writer.call(lambda tx: settle_broken(tx, run_id, f"{type(reason).__name__}: {reason}"), actor="daemon")
    return None
