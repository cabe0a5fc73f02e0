"""What a card says: facts on record about the new data, the champion on it, and what a training would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_store.index.models import looks
from mlops_store.index.tx import Read, Tx
from mlops_store.looks import looks_before
from mlops_store.records import DriftOutcome
from mlops_tui.services.costs import cost
from mlops_tui.services.loop_facts import last_decision, loads, reference, snapshots

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig

_SHOWN = (
    "name", "kind", "status", "alert", "severity", "reason", "psi", "band", "p_adjusted", "ks", "ks_p", "js", "wasserstein",
    "effect", "reference_rows", "current_rows", "reference_null_share", "current_null_share", "definition",
)  # fmt: skip
_FILES = 200


def build(db: Tx | Read, project: str, model: ModelConfig, found: DriftOutcome | None) -> dict[str, Any]:
    """The evidence of a card. Without a look at new data (`found`) it holds the data, the cost and the gate."""
    serving = reference(db, project, model.name)
    decision = last_decision(db, project, model.name, model.spine)
    since = decision.version if decision else (serving.pins.get(model.spine, 0) if serving else 0)
    files = new_files(db, project, model.spine, since)
    starts = [file["min_event_time"] for file in files if file["min_event_time"] is not None]
    ends = [file["max_event_time"] for file in files if file["max_event_time"] is not None]
    evidence: dict[str, Any] = {
        "source": model.spine,
        "champion": serving.version if serving and serving.serves else None,
        "reference": serving.version if serving else None,
        "promoted": serving.metrics.get(model.metric) if serving else None,
        "since_version": since,
        "since": decision.what if decision else None,
        "files": files[:_FILES],
        "file_count": len(files),
        "rows": sum(file["rows"] for file in files),
        "date_range": [min(starts, default=None), max(ends, default=None)],
        "snapshots": snapshots(db, project),
        "schema_diff": schema_changes(db, project, model.spine, since),
        "expected_gate": list(model.gate.checks),
        "expected_look": expected_look(db, project, model.name),
        "cost": cost(db, project, model.name),
    }
    if found is not None:
        evidence |= _findings(found)
    return evidence


def _findings(found: DriftOutcome) -> dict[str, Any]:
    return {
        "version": found.version,
        "mature_labelled_rows": found.mature_labelled_rows,
        "drift": {
            "alarm": found.alarm,
            "major": found.major,
            "cannot_tell": found.cannot_tell,
            "columns": [{key: column[key] for key in _SHOWN if key in column} for column in found.columns],
            "chunks": [
                {
                    key: chunk.get(key)
                    for key in ("label", "rows", "alarm", "major", "columns", "cannot_tell", "start", "end")
                }
                for chunk in found.chunks
            ],
        },
        "performance": found.performance,
        "decay": found.decay,
        "decay_reason": found.decay_reason,
        "estimate": found.estimate,
        "prediction": found.prediction,
        "label": found.label,
        "domain_classifier": found.domain_classifier,
    }


def expected_look(db: Tx | Read, project: str, model: str) -> dict[str, Any] | None:
    """`{look, level}` of the next gate where its rows are those of the last one: parted by a hash of the key, they are the same ones for
    ever. None where they are parted by time, for then newer rows judge, or where nothing was judged yet."""
    past = looks(db, project, model)
    if not past or past[-1].split_by != "key_hash":
        return None
    look = looks_before(past, past[-1].evaluation_key, "key_hash", past[-1].batches) + 1
    return {"look": look, "level": 1 - 0.05 / (look * (look + 1))}


def new_files(db: Tx | Read, project: str, source: str, since: int) -> list[dict[str, Any]]:
    """The files of the newest version that version `since` had not, in order of event time."""
    return db.rows(
        'SELECT f.path, f.sha256, f."rows", f.bytes, f.min_event_time, f.max_event_time FROM version_files f '
        "WHERE f.project = ? AND f.source = ? AND f.version = (SELECT max(version) FROM data_versions WHERE project = ? AND source = ?) "
        "AND NOT EXISTS (SELECT 1 FROM version_files o WHERE o.project = f.project AND o.source = f.source AND o.version = ? "
        "AND o.sha256 = f.sha256) ORDER BY f.min_event_time NULLS LAST, f.path",
        [project, source, project, source, since],
    )


def schema_changes(db: Tx | Read, project: str, source: str, since: int) -> list[dict[str, Any]]:
    """What became of the schema after data version `since`."""
    found = db.rows(
        "SELECT diff FROM schemas WHERE project = ? AND source = ? AND version > coalesce((SELECT schema_version FROM data_versions "
        "WHERE project = ? AND source = ? AND version = ?), 1) ORDER BY version",
        [project, source, project, source, since],
    )
    return [change for row in found for change in loads(row["diff"], [])]
