"""All that a list shows of a run, as one: gathered from the tables, or, of runs that are over, as it was packed (see schema/005_packs.sql)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mlops_store.filters import Field
from mlops_store.ids import RUN_ID
from mlops_store.index.asking import Rows, among
from mlops_store.index.database import Connection, insert, rows, write_columns
from mlops_store.index.payload import json_text, listed, mapping, text
from mlops_store.records import ENDED, LedgerEntry

_FEW = 100
_LARGEST = 64 << 10
"""Bytes of a pack: a run of many thousand metrics is read from the tables, of which a question then takes what it wants."""
_BATCH = 1000
_OVER = f"state IN ({', '.join(map(repr, sorted(ENDED)))}) AND (submitted IS NULL OR settled IS NOT NULL) AND name <> ''"
"""What is over changes only when somebody says so: each change of it is worth packing it anew."""

_TOUCHING = ("run.", "gate.verdict", "model.register")
"""Ledger verbs that change what is packed."""


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
    note: str | None
    params: msgspec.Raw = msgspec.Raw(b"{}")
    """An object in JSON, as it was given: numbers may be larger than those of Python's C types."""
    tags: dict[str, str] = {}
    metrics: dict[str, tuple[float | str | None, float | None, float | None, int]] = {}
    """Last, least, greatest and number of values. A last one that is no finite number is text: JSON has no other."""
    verdict: str | None = None
    version: int | None = None
    """The newest verdict, and the version that came of it."""


_COLUMNS = ", ".join(Pack.__struct_fields__[: Pack.__struct_fields__.index("params")])
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Pack)


def packed(read: Rows, run_ids: Sequence[str]) -> dict[str, Pack]:
    """Those of the runs that are packed. Only for who sees what is committed: inside of a transaction a pack may be what was."""
    numbers = [_number(run_id) for run_id in run_ids]
    if not numbers:
        return {}
    found = read.rows(
        "SELECT run_id, pack FROM run_packs WHERE k IN (SELECT unnest(?::UBIGINT[]))", [numbers]
    )
    wanted = set(run_ids)
    return {row["run_id"]: _DECODER.decode(row["pack"]) for row in found if row["run_id"] in wanted}


def gather(read: Rows, run_ids: Sequence[str], only: Sequence[Field] | None = None) -> dict[str, Pack]:
    """Runs from the tables; unknown ids are left out. With `only`, of parameters, tags and metrics just those fields."""
    ids = list(run_ids)
    if not ids:
        return {}
    mine, given = _these("run_id", "VARCHAR", ids)
    found = {
        row["run_id"]: Pack(**row) for row in read.rows(f"SELECT {_COLUMNS} FROM runs WHERE {mine}", given)
    }
    params: dict[str, list[str]] = {}
    for row in _attached(read, "params", "value", ids, only, "param"):
        params.setdefault(row["run_id"], []).append(f"{json_text(row['key'])}:{row['value']}")
    for run_id in found.keys() & params.keys():
        found[run_id].params = msgspec.Raw(f"{{{','.join(params[run_id])}}}".encode())
    for row in _attached(read, "tags", "value", ids, only, "tag"):
        if row["run_id"] in found:
            found[row["run_id"]].tags[row["key"]] = row["value"]
    for row in _attached(read, "last_values", "last, min, max, count", ids, only, "metric"):
        if row["run_id"] in found:
            last = row["last"] if row["last"] is None or math.isfinite(row["last"]) else str(row["last"])
            found[row["run_id"]].metrics[row["key"]] = (last, row["min"], row["max"], row["count"])
    mine, given = among(ids)
    for row in read.rows(
        f"SELECT run_id, arg_max(verdict, seq) AS verdict, NULL AS version FROM verdicts WHERE {mine} GROUP BY run_id "
        f"UNION ALL SELECT run_id, NULL, max(version) FROM model_versions WHERE {mine} GROUP BY run_id",
        [*given, *given],
    ):
        if row["run_id"] in found:
            pack = found[row["run_id"]]
            pack.verdict, pack.version = row["verdict"] or pack.verdict, row["version"] or pack.version
    return found


