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
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import run_list

from mlops_store.home import Home
from mlops_store.index.database import Database
from mlops_store.index.packs import pack_all
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect
from mlops_tui.client.wire import UnixConnection

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
LONG_SQL = "SELECT count(*), sum(a.value * b.value) FROM metric_points a, metric_points b WHERE a.step % 1000 = b.step % 999"
SHORT_SQL = "SELECT state, count(*) AS n FROM runs GROUP BY ALL"
PHASES = (
    "ping",
    "point",
    "show",
    "again",
    "marks",
    "projects",
    "quiet",
    "sql",
    "writers",
    "listener",
    "soak",
)
PAUSE = 0.1
"""Seconds between the questions of a client that does not go all out: somebody who looks and decides."""

Work = Callable[[Client, random.Random, Path, list[str]], None]


@dataclass
class Stand:
    """A served home and the ids of its runs; the last one has the long curve."""

    home: Home
    runs: list[str]
    folder: Path
    pid: int


@dataclass
class Sample:
    """What the daemon holds: megabytes resident, open descriptors."""

    rss: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def take(self, pid: int) -> None:
        status = Path(f"/proc/{pid}/status").read_text()
        self.rss.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        self.descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))


# --- what clients do -------------------------------------------------------------------------------------------


def ping(client: Client, _chance: random.Random, _folder: Path, _runs: list[str]) -> None:
    client.ping()


def point(client: Client, _chance: random.Random, _folder: Path, _runs: list[str]) -> None:
    client.call("project list")


def show(client: Client, chance: random.Random, _folder: Path, runs: list[str]) -> None:
    client.call("run show", {"run_id": chance.choice(runs)})


def again(client: Client, chance: random.Random, folder: Path, runs: list[str]) -> None:
    show(client, chance, folder, runs[:20])


def mark(client: Client, chance: random.Random, _folder: Path, runs: list[str]) -> None:
    """A tag or a note on some run, each time another one."""
    run_id, word = chance.choice(runs), f"{chance.random():.6f}"
    if chance.random() < 2 / 3:
        client.call("run tag", {"run_id": run_id, "tags": {"reviewed": word}})
    else:
        client.call("run note", {"run_id": run_id, "text": f"looked at, {word}"})


def toggle(client: Client, _chance: random.Random, folder: Path, _runs: list[str]) -> None:
    """A project is added, or removed where it was added: one entry of the ledger either way."""
    flag = folder / "added"
    if flag.exists():
        client.call("project remove", {"name": folder.name})
        flag.unlink()
    else:
        client.call("project add", {"dir": str(folder)})
        flag.touch()


def look(client: Client, chance: random.Random, _folder: Path, runs: list[str]) -> None:
    """What a screen asks: a run, a page, a curve, projects."""
    dice = chance.random()
    if dice < 0.5:
        client.call("run show", {"run_id": chance.choice(runs)})
    elif dice < 0.7:
        client.call("run list", {"limit": 20})
    elif dice < 0.9:
        client.call("run metrics", {"run_id": chance.choice(runs), "keys": ["roc_auc"]})
    else:
        client.call("project list")


def anything(client: Client, chance: random.Random, folder: Path, runs: list[str]) -> None:
    """Everything in turn: mostly looks, some writes, a little SQL."""
    dice = chance.random()
    if dice < 0.8:
        look(client, chance, folder, runs)
    elif dice < 0.9:
        mark(client, chance, folder, runs)
    elif dice < 0.99:
        toggle(client, chance, folder, runs)
    else:
        client.call("sql", {"query": SHORT_SQL})


# --- running them ----------------------------------------------------------------------------------------------


