"""Many clients at once on one daemon: rates, latencies, and whether one of them can hurt the others.

A home with `--runs` runs and a curve of `--points` points is made in a temporary folder, and a daemon serves it over its socket. Every
client is a process of its own with the product's own `Client`. Phases:

- `ping`, `point`: 8 clients ask for nothing, and `project list`, which is answered from a list that the daemon keeps while no project is added
  or removed, without a question to the index: each its next question at once
- `show`: the same with `run show`, a run with all its evidence, of a thousand runs by chance: from the index and the run's folder at first, from
  what the daemon keeps when one comes again, so that a longer phase has more of these; `again`: of 20 runs, which are kept
- `marks`: 8 clients tag (`run tag`, two of three times) and note (`run note`) random runs, as scripts do; `projects`: they add and remove a
  project of theirs. Each answer means a line in the ledger that is synced to the disk. Beside `marks`, in the same run: the same promise kept by
  hand by one program (a line synced, a row committed to a DuckDB of its own), `ratio` to it, and what a sync alone takes
- `queries`: 32 clients ask a short `sql`, each its next at once; the processes that answer are not in the daemon's CPU
- `quiet`, `sql`: 8 clients ask for runs, pages and curves with a pause between; then again while a long `sql` runs without a break
- `writers`, `listener`: the same as `quiet` while two others write; then again while one client of the events stream does not read
- `soak`: 32 clients ask, write, listen and use `sql` for `--minutes`; memory and descriptors of the daemon are watched

`p99_ratio` is p99 over that of the phase before it, which is the same but for what the phase is about.

One JSON line for each phase: wall milliseconds as the client sees them, decoding included, and CPU milliseconds of the daemon and of the client
for each question, which say more on a machine that has other things to do (`load`: of the last minute). Exit code 1 where a budget of BUDGETS is missed.

    python benchmarks/clients.py --minutes 1 --write docs/benchmarks/clients.md
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import run_list
from client_crowd import Sample, Stand, beside, crowd
from client_work import (
    again,
    anything,
    ask_sql,
    deaf_listener,
    long_sql,
    look,
    mark,
    ping,
    point,
    show,
    toggle,
    writes,
)

from mlops_store.home import Home
from mlops_store.index.database import Database
from mlops_store.index.packs import pack_all
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import connect

BUDGETS = {
    ("point", "per_second"): (">=", 1000.0),
    ("show", "per_second"): (">=", 1000.0),
    ("again", "per_second"): (">=", 1000.0),
    ("point", "daemon_cpu_ms"): ("<=", 0.5),
    ("show", "daemon_cpu_ms"): ("<=", 5.0),
    ("marks", "per_second"): (">=", 1000.0),
    ("marks", "daemon_cpu_ms"): ("<=", 0.8),
    ("sql", "p99_ms"): ("<=", 50.0),
    ("listener", "p99_ratio"): ("<=", 1.5),
    ("soak", "rss_growth_mb"): ("<=", 30.0),
    ("soak", "descriptor_growth"): ("<=", 8.0),
}
PHASES = (
    "ping",
    "point",
    "show",
    "again",
    "marks",
    "projects",
    "queries",
    "quiet",
    "sql",
    "writers",
    "listener",
    "soak",
)
PAUSE = 0.1
"""Seconds between the questions of a client that does not go all out: somebody who looks and decides."""
READING = "## Reading it"


def pack(home: Home) -> None:
    """What a list shows of each run, as the daemon keeps it of those that are over."""
    database = Database.open(home.index)
    con = database.cursor()
    con.execute("BEGIN")
    pack_all(con)
    con.execute("COMMIT")
    con.close()
    database.close()


@contextmanager
def serve(runs: int, points: int) -> Iterator[Stand]:
    """A home in a temporary folder with a daemon; both are gone afterwards."""
    run_list.POINTS = points
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = Home(folder / "home").create()
        curve = run_list.fill(home, runs)
        pack(home)
        try:
            with connect(home, idle_exit=0) as client:
                pid = client.ping().pid
                found = [run.run_id for run in client.call("run list", {"limit": 1000}).items]
            yield Stand(home, [*found, curve], folder, pid)
        finally:
            stop_daemon(home, 30.0)


def phases(
    stand: Stand, seconds: float, minutes: float, wanted: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those that are `wanted`, all where none is, in order; the soak is left out where `minutes` is 0."""

    def when(*names: str) -> bool:
        return not wanted or not {*names}.isdisjoint(wanted)

    for name, work in (("ping", ping), ("point", point), ("show", show), ("again", again)):
        if when(name):
            yield name, crowd(stand, work, 8, seconds)
    if when("marks"):
        yield "marks", beside_by_hand(crowd(stand, mark, 8, seconds), stand.folder, seconds)
    if when("projects"):
        yield "projects", crowd(stand, toggle, 8, seconds)
    if when("queries"):
        yield "queries", crowd(stand, ask_sql, 32, seconds)
    if when("quiet", "sql"):
        yield "quiet", (quiet := crowd(stand, look, 8, seconds, PAUSE))
        with beside(long_sql, stand.home):
            yield "sql", compared(stand, seconds, quiet)
    if when("writers", "listener"):
        with (
            beside(writes, stand.home, stand.folder / "w1"),
            beside(writes, stand.home, stand.folder / "w2"),
        ):
            yield "writers", (alone := crowd(stand, look, 8, seconds, PAUSE))
            with deaf_listener(stand.home):
                yield "listener", compared(stand, seconds, alone)
    if minutes and when("soak"):
        yield "soak", soak(stand, minutes * 60)


