"""All that a list shows of a run, as one: gathered from the tables, or, of runs that are over, as it was packed (see schema/005_packs.sql).

What people say of a run, tags and a note, is in no pack: it is read beside, so that saying it writes nothing but itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from mlops_store.filter_tree import Field
from mlops_store.ids import RUN_ID
from mlops_store.index.apply_marks import log_marks
from mlops_store.index.asking import Rows, among, these
from mlops_store.index.database import Connection, insert, rows
from mlops_store.index.marked import Marked
from mlops_store.index.payload import json_text
from mlops_store.records import ENDED, LedgerEntry

_LARGEST = 64 << 10
"""Bytes of a pack: a run of many thousand metrics is read from the tables, of which a question then takes what it wants."""
_SHOWN = 301
"""Characters of each text of an error: one more than a list shows."""
_BATCH = 1000
_SPARSE = 3
"""Packs of a range, for each that is wanted of it: reading so many takes less than picking those that are wanted."""
_AT_ONCE = 8 << 20
"""Bytes of parameters, tags and metrics that are gathered to be packed together."""
_OVER = f"state IN ({', '.join(map(repr, sorted(ENDED)))}) AND (submitted IS NULL OR settled IS NOT NULL) AND name <> ''"
"""What is over changes only when somebody says so: each change of it is worth packing it anew."""

_TOUCHING = ("run.", "gate.verdict", "model.register")
_MARKS = ("run.tag", "run.note")
"""Ledger verbs that change what is packed, and those among them that do not."""


class Pack(msgspec.Struct, array_like=True, gc=False):
    """A run: columns of `runs`, then what other tables have of it, by name."""

    run_id: str
    kind: str
    name: str
    project: str
    experiment: str
    state: str
    created: int | None
    started: int | None
    ended: int | None
    exit_code: int | None
    signal: int | None
    attempts: int | None
    model: str | None
    proposal_id: str | None
    reason: str | None
    metric: str | None
    direction: str | None
    submitted: int | None
    settled: int | None
    archived: int | None
    params: msgspec.Raw = msgspec.Raw(b"{}")
    """An object in JSON, as it was given: numbers may be larger than those of Python's C types."""
    tags: dict[str, str] = {}
    """Those of its journals, and when it was read those that people say over them."""
    metrics: dict[str, tuple[float | str | None, float | None, float | None, int]] = {}
    """Last, least, greatest and number of values. A last one that is no finite number is text: JSON has no other."""
    verdict: str | None = None
    version: int | None = None
    """The newest verdict, and the version that came of it; of a scoring the one that it was asked to predict with."""
    error: tuple[str, str, str, str] | None = None
    """Of one that failed: code, message, hint and stage, as its newest attempt says, each cut to what a list shows of it."""
    note: str | None = None
    """Only when it was read."""


class Part(Pack, array_like=True, gc=False):
    """A run that was read from the tables: of its parameters, tags and metrics what was asked for."""


_ASKED = "CASE WHEN kind = 'score' THEN TRY_CAST(request ->> '$.version' AS BIGINT) END"
_COLUMNS = ", ".join(Pack.__struct_fields__[: Pack.__struct_fields__.index("params")])
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Pack)


def look(
    read: Rows, run_ids: Sequence[str], only: Sequence[Field] | None = None, marked: Marked | None = None
) -> dict[str, Pack]:
    """Runs as they are; unknown ids are left out. With `only`, of parameters and metrics at least those fields. `marked` is for who sees
    what is committed: inside of a transaction a pack may be what was."""
    found = {} if marked is None else _packed(read, run_ids)
    found |= _gather(read, [run_id for run_id in run_ids if run_id not in found], only)
    said = list(found) if marked is None else marked.among(read, found)
    if not said:
        return found
    mine, given = these("run_id", "VARCHAR", said)
    for row in read.rows(
        f"SELECT run_id, key, value FROM run_tags WHERE {mine} UNION ALL SELECT run_id, NULL, note FROM notes WHERE {mine}",
        [*given, *given],
    ):
        pack = found[row["run_id"]]
        if row["key"] is None:
            pack.note = row["value"]
        elif row["value"] is None:
            pack.tags.pop(row["key"], None)
        else:
            pack.tags = dict(sorted({**pack.tags, row["key"]: row["value"]}.items()))
    return found


