"""Ingest runs: submitted, followed, and what they have seen."""

from __future__ import annotations

from typing import Any

from mlops_store.index.tx import Read, Tx
from mlops_store.run_folder import RunFolder
from mlops_tui.services.loop_facts import loads, pending
from mlops_tui.services.submit import submit
from mlops_tui.verbs._shapes import ClientContext


def submit_ingest(
    tx: Tx,
    project: str,
    project_dir: str,
    source: str,
    paths: list[str],
    *,
    client: ClientContext | None = None,
    **request: Any,
) -> str:
    """Queues a look at delivered files (absolute, as `path_text` writes them). Returns the run's id."""
    asked = {"source": source, "paths": paths, **request}
    return submit(
        tx, kind="ingest", project=project, project_dir=project_dir, request=asked, client=client
    ).run_id


def seen(read: Read | Tx, project: str, source: str) -> list[dict[str, Any]]:
    """All files that settled ingest runs have dealt with, oldest first: {path, size, mtime_ns, inode, sha256}."""
    rows = read.rows(
        "SELECT o.json->'$.ingest.seen' AS seen FROM outcomes o JOIN runs r USING (run_id) WHERE o.kind = 'ingest' AND r.project = ? "
        "AND o.json->>'$.ingest.source' = ? AND r.settled IS NOT NULL ORDER BY run_id",
        [project, source],
    )
    return [one for row in rows for one in loads(row["seen"], [])]


def seen_by(read: Read | Tx, run_id: str) -> list[dict[str, Any]]:
    """The files that one run has dealt with."""
    row = read.one(
        "SELECT json->'$.ingest.seen' AS seen FROM outcomes WHERE run_id = ? AND kind = 'ingest'", [run_id]
    )
    return loads(row["seen"], []) if row else []


def unsettled(read: Read | Tx, project: str, source: str) -> str | None:
    """The oldest ingest run of a source whose outcome is not in the ledger yet."""
    for row in pending(read, "ingest", project):
        if (loads(row["request"], None) or _request(read, row["run_id"])).get("source") == source:
            return str(row["run_id"])
    return None


def settled_state(read: Read | Tx, run_id: str) -> str | None:
    """How a settled run ended; None where it is not settled."""
    row = read.one("SELECT settled, settled_state FROM runs WHERE run_id = ?", [run_id])
    return str(row["settled_state"]) if row and row["settled"] is not None else None


def _request(read: Read | Tx, run_id: str) -> dict[str, Any]:
    """From the folder: a run that was submitted a moment ago is not in the index with its request."""
    return RunFolder(read.home.run_dir(run_id)).spec().request
