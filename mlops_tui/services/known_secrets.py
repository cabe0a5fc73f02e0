"""What is secret in what a run was asked for with: in the daemon's memory until the run has ended, and on no disk.

A run gets none of it (decision 0007), but may read it from elsewhere and print it: its output is searched for these values too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mlops_store.redact import secret_values

_known: dict[str, frozenset[str]] = {}


def remember(run_id: str, *values: Mapping[str, Any]) -> None:
    """Of environments and parameters what is secret by its name or its looks."""
    found = frozenset().union(*map(secret_values, values))
    if found:
        _known[run_id] = found


def of_run(run_id: str) -> set[str]:
    """What to look for in the output of a run: its own, and what this process has in its environment."""
    return secret_values(os.environ) | _known.get(run_id, frozenset())


def forget(run_id: str) -> None:
    _known.pop(run_id, None)