def follow(con: Connection, entries: Sequence[LedgerEntry]) -> None:
    """Packs anew the runs that entries of the ledger, which were applied, are about."""
    update(
        con,
        {
            run_id
            for entry in entries
            # what another home said of a run may settle it
            if entry.verb.startswith(_TOUCHING) and (entry.verb not in _MARKS or "origin" in entry.data)
            for name in ("run_id", "verdict_id")
            if isinstance(run_id := entry.data.get(name), str)
        },
    )


def update(con: Connection, run_ids: Iterable[str]) -> None:
    """Packs these runs as they are now, those of them that are over, in the transaction that is open."""
    ids = sorted(set(run_ids))
    for start in range(0, len(ids), _BATCH):
        _update(con, ids[start : start + _BATCH])


def pack_all(con: Connection) -> None:
    """Packs all runs, for an index that has no packs yet."""
    update(con, [row["run_id"] for row in rows(con, f"SELECT run_id FROM runs WHERE {_OVER}")])


FILL = {"008_marks.sql": log_marks, "009_packs.sql": pack_all}
"""Migrations that a program completes: in one statement it would need more memory than the index may have."""


# --- inside ---------------------------------------------------------------------------------------------------


def _packed(read: Rows, run_ids: Sequence[str]) -> dict[str, Pack]:
    numbers = [_number(run_id) for run_id in run_ids]
    if not numbers:
        return {}
    first, last = min(numbers), max(numbers)
    found: list[dict[str, Any]] | None = None
    if numbers in (sorted(numbers), sorted(numbers, reverse=True)):  # a part of a list by age, most likely
        most = _SPARSE * len(numbers)
        found = read.rows(
            "SELECT run_id, pack FROM run_packs WHERE k BETWEEN ? AND ? LIMIT ?", [first, last, most]
        )
    if found is None or len(found) == most:  # of a range this wide the others are too many
        found = read.rows(
            "SELECT run_id, pack FROM run_packs WHERE k IN (SELECT unnest(?::UBIGINT[]))", [numbers]
        )
    wanted = set(run_ids)
    return {row["run_id"]: _DECODER.decode(row["pack"]) for row in found if row["run_id"] in wanted}


def _gather(read: Rows, run_ids: Sequence[str], only: Sequence[Field] | None = None) -> dict[str, Pack]:
    """Runs from the tables, without what people say of them."""
    ids = list(run_ids)
    if not ids:
        return {}
    mine, given = these("run_id", "VARCHAR", ids)
    made = Pack if only is None else Part
    found = {
        row["run_id"]: made(**row)
        for row in read.rows(f"SELECT {_COLUMNS}, {_ASKED} AS version FROM runs WHERE {mine}", given)
    }
    _say_why(read, [pack for pack in found.values() if pack.state == "FAILED"])
    params: dict[str, list[str]] = {}
    for row in _attached(read, "params", "value", ids, only, "param"):
        params.setdefault(row["run_id"], []).append(f"{json_text(row['key'])}:{row['value']}")
    for run_id in found.keys() & params.keys():
        found[run_id].params = msgspec.Raw(f"{{{','.join(params[run_id])}}}".encode())
    for row in _attached(read, "journal_tags", "value", ids, only, "tag"):
        if row["run_id"] in found:
            found[row["run_id"]].tags[row["key"]] = row["value"]
    for row in _attached(read, "last_values", "last, min, max, count", ids, only, "metric"):
        if row["run_id"] in found:
            last = row["last"] if row["last"] is None or math.isfinite(row["last"]) else str(row["last"])
            found[row["run_id"]].metrics[row["key"]] = (last, row["min"], row["max"], row["count"])
    mine, given = among(ids)
    for row in read.rows(
        f"SELECT run_id, arg_max(verdict, seq) AS verdict, arg_max(version, seq) AS version FROM verdicts WHERE {mine} GROUP BY run_id "
        f"UNION ALL SELECT run_id, NULL, max(version) FROM model_versions WHERE {mine} GROUP BY run_id",
        [*given, *given],
    ):
        if row["run_id"] in found:
            pack = found[row["run_id"]]
            pack.verdict, pack.version = row["verdict"] or pack.verdict, row["version"] or pack.version
    return found


