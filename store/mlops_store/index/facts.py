"""Writes what run folders say, all runs of a batch at once: runs, parameters, tags, artifacts, stages, outcomes, errors, offsets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_store.index.database import Connection, insert, replace
from mlops_store.index.folder import FolderFacts, drift_row, evaluation_row, run_row
from mlops_store.index.parse import ArtifactLine, Line, ParamLine, StageLine, TagLine
from mlops_store.index.payload import json_text
from mlops_store.index.tail import Offset

_RUN_TYPES = dict.fromkeys(
    ("created", "started", "ended", "exit_code", "signal", "duration_ms", "attempts"), "BIGINT"
)
_IDENTITY = {"attempt": "BIGINT", "writer": "VARCHAR", "line": "BIGINT"}
_LATER = "row(excluded.attempt, excluded.writer, excluded.line) > row({table}.attempt, {table}.writer, {table}.line)"


@dataclass(frozen=True)
class JournalLine:
    """A line that is no metric point, with its identity."""

    run_id: str
    attempt: int
    writer: str
    number: int
    line: Line

    @property
    def identity(self) -> tuple[int, str, int]:
        return (self.attempt, self.writer, self.number)


def upsert(
    con: Connection, table: str, types: dict[str, str], values: Sequence[Sequence[Any]], conflict: str
) -> None:
    """Many rows in one statement; `types` are the columns with their SQL types, `conflict` what follows ON CONFLICT.

    All names are ours. No two rows may have the same key.
    """
    if not values:
        return
    columns = [list(column) for column in zip(*values, strict=True)]
    selected = ", ".join(f"unnest(?::{kind}[])" for kind in types.values())
    con.execute(f"INSERT INTO {table} ({', '.join(types)}) SELECT {selected} ON CONFLICT {conflict}", columns)


def write_facts(con: Connection, facts: Sequence[tuple[FolderFacts, str]]) -> None:
    """The records of folders (each with its path relative to the home): whole rows replace whole rows."""
    if not facts:
        return
    ids = [found.run_id for found, _ in facts]
    found_rows = [run_row(found, path) for found, path in facts]
    types = {name: _RUN_TYPES.get(name, "VARCHAR") for name in found_rows[0]}
    updates = ", ".join(f"{name} = excluded.{name}" for name in types if name != "run_id")
    upsert(con, "runs", types, [list(row.values()) for row in found_rows], f"DO UPDATE SET {updates}")
    con.execute(
        "DELETE FROM errors WHERE origin = 'record' AND run_id IN (SELECT unnest(?::VARCHAR[]))", [ids]
    )
    insert(con, "errors", [error.row(found.run_id, "record") for found, _ in facts for error in found.errors])
    _write_outcomes(con, facts, found_rows)


def _write_outcomes(
    con: Connection, facts: Sequence[tuple[FolderFacts, str]], found_rows: list[dict[str, Any]]
) -> None:
    """Outcomes, and the tables made of them; a resumed run's newer outcome replaces the older one."""
    pairs = [
        (found, row) for (found, _), row in zip(facts, found_rows, strict=True) if found.outcome is not None
    ]
    if not pairs:
        return
    ids = [[found.run_id for found, _ in pairs]]
    for table in ("outcomes", "evaluations", "drift"):
        con.execute(f"DELETE FROM {table} WHERE run_id IN (SELECT unnest(?::VARCHAR[]))", ids)
    insert(
        con,
        "outcomes",
        [
            (found.run_id, found.outcome_attempt, found.outcome.kind, json_text(found.outcome))
            for found, _ in pairs
            if found.outcome
        ],
    )
    insert(con, "evaluations", [made for found, row in pairs if (made := evaluation_row(found, row))])
    insert(con, "drift", [made for found, row in pairs if (made := drift_row(found, row))])


def write_lines(con: Connection, lines: Sequence[JournalLine], facts: Sequence[FolderFacts]) -> None:
    """Parameters, tags, artifacts and stages, of journals and of specs."""
    _write_params(con, lines, facts)
    _write_tags(con, lines, facts)
    _write_artifacts(con, lines)
    insert(
        con,
        "stage_events",
        [
            (
                item.run_id,
                item.attempt,
                line.stage,
                line.state,
                line.ts,
                json_text(line.info),
                item.writer,
                item.number,
            )
            for item in lines
            if isinstance(line := item.line, StageLine)
        ],
    )


# --- parameters ---------------------------------------------------------------------------------------


def _plain(value: Any) -> tuple[str, str, float | None]:
    """A parameter as JSON text, as text to show, and as a number where it is a finite one."""
    text = value if isinstance(value, str) else json_text(value)
    number: float | None = None
    if not isinstance(value, bool):
        try:
            number = float(text)
        except (ValueError, OverflowError):
            number = None
    return json_text(value), text, number if number is not None and math.isfinite(number) else None


