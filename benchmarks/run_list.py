"""`run list` over a home of many runs: the first page, pages by filter and by metric, the last page, and a curve of a million points.

Rows are put into the index of a temporary home by SQL (the folders are not there), then a daemon serves it. One JSON line per question:
median and worst wall milliseconds of a call through the socket, decoded, over `--repeat` calls, and how many runs it gave.
Exit code 1 where the first page takes longer than `--budget` ms.

    python benchmarks/run_list.py --runs 10000
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_store.home import Home
from mlops_store.index.database import Database
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect

METRICS = ("roc_auc", "log_loss", "brier", "system/cpu_percent", "system/rss_bytes")
PARAMS = ("family", "max_depth", "learning_rate", "seed", "window", "min_leaf")
QUESTIONS: dict[str, dict[str, Any]] = {
    "first page": {},
    "every kind": {"all_kinds": True},
    "state": {"filter": "state = FAILED and age < 1000w"},
    "metric and parameter": {"filter": "best(roc_auc) >= 0.8 and params.max_depth in (4, 6)"},
    "tag": {"filter": "tags.owner ~ '^team-1' or -has:model"},
    "bare word": {"filter": "team-17"},
    "nothing found": {"filter": "best(log_loss) > 1e9"},
    "best first": {"sort": "-metrics.roc_auc"},
    "by name": {"sort": "name", "limit": 1000},
}
POINTS = 1_000_000


def fill(home: Home, runs: int) -> str:
    """Writes `runs` runs with parameters, tags and metrics into the index; returns the id of one with a curve of POINTS points."""
    database = Database.open(home.index)
    try:
        con = database.cursor()
        con.execute(
            """CREATE TEMP TABLE r AS SELECT i, printf('%012x%020x', 1760000000000 + i * 60000, hash(i) % 1000000007) AS run_id,
            CASE WHEN i % 5 = 0 THEN 'drift' ELSE 'train' END AS kind FROM range(?) t(i)""",
            [runs],
        )
        con.execute(
            """INSERT INTO runs BY NAME SELECT run_id, kind, printf('late-departure-%d', i) AS name, 'flights' AS project,
            'late-departure' AS experiment, 'late-departure' AS model, 'uid:1000' AS actor,
            CASE WHEN i % 17 = 0 THEN 'FAILED' ELSE 'FINISHED' END AS state, 1760000000000 + i * 60000 AS created,
            1760000001000 + i * 60000 AS started, 1760000040000 + i * 60000 AS ended, CASE WHEN i % 17 = 0 THEN 1 ELSE 0 END AS exit_code,
            39000 AS duration_ms, 1 AS attempts, 'runs/x' AS path, i AS submitted, i AS settled, 'FINISHED' AS settled_state FROM r"""
        )
        for place, name in enumerate(PARAMS):
            con.execute(
                "INSERT INTO params SELECT run_id, ?, to_json(i % ?), CAST(i % ? AS VARCHAR), i % ?, 1, 'w', 1 FROM r",
                [name, 7 + place, 7 + place, 7 + place],
            )
        con.execute(
            "INSERT INTO journal_tags SELECT run_id, 'owner', printf('team-%d', i % 40), 1, 'w', 1 FROM r"
        )
        for place, name in enumerate(METRICS):
            con.execute(
                """INSERT INTO last_values SELECT run_id, ?, 100, 0, 0, v, 99, 0, 1, 'w', 1, v - 0.1, 3, v + 0.1, 7
                FROM (SELECT *, (hash(i + ?) % 1000) / 1250.0 AS v FROM r)""",
                [name, place],
            )
        row = con.execute("SELECT max(run_id) FROM r").fetchall()[0]
        con.execute(
            f"INSERT INTO metric_points SELECT ?, 'roc_auc', i, i, (hash(i) % 1000) / 1000.0, 1, 'w', i FROM range({POINTS}) t(i)",
            [row[0]],
        )
        return str(row[0])
    finally:
        database.close()


def measure(ask: Callable[[], Any], repeat: int) -> tuple[dict[str, float], Any]:
    """Median and worst wall time in ms, and the last answer."""
    took, answer = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - start) * 1000)
    return {"median_ms": round(statistics.median(took), 1), "worst_ms": round(max(took), 1)}, answer


def last_page(client: Client) -> dict[str, Any]:
    """The question for the last full page but one, by following `next`."""
    token, before = None, None
    while True:
        page = client.call("run list", {"limit": 1000, "page": token})
        if page.next is None:
            return {"limit": 1000, "page": before}
        before, token = token, page.next


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--budget", type=float, default=150.0, help="ms that the first page may take")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home").create()
        curve = fill(home, parsed.runs)
        try:
            with connect(home, idle_exit=60) as client:
                first = 0.0
                for name, fields in {**QUESTIONS, "last page": last_page(client)}.items():
                    took, page = measure(lambda fields=fields: client.call("run list", fields), parsed.repeat)
                    first = took["median_ms"] if name == "first page" else first
                    print(
                        json.dumps({"question": name, "runs": parsed.runs, "given": len(page.items), **took})
                    )
                fields = {"run_id": curve, "keys": ["roc_auc"]}
                took, found = measure(lambda: client.call("run metrics", fields), parsed.repeat)
                given = len(found.metrics[0].buckets)
                print(json.dumps({"question": "curve", "points": POINTS, "given": given, **took}))
        finally:
            stop_daemon(home, 20.0)
    return 0 if first <= parsed.budget else 1


if __name__ == "__main__":
    sys.exit(main())
