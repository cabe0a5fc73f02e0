"""What the loop needs to know of a model: its champion, its data, its last decision, its card."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from mlops_store.index.tx import Read, Tx
from mlops_store.records import DriftOutcome


def loads(value: Any, default: Any) -> Any:
    """A JSON column; `default` where it is NULL."""
    if value is None:
        return default
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


@dataclass(frozen=True)
class Champion:
    """The version that serves, or (`serves` false) would be the first to. `pins` are the data versions it was made from,
    `metrics` what it was registered with."""

    version: int
    run_id: str
    pins: dict[str, int]
    moved: int
    metrics: dict[str, Any] = field(default_factory=dict)
    serves: bool = True


def reference(db: Tx | Read, project: str, model: str) -> Champion | None:
    """What new data are held against: the champion or, as long as nothing was promoted, the newest version."""
    serving = champion(db, project, model)
    if serving is not None:
        return serving
    row = db.one(
        "SELECT version, run_id, pins, metrics, created FROM model_versions WHERE project = ? AND model = ? "
        "ORDER BY version DESC LIMIT 1",
        [project, model],
    )
    if row is None:
        return None
    return Champion(
        row["version"],
        row["run_id"],
        loads(row["pins"], {}),
        row["created"],
        loads(row["metrics"], {}),
        False,
    )


def champion(db: Tx | Read, project: str, model: str) -> Champion | None:
    row = db.one(
        "SELECT v.version, v.run_id, v.pins, v.metrics, a.moved FROM aliases a JOIN model_versions v USING (project, model, version) "
        "WHERE a.project = ? AND a.model = ? AND a.alias = 'champion'",
        [project, model],
    )
    if row is None:
        return None
    return Champion(
        row["version"], row["run_id"], loads(row["pins"], {}), row["moved"], loads(row["metrics"], {})
    )


def current_versions(db: Tx | Read, project: str) -> dict[str, int]:
    """Source → newest data version."""
    found = db.rows(
        "SELECT source, max(version) AS version FROM data_versions WHERE project = ? GROUP BY source",
        [project],
    )
    return {row["source"]: row["version"] for row in found}


def snapshots(db: Tx | Read, project: str) -> dict[str, dict[str, Any]]:
    """Source → `{version, snapshot}` of its newest data version."""
    found = db.rows(
        "SELECT source, version, snapshot FROM data_versions WHERE project = ? "
        "QUALIFY row_number() OVER (PARTITION BY source ORDER BY version DESC) = 1 ORDER BY source",
        [project],
    )
    return {row["source"]: {"version": row["version"], "snapshot": row["snapshot"]} for row in found}


@dataclass(frozen=True)
class Decision:
    """The last time that someone, or training, dealt with a model's data. `version` is that of the spine."""

    time: int
    version: int
    what: str


def last_decision(db: Tx | Read, project: str, model: str, spine: str) -> Decision | None:
    """The latest of the newest registered version, the newest training that made none, since it trained nothing new, and the newest rejection."""
    made = db.one(
        "SELECT created, pins FROM model_versions WHERE project = ? AND model = ? ORDER BY version DESC LIMIT 1",
        [project, model],
    )
    same = db.one(
        "SELECT j.created, r.pins, (SELECT max(d.version) FROM data_versions d WHERE d.project = j.project AND d.source = ? "
        "AND d.created <= r.created) AS version FROM verdicts j JOIN runs r USING (run_id) WHERE j.project = ? AND j.model = ? "
        "AND j.gate ->> '$.same_as' IS NOT NULL ORDER BY j.seq DESC LIMIT 1",
        [spine, project, model],
    )
    refused = db.one(
        "SELECT p.decided, (SELECT max(d.version) FROM data_versions d WHERE d.project = p.project AND d.source = ? "
        "AND d.created <= p.decided) AS version FROM proposals p WHERE p.project = ? AND p.model = ? AND p.state = 'REJECTED' "
        "ORDER BY p.decided DESC LIMIT 1",
        [spine, project, model],
    )
    found: list[Decision] = []
    if made:
        found.append(Decision(made["created"], int(loads(made["pins"], {}).get(spine, 0)), "trained"))
    if same:
        version = loads(same["pins"], {}).get(spine) or same["version"] or 0
        found.append(Decision(same["created"], int(version), "trained"))
    if refused:
        found.append(Decision(refused["decided"], refused["version"] or 0, "rejected"))
    return max(found, key=lambda decision: (decision.time, decision.version), default=None)


def cool_until(db: Tx | Read, project: str, model: str, cool_down: int) -> int:
    """When a new card may be opened: the end of the cool-down after the last card was decided or over."""
    row = db.one(
        "SELECT max(greatest(coalesce(decided, 0), CASE WHEN state IN ('DONE', 'ERROR') THEN updated ELSE 0 END)) AS at "
        "FROM proposals WHERE project = ? AND model = ? AND state IN ('DONE', 'ERROR', 'REJECTED')",
        [project, model],
    )
    return (row["at"] or 0) + cool_down if row and row["at"] else 0


def drift_outcomes(db: Tx | Read, project: str, model: str, champion_version: int) -> list[DriftOutcome]:
    """What the looks at new data found beside this champion, oldest first."""
    found = db.rows(
        "SELECT json FROM drift WHERE project = ? AND model = ? AND champion_version = ? ORDER BY version, created, run_id",
        [project, model, champion_version],
    )
    return [msgspec.json.decode(row["json"], type=DriftOutcome) for row in found]


def pending(db: Tx | Read, kind: str, project: str, model: str | None = None) -> list[dict[str, Any]]:
    """Runs of a kind that have not been settled yet."""
    return db.rows(
        "SELECT run_id, state, request FROM runs WHERE kind = ? AND project = ? AND (? IS NULL OR model = ?) "
        "AND settled IS NULL AND submitted IS NOT NULL ORDER BY run_id",
        [kind, project, model, model],
    )
