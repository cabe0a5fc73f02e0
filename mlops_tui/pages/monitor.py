"""Monitoring."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_tui.pages.parts import (
    BULLET,
    batch_said,
    day,
    drift_said,
    interval,
    minute,
    plural,
    record,
    score,
    share,
)
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.monitor import ChampionMove, FeatureSeries, Look, Monitored, MonitoredBatch, Monitoring

_FEATURES = 15
_SHOWN = 24


def list_(page: Page[Monitored], screen: Surface) -> None:
    rows = [
        (row.project, row.source, row.version, row.rows, row.model or "-", row.champion, _drift(row),
         interval(record(row.performance)) if row.performance else "-", row.quarantined, row.warnings, minute(row.time))
        for row in page.items
    ]  # fmt: skip
    screen.table(
        ("project", "source", "version", "rows", "model", "champion", "drift", "performance", "quarantined", "warnings", "newest"),
        rows,
        drop=("project", "newest", "rows", "warnings", "champion"),
        middle=("source", "model"),
    )  # fmt: skip


def _drift(row: Monitored) -> str:
    return "-" if row.alarm is None else drift_said(row)


def who(found: Monitoring, version: int | None) -> str:
    """A version, and whether it is the one that serves now."""
    if version is None:
        return "-"
    return f"v{version} serves" if found.serves and version == found.champion else f"v{version}"


def beside_champion(found: Monitoring) -> list[FeatureSeries]:
    """The series of the looks beside the version that serves; of all looks where nobody has looked beside it yet."""
    runs = {look.run_id for look in found.looks if look.champion == found.champion}
    if not runs:
        return list(found.features)
    beside = []
    for line in found.features:
        points = [point for point in line.points if point.run_id in runs]
        alarms = sum(point.alert for point in points)
        beside.append(msgspec.structs.replace(line, points=points, alarms=alarms))
    return beside


def newest_look(found: Monitoring) -> Look | None:
    """The newest look beside the version that serves."""
    return next((look for look in reversed(found.looks) if look.champion == found.champion), None)


def moved(move: ChampionMove) -> str:
    """What became of the champion, in words."""
    if move.to is None:
        return f"champion taken away from v{move.before}"
    if move.before is None:
        return f"v{move.to} promoted"
    return (
        f"rolled back from v{move.before} to v{move.to}"
        if move.back
        else f"v{move.to} promoted over v{move.before}"
    )


def timeline(found: Monitoring) -> list[Look | ChampionMove]:
    """Looks and moves of the champion as they happened, oldest first."""
    return sorted([*found.looks, *found.moves], key=lambda each: each.time)


def show(found: Monitoring, screen: Surface) -> None:
    serving = (
        f"champion {found.champion}" if found.serves else f"version {found.champion}, nothing is promoted"
    )
    screen.title(f"{found.model} of {found.project}  {serving}")
    screen.facts([
        ("rows from", found.source), ("judged by", f"{found.metric} ({'higher' if found.direction != 'min' else 'lower'} is better)"),
        ("when registered", interval(found.baseline) if found.baseline else None),
    ])  # fmt: skip
    timed = any(batch.start is not None for batch in found.batches)
    order = f"in order of {'event time' if timed else 'arrival'}"
    screen.heading("BATCHES", f"{order}; the last {_SHOWN}" if len(found.batches) > _SHOWN else order)
    screen.table(
        ("batch", "version", "rows", "from", "to", "state", "judged over", found.metric or "metric", "change", "drift"),
        [_batch(found, batch) for batch in found.batches[-_SHOWN:]],
        "no data of the source is there",
        drop=("from", "rows", "version", "change"), middle=("batch",),
    )  # fmt: skip
    _looks(found, screen)
    _features(found, screen)
    newest = newest_look(found)
    if newest is not None and newest.decay is None and newest.decay_reason:
        screen.text(f"decay is not known: {newest.decay_reason}", BULLET)
    if found.judgements:
        screen.heading("JUDGED", "on rows that the version has not seen")
        screen.table(
            ("when", "by", "version", found.metric or "metric", "beside", "which had", "rows", "verdict"),
            [(minute(one.time), one.kind, who(found, one.version), interval(one.value), who(found, one.baseline), interval(one.baseline_value), one.rows,
              one.verdict or "-") for one in found.judgements[-_SHOWN:]],
            drop=("rows", "when"),
        )  # fmt: skip
    _quality(found, screen)


def _looks(found: Monitoring, screen: Surface) -> None:
    if not found.looks and not found.moves:
        return
    screen.heading("LOOKS", "and moves of the champion, as they happened")
    rows = [
        (minute(each.time), "champion", moved(each), short(each.why or "-", 60), "-")
        if isinstance(each, ChampionMove)
        else (minute(each.time), "look", f"beside {who(found, each.champion)}", interval(record(each.performance)), drift_said(each))
        for each in timeline(found)[-_SHOWN:]
    ]  # fmt: skip
    screen.table(
        ("when", "what", "version", f"{found.metric or 'metric'}, or why", "drift"), rows, drop=("when",)
    )


def _batch(found: Monitoring, batch: MonitoredBatch) -> tuple[Any, ...]:
    performance = record(batch.performance)
    judged = (
        interval(performance)
        if performance.get("value") is not None
        else short(performance.get("reason") or "-", 30)
    )
    drift = "-" if batch.alarm is None else drift_said(batch)
    return (
        batch_said(batch.label), batch.version, batch.rows, day(batch.start), day(batch.end), batch.state, who(found, batch.champion), judged,
        interval(batch.change, difference=True) if batch.change else "-", drift,
    )  # fmt: skip


def _features(found: Monitoring, screen: Surface) -> None:
    screen.heading(
        "DRIFT",
        f"{plural(sum(look.champion == found.champion for look in found.looks), 'look')} beside v{found.champion}; "
        "PSI and its noise band, the last look on the right",
    )
    screen.table(
        ("column", "role", "alarms", "psi", "band", "nulls", "before"),
        [(line.name, line.role, line.alarms, score(line.points[-1].psi), score(line.points[-1].band), share(line.points[-1].null_share), _trend(line))
         for line in sorted((line for line in beside_champion(found) if line.points), key=_worst)[:_FEATURES]],
        "nobody has looked yet: a drift run follows when new data arrive",
        drop=("before", "role", "nulls"), middle=("column",),
    )  # fmt: skip
    if len(found.features) > _FEATURES:
        screen.text(f"and {len(found.features) - _FEATURES} more columns (--json has all)", BULLET)


def _worst(line: FeatureSeries) -> tuple[int, float]:
    return (-line.alarms, -(line.points[-1].psi or 0.0))


def _trend(line: FeatureSeries) -> str:
    return " ".join(f"{score(point.psi)}{'!' if point.alert else ''}" for point in line.points[-6:])


def _quality(found: Monitoring, screen: Surface) -> None:
    screen.heading("QUALITY")
    screen.table(
        ("source", "versions", "files", "rows", "refused ever", "waiting", "warnings"),
        [(one.source, one.versions, one.files, one.rows, one.quarantined, one.waiting, len(one.warnings)) for one in found.quality],
        "no source is recorded",
    )  # fmt: skip
    for one in found.quality:
        for reason in one.reasons[:3]:
            screen.text(
                f"{one.source}: {short(reason.get('path'), 80)}: {short(reason.get('reason'), 200)}", BULLET
            )


RENDERERS = {"list": list_, "show": show}
