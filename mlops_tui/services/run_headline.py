"""The one metric that says how a run did: what it is judged by."""

from __future__ import annotations

from mlops_store.index.directions import default_direction
from mlops_tui.verbs._shapes import Headline, MetricSummary

HEADLINE = "headline"
"""What `--fields` calls it; no field of the filter language, since it is another metric from run to run."""


def headline(name: str, found: MetricSummary) -> Headline:
    """Of a metric and what it has come to."""
    direction = (
        default_direction(name) if found.min == found.max else "min" if found.best == found.min else "max"
    )
    return Headline(metric=name, value=found.best, direction=direction)