def _client(
    home: Home, work: Work, number: int, runs: list[str], folder: Path, pause: float, until: float, pipe: Any
) -> None:
    """One process: works until the time is up, then sends its latencies in ms and the processor seconds that it took."""
    chance, took = random.Random(number), []
    mine = folder / f"p{number}"
    mine.mkdir(exist_ok=True)
    (mine / "mlops.toml").write_text(f'[project]\nname = "{mine.name}"\n')
    with connect(home, autostart=False) as client:
        before = time.process_time()
        while time.monotonic() < until:
            start = time.perf_counter()
            work(client, chance, mine, runs)
            took.append((time.perf_counter() - start) * 1000)
            if pause:
                time.sleep(pause * (0.5 + chance.random()))
        used = time.process_time() - before
    pipe.send((took, used))


def crowd(
    stand: Stand, work: Work, clients: int, seconds: float, pause: float = 0.0, watch: Sample | None = None
) -> dict[str, Any]:
    """`clients` processes at `work` for `seconds`; what they saw together."""
    until, pipes, processes, before = time.monotonic() + seconds, [], [], cpu_seconds(stand.pid)
    for number in range(clients):
        here, there = multiprocessing.Pipe(duplex=False)
        words = (stand.home, work, number, stand.runs, stand.folder, pause, until, there)
        processes.append(multiprocessing.Process(target=_client, args=words))
        processes[-1].start()
        there.close()
        pipes.append(here)
    while watch is not None and time.monotonic() < until:
        watch.take(stand.pid)
        time.sleep(min(1.0, seconds / 20))
    told = [pipe.recv() for pipe in pipes]
    took = sorted(value for values, _ in told for value in values)
    for process in processes:
        process.join()
    return {
        "clients": clients,
        "seconds": round(seconds, 1),
        "pause_ms": round(pause * 1000),
        "questions": len(took),
        "per_second": round(len(took) / seconds),
        "p50_ms": round(statistics.median(took), 1),
        "p99_ms": round(took[int(len(took) * 0.99)], 1),
        "worst_ms": round(took[-1], 1),
        "daemon_cpu_ms": round((cpu_seconds(stand.pid) - before) / len(took) * 1000, 2),
        "client_cpu_ms": round(sum(used for _, used in told) / len(took) * 1000, 2),
        "load": round(os.getloadavg()[0], 1),
    }


def cpu_seconds(pid: int) -> float:
    """What a process has used, its threads and its ended children together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(value) for value in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def _long_sql(home: Home, ready: Any) -> None:
    with connect(home, autostart=False) as client:
        ready.set()
        while True:
            try:
                client.call("sql", {"query": LONG_SQL, "timeout": 25_000})
            except Exception as error:  # noqa: BLE001 - too slow is what it is meant to be; anything else is printed
                if getattr(error, "code", "") not in ("sql_too_slow", "too_slow"):
                    print(f"long sql: {error}", file=sys.stderr)


def _writes(home: Home, folder: Path, ready: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "mlops.toml").write_text(f'[project]\nname = "{folder.name}"\n')
    with connect(home, autostart=False) as client:
        ready.set()
        while True:
            toggle(client, random.Random(), folder, [])


@contextmanager
def beside(target: Callable[..., None], *words: Any) -> Iterator[None]:
    """A process that does something else meanwhile, until the block ends."""
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=target, args=(*words, ready), daemon=True)
    process.start()
    ready.wait(30)
    try:
        yield
    finally:
        process.kill()
        process.join()


@contextmanager
def deaf_listener(home: Home) -> Iterator[None]:
    """Opens the events stream and reads none of it."""
    connection = UnixConnection(home, 60.0)
    connection.request("GET", "/v1/events?follow=1")
    try:
        yield
    finally:
        connection.close()


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
    if when("quiet", "sql"):
        yield "quiet", (quiet := crowd(stand, look, 8, seconds, PAUSE))
        with beside(_long_sql, stand.home):
            yield "sql", compared(stand, seconds, quiet)
    if when("writers", "listener"):
        with (
            beside(_writes, stand.home, stand.folder / "w1"),
            beside(_writes, stand.home, stand.folder / "w2"),
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

    def growth(values: list[Any]) -> float:
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


READING = "## Reading it"


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
