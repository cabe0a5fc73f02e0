"""A project, or the whole home, at a glance: facts that are on record, in a dozen statements."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from mlops_store.index import overview
from mlops_store.index.tx import Read
from mlops_tui.services import disk
from mlops_tui.services.configs import WAITING, look
from mlops_tui.services.forecast import Expected, forecast
from mlops_tui.services.loop_facts import loads
from mlops_tui.text import ended_by, short
from mlops_tui.verbs._status import (
    CardState,
    Disk,
    DriftState,
    FailedRun,
    LiveRun,
    ModelHealth,
    Status,
    StatusProject,
    StatusReport,
    TrainedOn,
    Waiting,
)
from mlops_tui.verbs.daemon import DaemonStatus

PIPELINE = ("collect", "validate", "prepare", "features", "search", "train", "evaluate", "gate", "register")
"""The stages of a training by recipe, in order."""
_RUNS = 100
_LOOKS = 3
_DAY = 86_400_000
_FAILED = 10
_WHY = 400


class Seen(msgspec.Struct):
    """What a glance needs of a drift run's outcome."""

    version: int
    new_rows: int
    mature_labelled_rows: int = 0
    since_version: int = 0
    alarm: bool = False
    major: bool = False
    cannot_tell: str = ""
    columns: list[Column] = []
    performance: dict[str, Any] | None = None
    decay: dict[str, Any] | None = None
    decay_reason: str = ""


class Column(msgspec.Struct):
    name: str
    alert: bool = False


def status(read: Read, request: Status, daemon: DaemonStatus | None = None) -> StatusReport:
    """Everything the first screen shows. `daemon` is what the daemon knows of itself."""
    project = None if request.everything else request.project
    cards = [_card(row) for row in overview.cards(read, project)]
    active = overview.live_runs(read, project)
    queue = Counter(row["state"] for row in active)
    return StatusReport(
        time=read.now,
        project=project,
        projects=_projects(read, project),
        runs=_live(read, active, _expected(read, active, project, daemon), daemon),
        queue=dict(sorted(queue.items())),
        queued=queue["QUEUED"],
        failed=_failed(read, overview.failed(read, project, read.now - _DAY, _FAILED)),
        models=_models(read, project, cards),
        proposals=cards,
        quarantine=[Waiting(**row) for row in overview.held(read, project)],
        disk=_disk(read),
        daemon=daemon or DaemonStatus(running=False, home=str(read.home.path)),
    )


def _projects(read: Read, project: str | None) -> list[StatusProject]:
    found = read.rows(
        "SELECT name, dir, added FROM projects WHERE removed IS NULL AND (? IS NULL OR name = ?) ORDER BY name",
        [project, project],
    )
    seen = [(row, look(row["dir"]).problem) for row in found]
    return [
        StatusProject(**row, problems=[*problem.message.splitlines(), WAITING] if problem else [])
        for row, problem in seen
    ]


# --- runs ---------------------------------------------------------------------------------------------------------


def _expected(
    read: Read, active: list[dict[str, Any]], project: str | None, daemon: DaemonStatus | None
) -> dict[str, Expected]:
    """The queue is one for all projects."""
    if not active:
        return {}
    everything = active if project is None else overview.live_runs(read, None)
    waits, limit = (daemon.waits, daemon.limit) if daemon is not None else ({}, None)
    return forecast(read, everything, waits, limit or 1, read.now)


def _live(
    read: Read, active: list[dict[str, Any]], expected: Mapping[str, Expected], daemon: DaemonStatus | None
) -> list[LiveRun]:
    """What runs, then what waits, oldest first; at most 100, with where they are."""
    rows = sorted(active, key=lambda row: (row["state"] == "QUEUED", row["run_id"]))[:_RUNS]
    begun = [row["run_id"] for row in rows if row["state"] != "QUEUED"]
    stages: dict[str, dict[str, str]] = {}
    for event in overview.stage_events(read, begun) if begun else []:
        stages.setdefault(event["run_id"], {})[event["stage"]] = event["state"]
    waits = daemon.waits if daemon is not None else {}
    found = []
    for row in rows:
        when = expected.get(row["run_id"], Expected())
        found.append(
            LiveRun(
                **row, **_place(row["kind"], stages.get(row["run_id"], {})), waits=waits.get(row["run_id"], ""), position=when.position,
                expected_start=when.start, expected_end=when.end,
            )
        )  # fmt: skip
    return found


