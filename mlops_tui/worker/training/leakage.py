"""The last check before a verdict: rows that judge were seen by neither side. Refuses; never repairs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from mlops_store.errors import Problem
from mlops_store.objects import Objects
from mlops_tui.worker.training.rows import ROW, TIME
from mlops_tui.worker.training.selection import Mask
from mlops_tui.worker.training.version_files import Training, VersionFile, decode_version


def version_of(objects: Objects, tree: str) -> VersionFile:
    """`version.json` of a registered tree, without checking it out. Raises Problem."""
    files = objects.tree(tree)
    if "version.json" not in files:
        raise Problem("version_damaged", f"tree {tree} has no version.json", "restore it from a backup")
    return decode_version(objects.read(files["version.json"].sha256))


def offending(
    rows: pl.DataFrame, trained: Training, rule: Mapping[str, Any], seen: Mask
) -> tuple[pl.DataFrame, str]:
    """Evaluation rows that a training manifest may hold, and why; no rows where it is clean.

    `rule` says how the judging rows were told apart. By time: rows that are not later than the newest training row.
    Either way: rows whose key is among the training rows (`seen`, shape (n,)), whatever their file and time are now.
    """
    keyed = rows.filter(pl.Series(seen))
    if rule.get("by") != "key_hash":
        if trained.max_event_time is None:
            return rows, "without an event time to compare with the training rows"
        found = rows.filter(pl.col(TIME) <= trained.max_event_time)
        if found.height:
            return found, f"not later than the newest training row ({moment(trained.max_event_time)})"
    return keyed, "among the training rows by their key"


def refusal(rows: pl.DataFrame, who: str, why: str, total: int) -> Problem:
    """The Problem for offending rows; `who` is the side that has seen them."""
    first = rows.sort(ROW).row(0, named=True)
    when = f", first at {moment(int(first[TIME]))}" if first[TIME] is not None else ""
    return Problem(
        "leakage",
        f"{rows.height} of {total} evaluation rows are no evidence: they are {why} of {who}{when}",
        "judge on rows that arrived later: add newer data, or start from a version trained on less",
    )


def moment(milliseconds: int) -> str:
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    )
