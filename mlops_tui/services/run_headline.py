"""The one metric that says how a run did: what it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_store.index.directions import default_direction
from mlops_tui.verbs._shapes import Headline

HEADLINE = "headline"
"""What `--fields` calls it; no field of the filter language, since it is another metric from run to run."""


def headline(name: str, found: Mapping[str, Any]) -> Headline:
    """Of a metric and what it has come to."""
    best, low, high = found["best"], found["min"], found["max"]
    direction = default_direction(name) if low == high else "min" if best == low else "max"
    return Headline(metric=name, value=best, direction=direction)
