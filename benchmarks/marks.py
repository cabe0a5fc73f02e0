"""What the index of the log of marks is worth: tags and notes of a few runs among many words, with it and without (docs/decisions/0018).

One JSON line each, CPU milliseconds, the least of `--repeats` turns that alternate: reading the words of `--ask` runs as the writer does, scattered over the log,
and adding a group of as many words.

    python benchmarks/marks.py --words 200000 --ask 8
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mlops_store.home import Home
from mlops_store.index.database import Connection, Database, insert_columns, rows
from mlops_store.index.marks import MARKS

INDEX = "mark_log_runs"


def fill(con: Connection, words: int, runs: int) -> list[str]:
    """Runs, and words of them in the order of time, each of any run; returns the ids."""
    con.execute(
        "INSERT INTO runs (run_id, kind, name, project, state, created) SELECT printf('%032x', 1000 + i * 7919), 'sdk', 'run', 'bench', 'FINISHED', i "
        "FROM range(?) t(i)",
        [runs],
    )
    con.execute(
        "INSERT INTO mark_log SELECT printf('%032x', 1000 + (hash(i) % ?) * 7919), 'owner', 'ann', false, i FROM range(?) t(i)",
        [runs, words],
    )
    con.execute("CHECKPOINT")
    return [row["run_id"] for row in rows(con, "SELECT run_id FROM runs")]


def cpu_ms(do: Callable[[], object]) -> float:
    """Of the whole process: DuckDB may use several threads."""
    begin = time.process_time()
    do()
    return (time.process_time() - begin) * 1000


def turn(con: Connection, asked: list[str], seq: int) -> tuple[float, float]:
    """(reading, adding) once; what was added is taken back."""

    def read() -> None:
        found = MARKS.load(lambda sql, params=(): rows(con, sql, params), asked)
        if len(found) != len(asked):
            raise SystemExit(f"{len(found)} of {len(asked)} runs were found")

    def add() -> None:
        insert_columns(con, "mark_log", [(run_id, "seen", "yes", False, seq) for run_id in asked])

    reading = cpu_ms(read)
    con.execute("BEGIN")
    adding = cpu_ms(add)
    con.execute("ROLLBACK")
    return reading, adding


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=50_000, help="that the words are about")
    parser.add_argument("--ask", type=int, default=8, help="runs in a question")
    parser.add_argument("--repeats", type=int, default=15)
    parsed = parser.parse_args()
    pick = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="mlops-tui-bench-") as name:
        databases = {
            with_it: Database.open(Home(Path(name) / str(with_it)).create().index)
            for with_it in (True, False)
        }
        found: dict[tuple[bool, str], list[float]] = {}
        try:
            with closing(databases[True].cursor()) as one, closing(databases[False].cursor()) as other:
                cursors = {True: one, False: other}
                ids = fill(one, parsed.words, parsed.runs)
                fill(other, parsed.words, parsed.runs)
                other.execute(f"DROP INDEX {INDEX}")
                for number in range(parsed.repeats):
                    asked = pick.sample(ids, parsed.ask)
                    for with_it, con in cursors.items():
                        for what, took in zip(
                            ("read", "add"), turn(con, asked, parsed.words + number), strict=True
                        ):
                            found.setdefault((with_it, what), []).append(took)
        finally:
            for database in databases.values():
                database.close()
    for (with_it, what), took in found.items():
        print(
            json.dumps(
                {
                    "measure": what,
                    "index": with_it,
                    "words": parsed.words,
                    "runs": parsed.ask,
                    "cpu_ms": round(min(took), 2),
                }
            )
        )


if __name__ == "__main__":
    main()
