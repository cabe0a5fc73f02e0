"""Questions about models: versions, aliases now and at a time, moves, verdicts, waivers, evaluations.

`as_of` is UTC milliseconds; None means now. Ledger times never run back, so what was true at a time is what was entered until then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_store.index.tx import Read, Tx
from mlops_store.records import PastLook, PastVerdict

Row = dict[str, Any]
Key = tuple[str, str]
"""(project, model)"""

_JSON = ("metrics", "gate", "feature_service", "manifest", "pins")
_WHERE = "project = ? AND model = ?"
_AMONG = "(project, model) IN (SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]))"


def decoded(row: Row, *columns: str) -> Row:
    """The row with these JSON columns as data; a missing one is None."""
    for column in columns:
        if isinstance(row[column], str):
            row[column] = msgspec.json.decode(row[column])
    return row


def projects_with(db: Read | Tx, model: str, project: str | None) -> list[str]:
    """The projects that have a model of this name; of one project only where it is named."""
    found = db.rows(
        "SELECT project FROM models WHERE model = ? AND (? IS NULL OR project = ?) ORDER BY project",
        [model, project, project],
    )
    return [row["project"] for row in found]


def names(db: Read | Tx, project: str | None) -> list[str]:
    """The names of all models."""
    found = db.rows(
        "SELECT DISTINCT model FROM models WHERE ? IS NULL OR project = ? ORDER BY model", [project, project]
    )
    return [row["model"] for row in found]


def find(db: Read | Tx, project: str, model: str) -> Row | None:
    """{project, model, metric, direction} of one model."""
    return db.one(f"SELECT project, model, metric, direction FROM models WHERE {_WHERE}", [project, model])


def versions_of(read: Read, keys: Sequence[Key], as_of: int | None = None) -> list[Row]:
    """All versions of some models: {project, model, version, run_id, metrics, verdict, created}. The verdict is the one of now."""
    found = read.rows(
        "SELECT project, model, version, run_id, metrics, verdict, created FROM model_versions "
        f"WHERE {_AMONG} AND (? IS NULL OR created <= ?) ORDER BY project, model, version",
        [*_lists(keys), as_of, as_of],
    )
    return [decoded(row, "metrics") for row in found]


def aliases_of(db: Read | Tx, keys: Sequence[Key], as_of: int | None = None) -> list[Row]:
    """What each alias of some models names: {project, model, alias, version, seq}. Aliases that name nothing are left out."""
    return db.rows(
        "SELECT project, model, alias, to_version AS version, seq FROM (SELECT * FROM alias_moves "
        f"WHERE {_AMONG} AND (? IS NULL OR time <= ?) "
        "QUALIFY row_number() OVER (PARTITION BY project, model, alias ORDER BY seq DESC) = 1) "
        "WHERE to_version IS NOT NULL ORDER BY project, model, alias",
        [*_lists(keys), as_of, as_of],
    )


def aliases(db: Read | Tx, project: str, model: str, as_of: int | None = None) -> dict[str, int]:
    """Alias → version."""
    return {row["alias"]: int(row["version"]) for row in aliases_of(db, [(project, model)], as_of)}


def version(db: Read | Tx, project: str, model: str, number: int, as_of: int | None = None) -> Row | None:
    """A registered version, its JSON columns decoded; verdict and gate as they were at the time."""
    row = db.one(
        f"SELECT * FROM model_versions WHERE {_WHERE} AND version = ? AND (? IS NULL OR created <= ?)",
        [project, model, number, as_of, as_of],
    )
    if row is None:
        return None
    if as_of is not None:
        row["verdict"], row["gate"] = _judged(db, row, as_of)
    return decoded(row, *_JSON)


def newest_version(db: Read | Tx, project: str, model: str) -> int | None:
    """The highest version number."""
    row = db.one(f"SELECT max(version) AS version FROM model_versions WHERE {_WHERE}", [project, model])
    return row["version"] if row else None


def newest_verdict(db: Read | Tx, project: str, model: str, number: int) -> str | None:
    """The id of the newest verdict on a version."""
    row = db.one(
        f"SELECT verdict_id FROM verdicts WHERE {_WHERE} AND version = ? ORDER BY seq DESC LIMIT 1",
        [project, model, number],
    )
    return row["verdict_id"] if row else None


def waivers(db: Read | Tx, project: str, model: str, number: int, as_of: int | None = None) -> list[Row]:
    """The waivers of a version, oldest first: {verdict_id, check, name, reason, expires, created}."""
    return db.rows(
        f'SELECT verdict_id, "check", name, reason, expires, created FROM waivers WHERE {_WHERE} AND version = ? '
        "AND (? IS NULL OR created <= ?) ORDER BY seq",
        [project, model, number, as_of, as_of],
    )


def looks(db: Read | Tx, project: str, model: str, but: str = "") -> list[PastLook]:
    """All looks of a model, oldest first, not counting those of the run `but`. A look that names no run is one of its own."""
    found = db.rows(
        f"SELECT coalesce(run_id, 'seq ' || seq) AS run_id, evaluation_key, split_by, batches FROM looks "
        f"WHERE {_WHERE} AND run_id IS DISTINCT FROM ? ORDER BY seq",
        [project, model, but],
    )
    return [
        PastLook(
            run_id=row["run_id"],
            evaluation_key=row["evaluation_key"],
            split_by=row["split_by"] or "",
            batches=_texts(row["batches"]),
        )
        for row in found
    ]


def judged(db: Read | Tx, project: str, model: str, recipe_hash: str, but: str = "") -> list[PastVerdict]:
    """All verdicts on versions of a recipe whose candidates have a digest, oldest first, not counting those of the run `but`."""
    found = db.rows(
        "SELECT j.verdict_id, j.version, v.tree, j.gate FROM verdicts j JOIN model_versions v USING (project, model, version) "
        "WHERE j.project = ? AND j.model = ? AND j.run_id IS DISTINCT FROM ? AND j.gate ->> '$.candidate' <> '' "
        "AND v.manifest ->> '$.recipe_hash' = ? ORDER BY j.seq",
        [project, model, but, recipe_hash],
    )
    past = []
    for row in found:
        with contextlib.suppress(msgspec.ValidationError):  # an entry from elsewhere counts as none
            past.append(msgspec.convert(decoded(row, "gate"), PastVerdict))
    return past


def _texts(value: Any) -> list[str]:
    """A JSON list of texts; anything else in an old or foreign entry counts as none."""
    found = msgspec.json.decode(value) if isinstance(value, str) else value
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def moves_of(read: Read, project: str, model: str, number: int) -> list[Row]:
    """The moves to or from a version, oldest first."""
    return read.rows(
        f"SELECT * FROM alias_moves WHERE {_WHERE} AND (to_version = ? OR from_version = ?) ORDER BY seq",
        [project, model, number, number],
    )


def track(db: Read | Tx, project: str, model: str, alias: str) -> list[Row]:
    """Where an alias has been, oldest first: {version, rollback}."""
    return db.rows(
        f'SELECT to_version AS version, "rollback" FROM alias_moves WHERE {_WHERE} AND alias = ? ORDER BY seq',
        [project, model, alias],
    )


def evaluation_of(
    db: Read | Tx, project: str, model: str, number: int, baseline: int, *, counted: bool = False
) -> Row | None:
    """The newest evaluation run of a version beside a baseline: {run_id, metrics, baseline_metrics, difference, evaluation_rows, …}.

    `counted`: only those whose look the ledger has.
    """
    row = db.one(
        f"SELECT * FROM evaluations WHERE {_WHERE} AND version = ? AND baseline_version = ? "
        "AND (NOT ? OR run_id IN (SELECT run_id FROM looks)) ORDER BY created DESC, run_id DESC LIMIT 1",
        [project, model, number, baseline, counted],
    )
    return decoded(row, "metrics", "baseline_metrics", "difference", "slices") if row else None


def aliased(read: Read, project: str | None = None, model: str | None = None) -> list[Row]:
    """What serving needs of each alias: {project, model, alias, version, digest, tree, python, seq}."""
    return read.rows(
        "SELECT a.project, a.model, a.alias, a.version, v.digest, v.tree, v.python, a.seq FROM aliases a "
        "JOIN model_versions v USING (project, model, version) "
        "WHERE (? IS NULL OR a.project = ?) AND (? IS NULL OR a.model = ?) ORDER BY a.project, a.model, a.alias",
        [project, project, model, model],
    )


def _judged(db: Read | Tx, row: Row, as_of: int) -> tuple[str | None, Any]:
    """Verdict and gate of a version as of a time: of the newest verdict by then, or else as it was registered."""
    found = db.one(
        f"SELECT verdict, gate FROM verdicts WHERE {_WHERE} AND version = ? AND created <= ? ORDER BY seq DESC LIMIT 1",
        [row["project"], row["model"], row["version"], as_of],
    )
    entry = db.one("SELECT data FROM ledger WHERE seq = ?", [row["seq"]])
    registered = (decoded(entry, "data")["data"].get("gate") if entry else None) or None
    if found is None:
        return (registered or {}).get("verdict"), registered
    return found["verdict"], found["gate"] if found["gate"] is not None else registered


def _lists(keys: Sequence[Key]) -> list[list[str]]:
    return [[project for project, _ in keys], [model for _, model in keys]]


def version_of_run(db: Read | Tx, project: str, run_id: str) -> int | None:
    """The version that a training registered, or that its candidate turned out to be; None where there is none."""
    found = db.rows(
        "SELECT version FROM model_versions WHERE project = ? AND run_id = ? UNION "
        "SELECT version FROM verdicts WHERE project = ? AND run_id = ? AND version IS NOT NULL",
        [project, run_id, project, run_id],
    )
    return int(found[0]["version"]) if found else None


def evaluations_of(db: Read | Tx, project: str, model: str, number: int) -> list[Row]:
    """The evaluation runs of a version, as the candidate or beside another, newest first; as those of `evaluation_of`."""
    found = db.rows(
        f"SELECT * FROM evaluations WHERE {_WHERE} AND (version = ? OR baseline_version = ?) ORDER BY created DESC, run_id DESC",
        [project, model, number, number],
    )
    return [decoded(row, "metrics", "baseline_metrics", "difference", "slices") for row in found]


def judged_beside(db: Read | Tx, project: str, model: str, champion: str) -> list[Row]:
    """The versions whose gate held them against `champion` (`model@3`), newest first, JSON columns decoded."""
    found = db.rows(
        f"SELECT * FROM model_versions WHERE {_WHERE} AND gate ->> '$.champion' IN (?, ?) ORDER BY version DESC",
        [project, model, champion, champion.rpartition("@")[2]],
    )
    return [decoded(row, *_JSON) for row in found]
