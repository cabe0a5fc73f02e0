"""Which screen shows an entity, or what a command asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Opening = tuple[Any, ...]
"""A class of screens and the arguments to make one: what `Travel.open` takes."""

LISTS = {
    "run list": "runs", "model list": "models", "feature list": "features", "data list": "data", "proposal list": "proposals",
    "ledger list": "ledger", "status": "home", "monitor list": "monitoring",
}  # fmt: skip

TABS = {"run show": "", "run logs": "log", "run metrics": "curves", "run why": "why"}
"""The tab of a run that shows what a verb does."""


def room_of(key: str, fields: Mapping[str, Any], project: str) -> Opening | str | None:
    """What to open for what a verb shows, the name of one of the nine, or None."""
    if key in LISTS:
        return LISTS[key]
    if key in TABS:
        from mlops_tui.tui.screens.run import RunRoom

        return RunRoom, str(fields["run_id"]), TABS[key]
    if key == "run compare":
        from mlops_tui.tui.screens.run_compare import CompareRoom

        return CompareRoom, list(fields["runs"])
    if key == "monitor show" and fields.get("model"):
        from mlops_tui.tui.screens.monitor import MonitorRoom

        return MonitorRoom, project, str(fields["model"])
    if key == "model show":
        return place("model", str(fields["model"]), project)
    if key == "proposal show":
        return place("proposal", str(fields["id"]), project)
    if key == "feature show":
        return place("feature", str(fields["view"]), project)
    if key == "data show":
        return place("data", str(fields["source"]), project)
    if key == "lineage":
        from mlops_tui.tui.screens.lineage import LineageRoom

        return LineageRoom, str(fields["entity"])
    return None


def number_of(version: str) -> int | None:
    """A version's number; None for an alias, and for what cannot be one."""
    return int(version) if version.isdecimal() and version.isascii() and len(version) <= 9 else None


def place(kind: str, id: str, project: str) -> Opening | None:
    """What to open for one entity: `run` ID, `model` NAME[@V], `data` SOURCE[@V], `feature` VIEW[@V], `proposal` ID, `prediction` RUN."""
    name, _, version = id.partition("@")
    number = number_of(version)
    if kind in ("run", "prediction"):
        from mlops_tui.tui.screens.run import RunRoom

        return RunRoom, id
    if kind in ("model", "alias"):
        from mlops_tui.tui.screens.model import ModelRoom

        return ModelRoom, project, name, number
    if kind == "proposal":
        from mlops_tui.tui.screens.proposal import ProposalRoom

        return ProposalRoom, id
    if kind == "data" and number is not None:
        from mlops_tui.tui.screens.data_version import DataVersionRoom

        return DataVersionRoom, project, name, number
    if kind == "feature" and number is not None:
        from mlops_tui.tui.screens.feature import FeatureRoom

        return FeatureRoom, project, name, number
    return None