def beside_by_hand(found: dict[str, Any], folder: Path, seconds: float) -> dict[str, Any]:
    """With the same promise kept by hand, one write after the other: a line synced to a file, a row committed to a DuckDB of its own;
    and with what the sync alone takes."""
    con = duckdb.connect(str(folder / "by-hand.duckdb"))
    con.execute("CREATE TABLE tags (run_id VARCHAR, key VARCHAR, value VARCHAR, PRIMARY KEY (run_id, key))")
    done, syncs, synced = 0, 0, 0.0
    with open(folder / "by-hand.jsonl", "ab", buffering=0) as ledger:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            con.execute("BEGIN")
            con.execute(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", [f"run-{done % 1000}", "by", str(done)]
            )
            begin = time.perf_counter()
            ledger.write(b'{"verb": "run.tag"}\n' * 10)
            os.fdatasync(ledger.fileno())
            synced += time.perf_counter() - begin
            syncs += 1
            con.execute("COMMIT")
            done += 1
    con.close()
    by_hand = round(done / seconds)
    return {
        **found,
        "by_hand_per_second": by_hand,
        "ratio": round(found["per_second"] / by_hand, 2),
        "sync_ms": round(synced / syncs * 1000, 2),
    }


def compared(stand: Stand, seconds: float, before: dict[str, Any]) -> dict[str, Any]:
    """Those who look, with what their p99 is in terms of the one before, and what the daemon held at most."""
    sample = Sample()
    found = crowd(stand, look, 8, seconds, PAUSE, sample)
    ratio = round(found["p99_ms"] / before["p99_ms"], 2)
    return {**found, "p99_ratio": ratio, "daemon_rss_mb": round(max(sample.rss))}


def soak(stand: Stand, seconds: float) -> dict[str, Any]:
    """32 clients; growth is the median of the last quarter over that of the second (the first one warms up)."""
    sample = Sample()
    found = crowd(stand, anything, 32, seconds, PAUSE, sample)
    quarter = max(1, len(sample.rss) // 4)

    def growth(values: Sequence[float]) -> float:
        return round(
            statistics.median(values[-quarter:]) - statistics.median(values[quarter : 2 * quarter]), 1
        )

    return {
        **found,
        "rss_mb": round(sample.rss[-1]),
        "rss_growth_mb": growth(sample.rss),
        "descriptors": max(sample.descriptors),
        "descriptor_growth": growth(sample.descriptors),
    }


def missed(found: dict[str, dict[str, Any]]) -> list[str]:
    """The budgets that do not hold, in words."""
    words = []
    for (phase, key), (sign, limit) in BUDGETS.items():
        if phase not in found:
            continue
        value = found[phase][key]
        if not (value >= limit if sign == ">=" else value <= limit):
            words.append(f"{phase}: {key} is {value}, wanted {sign} {limit:g}")
    return words


def page(
    found: dict[str, dict[str, Any]], words: list[str], parsed: argparse.Namespace, before: str = ""
) -> str:
    """The table as Markdown. What people wrote below it, in the page as it was before, stays."""
    keys = (
        "clients",
        "seconds",
        "pause_ms",
        "per_second",
        "p50_ms",
        "p99_ms",
        "worst_ms",
        "daemon_cpu_ms",
        "client_cpu_ms",
        "load",
    )
    only = f" --phases {' '.join(parsed.phases)}" if parsed.phases else ""
    lines = [
        "# Many clients at once",
        "",
        f"`python benchmarks/clients.py --runs {parsed.runs} --points {parsed.points} --seconds {parsed.seconds:g} --minutes {parsed.minutes:g}{only}`"
        f" on {os.cpu_count()} cores ({platform.machine()}), which the clients share with the daemon and with whatever else the machine did (`load`).",
        "",
        "| phase | " + " | ".join(keys) + " | other |",
        "|---|" + "---:|" * len(keys) + "---|",
    ]
    for phase, values in found.items():
        other = ", ".join(
            f"{key} {value}" for key, value in values.items() if key not in (*keys, "questions")
        )
        lines.append(f"| {phase} | " + " | ".join(str(values[key]) for key in keys) + f" | {other} |")
    about = __doc__.split("Phases:")[1].split("One JSON line")[0].strip()
    _, heading, reading = before.partition(READING)
    return "\n".join(
        [*lines, "", about, "", *(words or ["All budgets hold."]), "", f"{heading}{reading}".strip(), ""]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each phase but the soak")
    parser.add_argument("--minutes", type=float, default=1.0, help="length of the soak; 0 leaves it out")
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=(), metavar="PHASE", help="only these")
    parser.add_argument("--write", type=Path, help="where to put the table")
    parsed = parser.parse_args()
    found = {}
    with serve(parsed.runs, parsed.points) as stand:
        for phase, values in phases(stand, parsed.seconds, parsed.minutes, parsed.phases):
            found[phase] = values
            print(json.dumps({"phase": phase, **values}), flush=True)
    words = missed(found)
    if parsed.write:
        before = parsed.write.read_text() if parsed.write.exists() else ""
        parsed.write.write_text(page(found, words, parsed, before))
    for word in words:
        print(word, file=sys.stderr)
    return 1 if words else 0


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    sys.exit(main())