def _write_params(con: Connection, lines: Sequence[JournalLine], facts: Sequence[FolderFacts]) -> None:
    """Write-once by identity: the earliest (attempt, writer, line) holds, with the spec before all; others are errors."""
    known = _runs_with_spec_params(con, facts)
    log = [
        (found.run_id, key, *_plain(value), 0, "", number)
        for found in facts
        if found.spec is not None and found.run_id not in known
        for number, (key, value) in enumerate(sorted(found.spec.params.items()))
    ]
    log += [
        (item.run_id, line.key, *_plain(line.value), *item.identity)
        for item in lines
        if isinstance(line := item.line, ParamLine)
    ]
    if not log:
        return
    insert(con, "param_log", log)
    _settle_params(con, sorted({row[0] for row in log}))


def _runs_with_spec_params(con: Connection, facts: Sequence[FolderFacts]) -> set[str]:
    ids = [found.run_id for found in facts if found.spec is not None and found.spec.params]
    if not ids:
        return set()
    found = con.execute(
        "SELECT DISTINCT run_id FROM param_log WHERE attempt = 0 AND writer = '' AND run_id IN (SELECT unnest(?::VARCHAR[]))",
        [ids],
    ).fetchall()
    return {row[0] for row in found}


def _settle_params(con: Connection, ids: list[str]) -> None:
    """Derives `params` and their errors from the log of these runs: the same whatever order files were read in."""
    mine = "run_id IN (SELECT unnest(?::VARCHAR[]))"
    con.execute(f"DELETE FROM params WHERE {mine}", [ids])
    con.execute(
        f"""INSERT INTO params SELECT run_id, key, value, text, number, attempt, writer, line FROM param_log WHERE {mine}
        QUALIFY row_number() OVER (PARTITION BY run_id, key ORDER BY attempt, writer, line) = 1""",
        [ids],
    )
    con.execute(f"DELETE FROM errors WHERE origin = 'param' AND {mine}", [ids])
    con.execute(
        f"""INSERT INTO errors SELECT l.run_id, 'param', l.attempt, 'param_changed',
          'parameter ' || l.key || ' is ' || p.text || '; ' || l.text || ' was logged later',
          'a parameter is write-once: use a tag or a metric for what changes', '',
          'journal/' || l.writer || '.jsonl', l.line
        FROM param_log l JOIN params p ON p.run_id = l.run_id AND p.key = l.key
        WHERE l.{mine} AND l.text <> p.text AND (l.number IS NULL OR p.number IS NULL OR l.number <> p.number)""",
        [ids],
    )


# --- tags, artifacts, offsets -----------------------------------------------------------------------------


def _newest(
    items: Iterable[tuple[tuple[str, str], tuple[Any, ...], tuple[int, str, int]]],
) -> list[tuple[Any, ...]]:
    """For each key the row with the greatest identity: a statement may not update a row twice."""
    best: dict[tuple[str, str], tuple[tuple[Any, ...], tuple[int, str, int]]] = {}
    for key, row, identity in items:
        if key not in best or identity > best[key][1]:
            best[key] = (row, identity)
    return [(*key, *row, *identity) for key, (row, identity) in best.items()]


def _write_tags(con: Connection, lines: Sequence[JournalLine], facts: Sequence[FolderFacts]) -> None:
    """Last writer wins, by identity; the tags of the spec come first."""
    items = [
        ((found.run_id, key), (value,), (0, "", number))
        for found in facts
        if found.spec is not None
        for number, (key, value) in enumerate(sorted(found.spec.tags.items()))
    ]
    items += [
        ((item.run_id, line.key), (line.value,), item.identity)
        for item in lines
        if isinstance(line := item.line, TagLine)
    ]
    upsert(
        con,
        "journal_tags",
        {"run_id": "VARCHAR", "key": "VARCHAR", "value": "VARCHAR", **_IDENTITY},
        _newest(items),
        "DO UPDATE SET value = excluded.value, attempt = excluded.attempt, writer = excluded.writer, line = excluded.line "
        f"WHERE {_LATER.format(table='journal_tags')}",
    )


def _write_artifacts(con: Connection, lines: Sequence[JournalLine]) -> None:
    items = (
        ((item.run_id, line.path), (line.size, line.sha256), item.identity)
        for item in lines
        if isinstance(line := item.line, ArtifactLine)
    )
    upsert(
        con,
        "artifacts",
        {"run_id": "VARCHAR", "path": "VARCHAR", "size": "BIGINT", "sha256": "VARCHAR", **_IDENTITY},
        _newest(items),
        "DO UPDATE SET size = excluded.size, sha256 = excluded.sha256, attempt = excluded.attempt, writer = excluded.writer, "
        f"line = excluded.line WHERE {_LATER.format(table='artifacts')}",
    )


def write_offsets(con: Connection, offsets: Sequence[Offset]) -> None:
    """How far each file was read: in the same transaction as what was read."""
    keys = [(offset.run_id, offset.file) for offset in offsets]
    replace(con, "offsets", ("run_id", "file"), keys, [offset.row() for offset in offsets])
