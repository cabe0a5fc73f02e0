"""All that a list shows of a run, as one: gathered from the tables, or, of runs that are over, as it was packed (see schema/005_packs.sql)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mlops_store.filters import Field
from mlops_store.ids import RUN_ID
from mlops_store.index.asking import Rows, among
from mlops_store.index.database import Connection, insert, rows
from mlops_store.records import ENDED, LedgerEntry

_FEW = 100
"""So many ids are found by the primary key; that costs 30 µs for each."""
_LARGEST = 64 << 10
"""Bytes of a pack: a run of many thousand metrics is read from the tables, of which a question then takes what it wants."""
_BATCH = 1000
_OVER = f"state IN ({', '.join(map(repr, sorted(ENDED)))}) AND (submitted IS NULL OR settled IS NOT NULL) AND name <> ''"
"""What is over changes only when somebody says so: each change of it is worth packing it anew."""


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
    params: dict[str, str] = {}
    """As JSON."""
    tags: dict[str, str] = {}
    metrics: dict[str, tuple[float | None, float | None, float | None, int]] = {}
    """Last, least, greatest and number of values."""
    verdict: str | None = None
    version: int | None = None
    """The newest verdict, and the version that came of it."""


_COLUMNS = ", ".join(Pack.__struct_fields__[: Pack.__struct_fields__.index("params")])
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Pack)


def packed(read: Rows, run_ids: Sequence[str]) -> dict[str, Pack]:
    """Those of the runs that are packed. Only for who sees what is committed: inside of a transaction a pack may be what was."""
    numbers = [_number(run_id) for run_id in run_ids]
    if not numbers:
        return {}
    found = read.rows(
        "SELECT run_id, pack FROM run_packs WHERE k BETWEEN ? AND ? AND k IN (SELECT unnest(?::UBIGINT[]))",
        [min(numbers), max(numbers), numbers],
    )
    wanted = set(run_ids)
    return {row["run_id"]: _DECODER.decode(row["pack"]) for row in found if row["run_id"] in wanted}


def gather(read: Rows, run_ids: Sequence[str], only: Sequence[Field] | None = None) -> dict[str, Pack]:
    """Runs from the tables; unknown ids are left out. With `only`, of parameters, tags and metrics just those fields."""
    ids = list(run_ids)
    if not ids:
        return {}
    mine, given = (f"run_id IN ({', '.join('?' * len(ids))})", ids) if len(ids) <= _FEW else among(ids)
    found = {
        row["run_id"]: Pack(**row) for row in read.rows(f"SELECT {_COLUMNS} FROM runs WHERE {mine}", given)
    }
    for row in _attached(read, "params", "value", ids, only, "param"):
        if row["run_id"] in found:
            found[row["run_id"]].params[row["key"]] = row["value"]
    for row in _attached(read, "tags", "value", ids, only, "tag"):
        if row["run_id"] in found:
            found[row["run_id"]].tags[row["key"]] = row["value"]
    for row in _attached(read, "last_values", "last, min, max, count", ids, only, "metric"):
        if row["run_id"] in found:
            found[row["run_id"]].metrics[row["key"]] = (row["last"], row["min"], row["max"], row["count"])
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


def touched(entries: Iterable[LedgerEntry]) -> set[str]:
    """The runs of which entries of the ledger may have changed what is packed."""
    verbs = ("run.", "gate.verdict", "model.register")
    ids = (e.data.get(name) for e in entries if e.verb.startswith(verbs) for name in ("run_id", "verdict_id"))
    return {run_id for run_id in ids if isinstance(run_id, str)}


def update(con: Connection, run_ids: Iterable[str]) -> None:
    """Packs these runs as they are now, those of them that are over, in the transaction that is open."""
    ids = sorted(set(run_ids))
    for start in range(0, len(ids), _BATCH):
        _update(con, ids[start : start + _BATCH])


def pack_all(con: Connection) -> None:
    """Packs all runs, for an index that has no packs yet."""
    update(con, [row["run_id"] for row in rows(con, f"SELECT run_id FROM runs WHERE {_OVER}")])


# --- inside ---------------------------------------------------------------------------------------------------


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
    inside = _Within(con)
    places = ", ".join("?" * len(ids))
    con.execute(
        f"DELETE FROM run_packs WHERE k IN ({places}) AND run_id IN ({places})",
        [*(_number(run_id) for run_id in ids), *ids],
    )
    over = inside.rows(f"SELECT run_id FROM runs WHERE run_id IN ({places}) AND {_OVER}", ids)
    packs = gather(inside, sorted(row["run_id"] for row in over))
    encoded = ((run_id, _ENCODER.encode(pack)) for run_id, pack in sorted(packs.items()))
    insert(
        con,
        "run_packs",
        [(_number(run_id), run_id, pack) for run_id, pack in encoded if len(pack) <= _LARGEST],
    )


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