def _say_why(read: Rows, failed: Sequence[Pack]) -> None:
    if not failed:
        return
    mine, given = these("run_id", "VARCHAR", [pack.run_id for pack in failed])
    rows = read.rows(
        f"SELECT run_id, attempt, code, message, hint, stage FROM errors WHERE origin = 'record' AND {mine} "
        "ORDER BY coalesce(file LIKE '%/error.json', false), file DESC",  # its own words before those about its records
        given,
    )
    said = {
        (row["run_id"], row["attempt"]): tuple(
            (row[name] or "")[:_SHOWN] for name in ("code", "message", "hint", "stage")
        )
        for row in rows
    }
    for pack in failed:
        pack.error = said.get((pack.run_id, pack.attempts))  # type: ignore[assignment]


class _Within:
    """A transaction that can be asked."""

    def __init__(self, con: Connection) -> None:
        self._con = con

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        return rows(self._con, sql, params)


def _number(run_id: str) -> int:
    """The number by which a pack is found; several may have the same."""
    return int(run_id[:16], 16) if RUN_ID.match(run_id) else 0


def _update(con: Connection, ids: list[str]) -> None:
    mine, given = these("run_id", "VARCHAR", ids)
    numbered, numbers = these("k", "UBIGINT", [_number(run_id) for run_id in ids])
    con.execute(f"DELETE FROM run_packs WHERE {numbered} AND {mine}", [*numbers, *given])
    _pack(con, ids)


def _pack(con: Connection, ids: list[str]) -> None:
    """Packs those of these runs that are over; none of them is packed."""
    if not ids:
        return
    inside = _Within(con)
    for part in _parts(inside, ids):
        encoded = ((run_id, _ENCODER.encode(pack)) for run_id, pack in sorted(_gather(inside, part).items()))
        insert(
            con,
            "run_packs",
            [(_number(run_id), run_id, pack) for run_id, pack in encoded if len(pack) <= _LARGEST],
        )


def _parts(read: Rows, ids: list[str]) -> Iterator[list[str]]:
    """Those of these runs that are over and not surely too large, as many at a time as may be in memory together."""
    ours, given = these("run_id", "VARCHAR", ids)
    mine, among_given = among(ids)
    sizes = read.rows(
        f"SELECT run_id, CAST(sum(size) AS BIGINT) AS size FROM (SELECT run_id, true AS over, 0 AS size FROM runs WHERE {ours} AND {_OVER} "
        f"UNION ALL SELECT run_id, false, strlen(key) + strlen(value) FROM params WHERE {mine} "
        f"UNION ALL SELECT run_id, false, strlen(key) + strlen(value) FROM journal_tags WHERE {mine} "
        f"UNION ALL SELECT run_id, false, strlen(key) FROM last_values WHERE {mine}) "
        "GROUP BY run_id HAVING bool_or(over) AND sum(size) <= ? ORDER BY run_id",
        [*given, *among_given, *among_given, *among_given, _LARGEST],
    )
    part: list[str] = []
    total = 0
    for row in sizes:
        if part and total + row["size"] > _AT_ONCE:
            yield part
            part, total = [], 0
        part.append(row["run_id"])
        total += row["size"]
    if part:
        yield part


def _attached(
    read: Rows, table: str, columns: str, ids: list[str], only: Sequence[Field] | None, group: str
) -> list[dict[str, Any]]:
    """The rows of some runs in `params`, `journal_tags` or `last_values`, by run and key; of all keys, or of those that `only` names."""
    keys = None if only is None else sorted({field.name for field in only if field.group == group})
    if keys == []:
        return []
    mine, given = among(ids)
    named = "" if keys is None else f" AND key IN ({', '.join('?' * len(keys))})"
    return read.rows(
        f"SELECT run_id, key, {columns} FROM {table} WHERE {mine}{named} ORDER BY run_id, key",
        [*given, *(keys or ())],
    )
