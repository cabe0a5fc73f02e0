"""Monitoring: drift, performance and quality as they were recorded. Nothing is computed here."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.filter_match import Value
from mlops_store.filter_tree import Field
from mlops_store.index import monitoring as queries
from mlops_store.index.tx import Read
from mlops_tui.services import data
from mlops_tui.services.listing import listed_here
from mlops_tui.services.loop_facts import loads
from mlops_tui.services.monitor_batches import batches_of, with_batches
from mlops_tui.services.monitor_looks import Found, judgements, look, series, value_of
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.monitor import (
    ChampionMove,
    Monitored,
    Monitoring,
    MonitorList,
    MonitorShow,
    SourceQuality,
)

_VERSIONS = 20
"""Data versions whose warnings are read."""
_REASONS = 20

Row = dict[str, Any]


def list_(read: Read, request: MonitorList) -> Page[Monitored]:
    """Sources, once for each model whose rows they hold; by project and name unless sorted otherwise. Raises Problem.

    They are few, and come from several tables: they are filtered here, not in the index.
    """
    found = {
        f"{row.project}/{row.source}/{row.model or ''}": row for row in _monitored(read, request.project)
    }
    names, following, total = listed_here(
        read, "monitor", request, {name: partial(_field, row) for name, row in found.items()}
    )
    return Page(items=[found[str(name)] for name in names], next=following, total=total)


def _field(row: Monitored, field: Field) -> Value:
    """A row's value of a field of the filter."""
    if field.name == "drift":
        if row.alarm is None:
            return None
        return "major" if row.major else "alarm" if row.alarm else "unknown" if row.cannot_tell else "quiet"
    if field.name == "features":
        return ", ".join(row.features) or None
    if field.name == "performance":
        return (row.performance or {}).get("value")
    value: Value = getattr(row, field.name)
    return None if value == "" else value


def show(read: Read, request: MonitorShow) -> Monitoring:
    """Everything recorded of one model's data. Raises Problem."""
    row = _chosen(read, request)
    project, model, spine = row["project"], row["model"], _spine(row)
    found = [
        Found(one["run_id"], one["created"], msgspec.json.decode(one["json"], type=Found.Outcome))
        for one in queries.looks(read, project, model, request.last)
    ]
    versions = queries.registered(read, project, model)
    own = {one["version"]: value_of(loads(one["metrics"], {}), row["metric"]) for one in versions}
    batches = batches_of(read, row, spine, found, own)[-request.last :]
    return Monitoring(
        project=project,
        model=model,
        source=spine,
        champion=row["version"],
        serves=row["serves"],
        metric=row["metric"] or "",
        direction=row["direction"] or "max",
        baseline=own.get(row["version"]),
        batches=batches,
        looks=[look(one) for one in found],
        features=with_batches(series(found), batches, found),
        judgements=judgements(
            versions, queries.evaluations(read, project, model, request.last), row["metric"]
        )[-request.last :],
        moves=[
            ChampionMove(
                seq=one["seq"],
                time=one["time"],
                actor=one["actor"],
                before=one["from_version"],
                to=one["to_version"],
                back=bool(one["rollback"]),
                why=one["why"] or "",
            )
            for one in queries.moves(read, project, model, request.last)
        ],
        quality=[_quality(read, project, source) for source in _sources(row, spine)],
    )


# --- the list -------------------------------------------------------------------------------------------------------


def _monitored(read: Read, project: str | None) -> list[Monitored]:
    models: dict[tuple[str, str], list[Row]] = {}
    for row in queries.models(read, project):
        models.setdefault((row["project"], _spine(row)), []).append(row)
    counts = {(row["project"], row["model"]): row for row in queries.looked(read, project)}
    newest = {
        (row["project"], row["model"], row["champion_version"]): msgspec.json.decode(
            row["json"], type=Found.Outcome
        )
        for row in queries.newest_looks(read, project)
    }
    made: list[Monitored] = []
    for source in queries.sources(read, project):
        warnings = len(data.warnings_of(read, source))
        reading: list[Row | None] = [*models.get((source["project"], source["source"]), [])]
        made += [_row(source, warnings, model, counts, newest) for model in reading or [None]]
    return made


def _row(
    source: Row, warnings: int, model: Row | None, counts: dict[Any, Row], newest: dict[Any, Any]
) -> Monitored:
    made = Monitored(
        project=source["project"], source=source["source"], version=source["version"], rows=source["rows"], time=source["created"],
        min_event_time=source["min_event_time"], max_event_time=source["max_event_time"], quarantined=source["held"],
        warnings=warnings,
    )  # fmt: skip
    if model is None:
        return made
    made.model, made.champion, made.serves = model["model"], model["version"], model["serves"]
    made.metric = model["metric"] or ""
    counted = counts.get((source["project"], model["model"]))
    if counted is not None:
        made.looks, made.alarms, made.looked = counted["looks"], counted["alarms"], counted["looked"]
    last = newest.get((source["project"], model["model"], model["version"]))
    if last is not None:
        made.alarm, made.major, made.features = last.alarm, last.major, last.alerted
        made.cannot_tell = last.cannot_tell
        made.performance, made.decay = last.performance, last.decay
    return made


# --- one model ------------------------------------------------------------------------------------------------------


def _chosen(read: Read, request: MonitorShow) -> Row:
    rows = queries.models(read, request.project)
    chosen = [row for row in rows if request.model in (None, row["model"])]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(f"{row['project']}/{row['model']}" for row in chosen or rows)
    if chosen:
        raise Problem(
            "model_ambiguous",
            f"several models are monitored: {names}",
            "name one, and its --project",
            status=2,
        )
    raise Problem(
        "no_such_model",
        f"no model {request.model!r} is registered" if request.model else "no model is registered yet",
        f"registered are: {names}" if names else "`mlops-tui run start MODEL` trains a first version",
    )


def _spine(row: Row) -> str:
    """The source of a model's rows; for a model of someone's own command the first that it was made from."""
    return row["spine"] or next(iter(sorted(loads(row["pins"], {}))), "")


def _sources(row: Row, spine: str) -> list[str]:
    return [spine, *(name for name in sorted(loads(row["pins"], {})) if name != spine)] if spine else []


def _quality(read: Read, project: str, source: str) -> SourceQuality:
    versions = queries.versions(read, project, source, _VERSIONS)
    refused = queries.refused(read, project, source, _REASONS)
    newest = versions[0] if versions else {"total": 0, "files": 0, "rows": 0}
    return SourceQuality(
        source=source,
        versions=newest["total"],
        files=newest["files"],
        rows=newest["rows"],
        quarantined=refused[0]["total"] if refused else 0,
        waiting=refused[0]["held"] if refused else 0,
        warnings=[
            {"version": row["version"], **warning}
            for row in versions
            for warning in data.warnings_of(read, row)
        ],
        reasons=[
            {"path": row["path"], "reason": row["reason"], "time": row["created"], "state": row["state"]}
            for row in refused
        ],
    )
