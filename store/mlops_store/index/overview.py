"""Questions behind `status`: one statement for each kind of thing, however many there are. `project` None means all."""

from __future__ import annotations

from typing import Any

from mlops_store.index.tx import Read

Row = dict[str, Any]

# `state IN (those that have not ended)` says the same, and takes four times as long over a hundred thousand runs
_ACTIVE = "state NOT IN ('FINISHED', 'FAILED', 'KILLED', 'LOST')"
_OF = "(? IS NULL OR project = ?)"


def live_runs(read: Read, project: str | None) -> list[Row]:
    """All runs that have not ended, unordered: sorting among a hundred thousand costs more than finding them."""
    return read.rows(
        f"SELECT run_id, name, kind, project, model, state, created, started, proposal_id FROM runs WHERE {_ACTIVE} AND {_OF}",
        [project, project],
    )


def stage_events(read: Read, run_ids: list[str]) -> list[Row]:
    """What the newest attempts of some runs have told of their stages, in order: {run_id, stage, state}."""
    # a list of parameters lets DuckDB skip the blocks of other runs, which are older
    found = read.rows(
        f"SELECT run_id, attempt, ts, writer, line, stage, state FROM stage_events WHERE run_id IN ({', '.join('?' * len(run_ids))})",
        run_ids,
    )
    newest: dict[str, int] = {}
    for row in found:
        newest[row["run_id"]] = max(row["attempt"], newest.get(row["run_id"], 0))
    found = [row for row in found if row["attempt"] == newest[row["run_id"]]]
    return sorted(found, key=lambda row: (row["run_id"], row["ts"], row["writer"], row["line"]))


def models(read: Read, project: str | None) -> list[Row]:
    """Every model with its champion, where it has one: {project, model, metric, direction, versions, newest, decided, champion,
    moved, metrics, verdict, pins, trained}. `decided` is when its data were last dealt with: by training or by a rejection."""
    return read.rows(
        "SELECT m.project, m.model, m.metric, m.direction, v.versions, v.newest, "
        "greatest(coalesce(v.made, 0), coalesce(p.refused, 0)) AS decided, "
        "c.version AS champion, a.moved, c.metrics, c.verdict, c.pins, c.created AS trained FROM models m "
        "LEFT JOIN (SELECT project, model, count(*) AS versions, max(version) AS newest, max(created) AS made FROM model_versions "
        "GROUP BY ALL) v USING (project, model) "
        "LEFT JOIN (SELECT project, model, max(decided) AS refused FROM proposals WHERE state = 'REJECTED' GROUP BY ALL) p "
        "USING (project, model) "
        "LEFT JOIN aliases a ON a.project = m.project AND a.model = m.model AND a.alias = 'champion' "
        "LEFT JOIN model_versions c ON c.project = m.project AND c.model = m.model AND c.version = a.version "
        f"WHERE {_OF.replace('project', 'm.project')} ORDER BY m.project, m.model",
        [project, project],
    )


def newest_data(read: Read, project: str | None) -> dict[tuple[str, str], int]:
    """(project, source) → newest data version."""
    found = read.rows(
        f"SELECT project, source, max(version) AS version FROM data_versions WHERE {_OF} GROUP BY ALL",
        [project, project],
    )
    return {(row["project"], row["source"]): row["version"] for row in found}


def looks(read: Read, project: str | None, each: int) -> list[Row]:
    """The newest `each` drift runs of every (model, version looked at), newest first, with their outcome as JSON text."""
    return read.rows(
        f"SELECT run_id, project, model, source, champion_version, created, json FROM drift WHERE {_OF} "
        "QUALIFY row_number() OVER (PARTITION BY project, model, champion_version ORDER BY created DESC, run_id DESC) <= ? "
        "ORDER BY created DESC, run_id DESC",
        [project, project, each],
    )


def cards(read: Read, project: str | None) -> list[Row]:
    """The proposals that are not over, and those in error that neither a newer card nor a later training of the model has answered,
    newest first, without their evidence."""
    answered = (
        "EXISTS (FROM proposals n WHERE n.project = p.project AND n.model = p.model AND n.created > p.created) OR "
        "EXISTS (FROM runs r WHERE r.project = p.project AND r.model = p.model AND r.kind = 'train' AND r.state = 'FINISHED' "
        "AND r.created > p.created)"
    )
    return read.rows(
        "SELECT id, project, model, state, revision, reasons, created, updated, until, expires, run_id FROM proposals p "
        f"WHERE (state IN ('OPEN', 'SNOOZED', 'APPROVED', 'RUNNING') OR (state = 'ERROR' AND NOT ({answered}))) AND {_OF} ORDER BY created DESC, id DESC",
        [project, project],
    )


def errors(read: Read, ids: list[str]) -> dict[str, tuple[str, str]]:
    """Message and hint of what the newest attempts of these runs say of their failure."""
    rows = read.rows(
        "SELECT e.run_id, e.message, e.hint FROM errors e JOIN runs r ON r.run_id = e.run_id AND r.attempts = e.attempt "
        "WHERE e.origin = 'record' AND e.run_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY coalesce(e.file LIKE '%/error.json', false), e.file DESC",
        [ids],
    )
    return {row["run_id"]: (row["message"] or "", row["hint"] or "") for row in rows}


def failed(read: Read, project: str | None, since: int, most: int) -> list[Row]:
    """The newest failure since then of everything that has not succeeded after it, newest first."""
    return read.rows(
        "WITH ended AS (SELECT run_id, name, kind, project, model, state, ended, signal, reason, coalesce(model, name) AS what "
        f"FROM runs WHERE ended >= ? AND deleted IS NULL AND archived IS NULL AND {_OF}) "
        "SELECT run_id, name, kind, project, model, state, ended, signal, reason FROM ended WHERE state <> 'KILLED' "
        "QUALIFY row_number() OVER (PARTITION BY project, kind, what ORDER BY ended DESC, run_id DESC) = 1 "
        "AND state IN ('FAILED', 'LOST') ORDER BY ended DESC, run_id DESC LIMIT ?",
        [since, project, project, most],
    )


def held(read: Read, project: str | None) -> list[Row]:
    """Files in the quarantine that wait, by source: {project, source, files, since}."""
    return read.rows(
        f"SELECT project, source, count(*) AS files, min(created) AS since FROM quarantine WHERE state = 'HELD' AND {_OF} "
        "GROUP BY ALL ORDER BY project, source",
        [project, project],
    )
