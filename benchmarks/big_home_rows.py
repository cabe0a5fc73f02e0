"""The rows of a home with many runs, put into its index by SQL, in the order in which ingestion leaves them.

A folder for each of 100,000 runs and a journal line for each of 100 million points would take hours to write and to read, and the questions
that are measured never open them. So the folders are not there (`doctor` says so); everything that a question reads is: each run's row, parameters, tags,
points and last values, run after run, a run's points step after step with its metrics in turn, with `last_values` and the chunks of the long curve computed
from those very points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_store.home import Home
from mlops_store.index import packs
from mlops_store.index.database import Database
from mlops_store.index.packs import pack_all

METRICS = ("roc_auc", "log_loss", "accuracy", "val/roc_auc", "val/log_loss", "grad_norm", "learning_rate", "epoch_seconds", "system/cpu_percent", "system/rss_bytes")  # fmt: skip
PARAMS = ("family", "max_depth", "learning_rate", "seed", "window", "min_leaf", "subsample", "l2")
CURVE = 1_000_000
CHUNK = 1_000_000
"""Points in one transaction."""


@dataclass(frozen=True)
class Filled:
    """What was written. `curve` is the id of the run whose `roc_auc` has CURVE points; `newest` are the ids of the 100 newest runs."""

    runs: int
    points: int
    curve: str
    newest: list[str]


def fill(home: Home, runs: int, points: int) -> Filled:
    """Writes `runs` runs that have `points` points together, besides those of the long curve."""
    each = max(len(METRICS), points // runs)
    database = Database.open(home.index, fill=packs.FILL)
    try:
        con = database.cursor()
        con.execute(
            """CREATE TEMP TABLE r AS SELECT i, printf('%012x%016x%04x', 1760000000000 + i * 60000, hash(i) >> 1, i % 65536) AS run_id,
            1760000000000 + i * 60000 AS created FROM range(?) t(i)""",
            [runs],
        )
        _runs(con)
        step = max(1, CHUNK // each)
        for start in range(0, runs, step):
            _points(con, start, start + step, each)
        curve = str(con.execute("SELECT min(run_id) FROM r").fetchall()[0][0])
        _curve(con, curve)
        pack_all(con)
        con.execute("CHECKPOINT")
    finally:
        database.close()
    return found(home)


def found(home: Home) -> Filled:
    """What is in a home that was filled."""
    database = Database.open(home.index, fill=packs.FILL)
    try:
        con = database.cursor()
        newest = [
            str(row[0])
            for row in con.execute("SELECT run_id FROM runs ORDER BY run_id DESC LIMIT 100").fetchall()
        ]
        ((runs,),) = con.execute("SELECT count(*) FROM runs").fetchall()
        ((points, curve),) = con.execute(
            "SELECT sum(count), any_value(run_id) FILTER (key = 'curve') FROM last_values"
        ).fetchall()
        return Filled(runs, int(points) - CURVE, curve, newest)
    finally:
        database.close()


def _runs(con: Any) -> None:
    con.execute(
        """INSERT INTO runs BY NAME SELECT run_id, CASE WHEN i % 10 = 3 THEN 'drift' ELSE 'train' END AS kind,
        printf('late-departure-%d', i) AS name, CASE WHEN i % 20 = 7 THEN 'clinic' ELSE 'flights' END AS project,
        printf('sweep-%d', i // 500) AS experiment, CASE WHEN i % 3 = 0 THEN 'late-departure' ELSE 'arrival-delay' END AS model,
        'uid:1000' AS actor, CASE WHEN i % 17 = 0 THEN 'FAILED' ELSE 'FINISHED' END AS state, created, created + 1000 AS started,
        created + 40000 + i % 977 AS ended, CASE WHEN i % 17 = 0 THEN 1 ELSE 0 END AS exit_code, 39000 + i % 977 AS duration_ms, 1 AS attempts,
        printf('runs/2026-01/%s', run_id) AS path, i AS submitted, i AS settled, 'FINISHED' AS settled_state, '{}' AS pins, '{}' AS request,
        '[]' AS after FROM r ORDER BY i"""
    )
    con.execute(
        """INSERT INTO params SELECT run_id, key, CASE WHEN key = 'family' THEN to_json(text) ELSE text::JSON END, text, try_cast(text AS DOUBLE),
        0, '', n FROM (SELECT i, run_id, unnest($1::VARCHAR[]) AS key, unnest(range(len($1::VARCHAR[]))) AS n,
          unnest([['forest', 'boosting', 'linear'][i % 3 + 1], (i % 12)::VARCHAR, ((hash(i) % 1000) / 10000.0)::VARCHAR, i::VARCHAR,
            (i % 30)::VARCHAR, (i % 7)::VARCHAR, '0.8', ((i % 5) / 10.0)::VARCHAR]) AS text FROM r) ORDER BY i, n""",
        [list(PARAMS)],
    )
    con.execute(
        """INSERT INTO journal_tags SELECT run_id, key, text, 0, '', n FROM (SELECT i, run_id, unnest(['host', 'owner']) AS key, unnest([0, 1]) AS n,
          unnest([printf('node-%d', i % 8), printf('team-%d', i % 40)]) AS text FROM r) ORDER BY i, n"""
    )


def _points(con: Any, first: int, end: int, each: int) -> None:
    """The points of the runs from `first` up to `end`, and their last values."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE p AS SELECT run_id, list_extract($4::VARCHAR[], place % $5 + 1) AS key, place // $5 AS step, created + place * 7 AS ts,
          (hash(run_id) % 1000) / 2000.0 + (hash(place, run_id) % 1000) / 4000.0 + (place / $3) / 4 AS value,
          1::BIGINT AS attempt, '1-node-' || right(run_id, 8) AS writer, place + 2 AS line
        FROM (SELECT run_id, created, unnest(range($3::BIGINT)) AS place FROM r WHERE i >= $1 AND i < $2)""",
        [first, end, each, list(METRICS), len(METRICS)],
    )
    con.execute("INSERT INTO metric_points SELECT * FROM p")
    _last_values(con)


def _curve(con: Any, run_id: str) -> None:
    con.execute(
        """CREATE OR REPLACE TEMP TABLE p AS SELECT $1::VARCHAR AS run_id, 'curve' AS key, i AS step, 1760000000000 + i AS ts,
          sin(i / 50000) + (hash(i) % 1000) / 5000.0 AS value, 1::BIGINT AS attempt, '1-node-curve' AS writer, i + 2 AS line FROM range($2) t(i)""",
        [run_id, CURVE],
    )
    con.execute("INSERT INTO metric_points SELECT * FROM p")
    _last_values(con)
    con.execute(
        "INSERT INTO curve_chunks SELECT * FROM chunks_of_points([$1], ['curve']) ORDER BY chunk", [run_id]
    )


def _last_values(con: Any) -> None:
    """Of the points in `p`, in which a run has one writer: its order is that of the lines."""
    con.execute(
        """INSERT INTO last_values SELECT run_id, key, count(*), 0, 0, arg_max(value, line), max(step), max(ts), 1, any_value(writer), max(line),
          min(value), arg_min(step, value), max(value), arg_max(step, value) FROM p GROUP BY run_id, key ORDER BY run_id, key"""
    )