def _failed(read: Read, rows: list[dict[str, Any]]) -> list[FailedRun]:
    """Each with why it failed and what can be done about it."""
    said = overview.errors(read, [row["run_id"] for row in rows]) if rows else {}
    found = []
    for row in rows:
        signal, reason = row.pop("signal"), row.pop("reason") or ""
        why = short("; ".join(filter(None, said.get(row["run_id"], ()))), _WHY)
        found.append(FailedRun(**row, reason=reason or why or ended_by(signal)))
    return found


def _place(kind: str, stages: dict[str, str]) -> dict[str, Any]:
    """The stage that a run is at: the last that has begun and not ended, else the last it told of."""
    under_way = [name for name, state in stages.items() if state == "started"]
    now = under_way[-1] if under_way else next(reversed(stages), "")
    over = sum(state != "started" for name, state in stages.items() if name in PIPELINE)
    by_recipe = kind == "train" and any(name in PIPELINE for name in stages)
    return {"stage": now, "progress": over / len(PIPELINE) if by_recipe else None}


# --- models -------------------------------------------------------------------------------------------------------


def _models(read: Read, project: str | None, cards: Iterable[CardState]) -> list[ModelHealth]:
    rows = overview.models(read, project)
    if not rows:
        return []
    newest = overview.newest_data(read, project)
    looked: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in overview.looks(read, project, _LOOKS):
        looked.setdefault((row["project"], row["model"], row["champion_version"]), []).append(row)
    open_cards = {(card.project, card.model): card for card in cards}
    return [_model(row, newest, looked, open_cards.get((row["project"], row["model"]))) for row in rows]


def _model(
    row: dict[str, Any],
    newest: dict[tuple[str, str], int],
    looked: dict[tuple[str, str, int], list[dict[str, Any]]],
    card: CardState | None,
) -> ModelHealth:
    pins: dict[str, int] = loads(row["pins"], {})
    # while nothing serves, new data are held against the newest version
    against = row["champion"] if row["champion"] is not None else row["newest"] or 0
    found = looked.get((row["project"], row["model"], against), [])
    model = ModelHealth(
        project=row["project"],
        name=row["model"],
        metric=row["metric"] or "",
        direction=row["direction"] or "max",
        versions=row["versions"] or 0,
        newest=row["newest"],
        champion=row["champion"],
        value=_value(loads(row["metrics"], {}).get(row["metric"])),
        verdict=row["verdict"],
        trained=row["trained"],
        promoted=row["moved"] if row["champion"] is not None else None,
        data=[
            TrainedOn(source=source, trained=version, newest=newest.get((row["project"], source), version))
            for source, version in sorted(pins.items())
        ],
        proposal=card,
    )
    if found:
        _add_looks(model, found, row["decided"])
    return model


def _add_looks(model: ModelHealth, found: list[dict[str, Any]], decided: int) -> None:
    """What the newest looks say, newest first; the performance is of the newest that had labels to judge by."""
    looks = [msgspec.json.decode(row["json"], type=Seen) for row in found]
    row, last = found[0], looks[0]
    model.drift = DriftState(
        run_id=row["run_id"],
        version=last.version,
        time=row["created"],
        rows=last.new_rows,
        alarm=last.alarm,
        major=last.major,
        cannot_tell=last.cannot_tell,
        features=[column.name for column in last.columns if column.alert],
    )
    model.new_rows = last.mature_labelled_rows if row["created"] >= decided else None
    judged = next((one for one in looks if (one.performance or {}).get("value") is not None), None)
    if judged is not None:
        model.performance = {**(judged.performance or {}), "version": judged.version}
    model.decay, model.decay_reason = last.decay, last.decay_reason


def _value(found: Any) -> dict[str, Any] | None:
    """A registered metric as {value, low, high, …}; a bare number has no interval."""
    return found if isinstance(found, dict) else None if found is None else {"value": found}


def _card(row: dict[str, Any]) -> CardState:
    reasons: list[str] = loads(row["reasons"], [])
    return CardState(**{**row, "reasons": reasons}, headline=reasons[0] if reasons else "")


def _disk(read: Read) -> Disk:
    counted = disk.usage(read.home).now()
    room = shutil.disk_usage(read.home.path)
    return Disk(
        home_bytes=counted.bytes if counted else None,
        measured=counted.time if counted else None,
        free_bytes=room.free,
        total_bytes=room.total,
    )