def follow(con: Connection, entries: Sequence[LedgerEntry]) -> None:
    """Packs anew the runs that entries of the ledger, which were applied, are about. Where all that they say of a run is tags and notes, these
    are written into its pack: that takes two statements however many runs, and gathering a run again takes six."""
    marks: dict[str, list[LedgerEntry]] = {}
    anew: set[str] = set()
    for entry in entries:
        if entry.verb in ("run.tag", "run.note") and not entry.data.get("clear"):
            marks.setdefault(str(entry.data.get("run_id")), []).append(entry)
        elif entry.verb.startswith(_TOUCHING):
            anew.update(
                run_id for name in ("run_id", "verdict_id") if isinstance(run_id := entry.data.get(name), str)
            )
    said = {run_id: own for run_id, own in marks.items() if run_id not in anew}
    packs = packed(_Within(con), list(said))
    update(con, anew | _remark(con, packs, said))
    _pack(con, sorted(said.keys() - packs.keys()))


def update(con: Connection, run_ids: Iterable[str]) -> None:
    """Packs these runs as they are now, those of them that are over, in the transaction that is open."""
    ids = sorted(set(run_ids))
    for start in range(0, len(ids), _BATCH):
        _update(con, ids[start : start + _BATCH])


def pack_all(con: Connection) -> None:
    """Packs all runs, for an index that has no packs yet."""
    update(con, [row["run_id"] for row in rows(con, f"SELECT run_id FROM runs WHERE {_OVER}")])


# --- inside ---------------------------------------------------------------------------------------------------


def _remark(
    con: Connection, packs: Mapping[str, Pack], marks: Mapping[str, Sequence[LedgerEntry]]
) -> set[str]:
    """Writes tags and notes into packs. Returns the runs for which these are too much."""
    for run_id, pack in packs.items():
        for entry in marks[run_id]:
            if entry.verb == "run.note":
                pack.note = text(entry.data, "text") or None
                continue
            given = {
                key: value for key, value in mapping(entry.data, "set").items() if isinstance(value, str)
            }
            gone = set(map(str, listed(entry.data, "remove")))
            pack.tags = dict(
                sorted({**{k: v for k, v in pack.tags.items() if k not in gone}, **given}.items())
            )
    encoded = {run_id: _ENCODER.encode(pack) for run_id, pack in packs.items()}
    fitting = [(_number(run_id), run_id, pack) for run_id, pack in encoded.items() if len(pack) <= _LARGEST]
    write_columns(
        con,
        "UPDATE run_packs SET pack = new.pack FROM (SELECT unnest(?::UBIGINT[]) AS k, unnest(?::VARCHAR[]) AS run_id, "
        "unnest(?::BLOB[]) AS pack) AS new WHERE run_packs.k = new.k AND run_packs.run_id = new.run_id",
        fitting,
    )
    return packs.keys() - {run_id for _, run_id, _ in fitting}


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
    mine, given = _these("run_id", "VARCHAR", ids)
    numbered, numbers = _these("k", "UBIGINT", [_number(run_id) for run_id in ids])
    con.execute(f"DELETE FROM run_packs WHERE {numbered} AND {mine}", [*numbers, *given])
    _pack(con, ids)


def _pack(con: Connection, ids: list[str]) -> None:
    """Packs those of these runs that are over; none of them is packed."""
    if not ids:
        return
    inside = _Within(con)
    mine, given = _these("run_id", "VARCHAR", ids)
    over = inside.rows(f"SELECT run_id FROM runs WHERE {mine} AND {_OVER}", given)
    packs = gather(inside, sorted(row["run_id"] for row in over))
    encoded = ((run_id, _ENCODER.encode(pack)) for run_id, pack in sorted(packs.items()))
    insert(
        con,
        "run_packs",
        [(_number(run_id), run_id, pack) for run_id, pack in encoded if len(pack) <= _LARGEST],
    )


def _these(column: str, kind: str, values: list[Any]) -> tuple[str, list[Any]]:
    """The condition that a column is one of these. A few as parameters: those the primary key finds, at 30 µs each."""
    if len(values) <= _FEW:
        return f"{column} IN ({', '.join('?' * len(values))})", values
    return f"{column} BETWEEN ? AND ? AND {column} IN (SELECT unnest(?::{kind}[]))", [
        min(values),
        max(values),
        values,
    ]


def _attached(
    read: Rows, table: str, columns: str, ids: list[str], only: Sequence[Field] | None, group: str
) -> list[dict[str, Any]]:
    """The rows of some runs in `params`, `tags` or `last_values`, by run and key; of all keys, or of those that `only` names."""
    keys = None if only is None else sorted({field.name for field in only if field.group == group})
    if keys == []:
        return []
    mine, given = among(ids)
    named = "" if keys is None else f" AND key IN ({', '.join('?' * len(keys))})"
    return read.rows(
        f"SELECT run_id, key, {columns} FROM {table} WHERE {mine}{named} ORDER BY run_id, key",
        [*given, *(keys or ())],
    )
