"""Which runs something else stands on, why, and what to do first: these are not deleted, and their logs are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops_store.index.tx import Read, Tx
from mlops_store.records import ENDED
from mlops_tui.services.run_rows import decode

OPEN_CARDS = ("OPEN", "SNOOZED", "APPROVED", "RUNNING")
_RUN_IDS = "unnest(regexp_extract_all({text}, '\"([0-9a-f]{{32}})\"', 1))"


@dataclass(frozen=True)
class Bond:
    """What a run is needed for, and how that can be ended."""

    reason: str
    fix: str


def bonds(db: Read | Tx) -> dict[str, Bond]:
    """Every run that is needed, with the strongest reason: an alias, an open card, a waiting run, lineage."""
    found: dict[str, Bond] = {}
    for part in (_aliased(db), _cards(db), _upstream(db), _lineage(db)):
        for run_id, bond in part:
            found.setdefault(run_id, bond)
    return found


def not_over(row: dict[str, Any]) -> Bond | None:
    """Why a run is not over; None where it is."""
    if row["state"] not in ENDED:
        return Bond(f"it is {row['state']}", f"`mlops-tui run stop {row['run_id']}`")
    if row["submitted"] is not None and row["settled"] is None:
        return Bond(
            "its outcome is not in the ledger yet",
            "try again in a second; `mlops-tui doctor` says if it is stuck",
        )
    return None


def _versions(db: Read | Tx) -> list[dict[str, Any]]:
    """The versions that an alias names."""
    return db.rows(
        "SELECT v.project, v.model, v.version, v.run_id, v.pins, string_agg(a.alias, ', ' ORDER BY a.alias) AS aliases "
        "FROM aliases a JOIN model_versions v USING (project, model, version) GROUP BY ALL ORDER BY ALL"
    )


def _aliased(db: Read | Tx) -> Iterator[tuple[str, Bond]]:
    for row in _versions(db):
        name = f"{row['model']}@{row['version']}"
        yield (
            row["run_id"],
            Bond(
                f"it trained {name} of {row['project']}, the {row['aliases']}",
                f"move the alias first: `mlops-tui model promote {row['model']}@VERSION --project {row['project']}`",
            ),
        )


def _cards(db: Read | Tx) -> Iterator[tuple[str, Bond]]:
    """Runs that an open card names: its training, and the drift runs that are its evidence."""
    states = list(OPEN_CARDS)
    texts = (
        "SELECT id, model, project, coalesce(evidence::VARCHAR, '') || coalesce(data::VARCHAR, '') AS text FROM proposals "
        "WHERE state IN (SELECT unnest(?::VARCHAR[])) UNION ALL SELECT p.id, p.model, p.project, coalesce(f.inputs::VARCHAR, '') "
        "FROM firings f JOIN proposals p ON p.id = f.proposal_id WHERE p.state IN (SELECT unnest(?::VARCHAR[]))"
    )
    named = db.rows(
        f"SELECT DISTINCT id, model, project, run_id FROM (SELECT id, model, project, {_RUN_IDS.format(text='text')} AS run_id FROM ({texts})) "
        "UNION SELECT id, model, project, run_id FROM proposals WHERE run_id IS NOT NULL AND state IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL",
        [states, states, states],
    )  # fmt: skip
    for row in named:
        yield (
            row["run_id"],
            Bond(
                f"the open card of {row['model']} is about it",
                f"decide the card first: `mlops-tui proposal show {row['id']}`",
            ),
        )


def _upstream(db: Read | Tx) -> Iterator[tuple[str, Bond]]:
    rows = db.rows(
        f"SELECT r.run_id AS waits, {_RUN_IDS.format(text='r.after::VARCHAR')} AS run_id FROM runs r "
        "WHERE r.deleted IS NULL AND r.state NOT IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL",
        [sorted(ENDED)],
    )
    for row in rows:
        yield row["run_id"], Bond(f"run {row['waits']} waits for it", f"`mlops-tui run stop {row['waits']}`")


def _lineage(db: Read | Tx) -> Iterator[tuple[str, Bond]]:
    """What an aliased version stands on: the runs that admitted its data, judged it, and watch it."""
    for version in _versions(db):
        name = f"{version['model']}@{version['version']}"
        key = [version["project"], version["model"], version["version"]]
        fix = f"it goes when {name} has no alias any more ({version['aliases']})"
        judged = (
            "SELECT run_id FROM verdicts WHERE project = ? AND model = ? AND version = ? UNION "
            "SELECT run_id FROM evaluations WHERE project = ? AND model = ? AND version = ? UNION "
            "SELECT run_id FROM drift WHERE project = ? AND model = ? AND champion_version = ?"
        )
        for row in db.rows(judged, key * 3):
            yield row["run_id"], Bond(f"it is evidence about {name}", fix)
        for source, number in (decode(version["pins"], {}) or {}).items():
            admitted = (
                "SELECT run_id FROM data_versions WHERE project = ? AND source = ? AND version = ? UNION "
                "SELECT b.run_id FROM version_files f JOIN batches b USING (project, source, sha256) "
                "WHERE f.project = ? AND f.source = ? AND f.version = ?"
            )
            for row in db.rows(admitted, [version["project"], source, number] * 2):
                if row["run_id"]:
                    yield row["run_id"], Bond(f"it admitted data that {name} was trained on", fix)
