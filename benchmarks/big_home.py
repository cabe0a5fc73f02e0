"""A home of many runs and points, and what its questions cost through the daemon: wall and CPU, beside the same question by hand in DuckDB.

Rows are put into the index of a temporary home by SQL (see `big_home_rows`), a daemon serves it, and one client asks over the socket. Wall is what the
client sees, decoding included, in milliseconds; CPU is what the daemon used, all its threads. `by hand` is the plainest SQL for the same
answer, in a process of its own on the same file with the same threads, results fetched. The same is measured in a home of 1,000 runs: `small`.
Exit code 1 where a median misses its budget by more than `--slack`.

    python benchmarks/big_home.py --runs 100000 --points 100000000 --write docs/benchmarks/big_home.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from big_home_rows import CURVE, Filled, fill, found
from pages import write_figures

from mlops_store.home import Home
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect

TICKS = os.sysconf("SC_CLK_TCK")
SMALL = (1_000, 1_000_000)
FIELDS = ["params.learning_rate", "params.family", "metrics.roc_auc", "metrics.log_loss", "tags.owner"]
FILTER = "best(roc_auc) >= 0.6 and params.max_depth in (4, 6, 8)"
BY_HAND_PAGE = "SELECT * FROM runs WHERE kind IN ('train', 'sdk') ORDER BY created DESC, run_id DESC LIMIT 100 OFFSET {offset}"
BY_HAND_FILTER = """SELECT r.*, m.max FROM runs r JOIN last_values m ON m.run_id = r.run_id AND m.key = 'roc_auc' JOIN params p ON p.run_id = r.run_id
AND p.key = 'max_depth' WHERE r.kind IN ('train', 'sdk') AND m.max >= 0.6 AND p.number IN (4, 6, 8) ORDER BY m.max DESC, r.run_id DESC LIMIT 100 OFFSET {offset}"""
BY_HAND_CURVE = """SELECT step // 2000 AS b, min(step), min(value), max(value), arg_max(value, step) FROM metric_points
WHERE run_id = '{run}' AND key = 'curve' GROUP BY b ORDER BY b"""


@dataclass(frozen=True)
class Question:
    """`ask(client, n)` is asked again and again with another n; `budget` is for the median wall, in ms; `by_hand` is SQL, a function of n."""

    name: str
    ask: Callable[[Client, int], Any]
    budget: float | None = None
    by_hand: Callable[[int], str] | None = None


@dataclass
class Cost:
    """Medians in ms."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def shown(self) -> dict[str, float]:
        return {
            "wall_ms": round(statistics.median(self.wall), 1),
            "worst_ms": round(max(self.wall), 1),
            "cpu_ms": round(statistics.mean(self.cpu), 1),
        }


def questions(filled: Filled) -> list[Question]:
    """What is asked. Where an answer is kept, the first question and the next ones are apart."""

    def page(client: Client, **fields: Any) -> Any:
        return client.call("run list", {"limit": 100, **fields})

    deep = max(0, filled.runs // 2)

    def scattered(n: int) -> int:
        return 100 * (n * 37 % max(1, filled.runs // 400))

    # a filter of its own for each repetition makes it a first question
    def first(client: Client, n: int) -> Any:
        return page(
            client, filter=f"{FILTER} and duration > {n}", sort="-metrics.roc_auc", offset=0, fields=FIELDS
        )

    return [
        Question("first page of 100, newest first", lambda c, n: page(c, offset=0, fields=FIELDS), 5, lambda n: BY_HAND_PAGE.format(offset=0)),
        Question("the next page", lambda c, n: page(c, offset=100 * (n + 1), fields=FIELDS), 5),
        Question("a jump to any place", lambda c, n: page(c, offset=(deep + n * 1700) % filled.runs, fields=FIELDS), 5, lambda n: BY_HAND_PAGE.format(offset=deep)),
        Question("a jump, every field", lambda c, n: page(c, offset=(deep + n * 1700) % filled.runs), 5),
        Question("filter and sort by a metric, first page", first, 150, lambda n: BY_HAND_FILTER.format(offset=0)),
        Question("the same, the next page", lambda c, n: page(c, filter=FILTER, sort="-metrics.roc_auc", offset=100 * (n + 1), fields=FIELDS), 10, lambda n: BY_HAND_FILTER.format(offset=1000)),
        Question("the same, a jump", lambda c, n: page(c, filter=FILTER, sort="-metrics.roc_auc", offset=scattered(n), fields=FIELDS), 10),
        Question("a word, first page", lambda c, n: page(c, filter=f"team-17 duration > {n}", offset=0, fields=FIELDS), 150),
        Question("page by keyset", lambda c, n: page(c, fields=FIELDS)),
        Question("fields", lambda c, n: c.call("run fields", {"project": "flights"}), 50),
        Question("trends of 100 runs", lambda c, n: c.call("run trends", {"runs": filled.newest, "key": "roc_auc"})),
        Question("curve of 1M points", lambda c, n: c.call("run metrics", {"run_id": filled.curve, "keys": ["curve"]}), 20, lambda n: BY_HAND_CURVE.format(run=filled.curve)),
        Question("a tenth of it, enlarged", lambda c, n: c.call("run metrics", {"run_id": filled.curve, "keys": ["curve"], "start": n * 10_000, "end": n * 10_000 + CURVE // 10}), 20),
        Question("it over time", lambda c, n: c.call("run metrics", {"run_id": filled.curve, "keys": ["curve"], "axis": "time"})),
        Question("curve of a usual run", lambda c, n: c.call("run metrics", {"run_id": filled.newest[0], "keys": ["roc_auc"]})),
    ]  # fmt: skip


class Daemon:
    """What /proc says of it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cpu_ms(self) -> float:
        """User and system time so far, in steps of a clock tick."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rsplit(")", 1)[1].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self, name: str) -> int:
        """VmRSS, or VmHWM: the most so far."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) // 1024
        return 0


def ask_all(home: Home, filled: Filled, repeat: int) -> tuple[dict[str, Cost], dict[str, float]]:
    """Each question's costs through a daemon, and the daemon's own: start, memory."""
    costs: dict[str, Cost] = {}
    with connect(home, idle_exit=60):
        pass
    stop_daemon(home, 20.0)
    begun = time.perf_counter()
    with connect(home, idle_exit=60) as client:
        client.call("run list", {"limit": 100})
        own: dict[str, float] = {"restart_ms": round((time.perf_counter() - begun) * 1000)}
        daemon = Daemon(client.ping().pid)
        own["rss_mb_at_start"] = daemon.memory_mb("VmRSS")
        for question in questions(filled):
            cost = costs[question.name] = Cost()
            question.ask(client, repeat + 1)
            cpu = daemon.cpu_ms()
            for n in range(repeat):
                start = time.perf_counter()
                question.ask(client, n)
                cost.wall.append((time.perf_counter() - start) * 1000)
            cost.cpu.append((daemon.cpu_ms() - cpu) / repeat)
        own["rss_mb_peak"] = daemon.memory_mb("VmHWM")
    stop_daemon(home, 20.0)
    return costs, own


def by_hand(home: Home, filled: Filled, repeat: int) -> dict[str, Cost]:
    """The plain SQL of the questions that have one, in a process of its own. The home is not served then."""
    asked = {q.name: q.by_hand(0) for q in questions(filled) if q.by_hand is not None}
    told = json.dumps({"index": str(home.index), "asked": asked, "repeat": repeat})
    done = subprocess.run([sys.executable, __file__, "--by-hand"], input=told, capture_output=True, text=True, check=True)  # fmt: skip
    return {name: Cost(wall, cpu) for name, (wall, cpu) in json.loads(done.stdout).items()}


def run_by_hand() -> None:
    """The process of `by_hand`: question in, times out."""
    told = json.load(sys.stdin)
    con = duckdb.connect(told["index"], read_only=True, config={"threads": 2, "memory_limit": "1GB"})
    answers = {}
    for name, sql in told["asked"].items():
        con.execute(sql).fetchall()
        wall, cpu = [], []
        for _ in range(told["repeat"]):
            start, used = time.perf_counter(), time.process_time()
            con.execute(sql).fetchall()
            wall.append((time.perf_counter() - start) * 1000)
            cpu.append((time.process_time() - used) * 1000)
        answers[name] = (wall, cpu)
    print(json.dumps(answers))


@dataclass(frozen=True)
class Measured:
    """One home."""

    filled: Filled
    fill_s: float
    index_mb: int
    asked: dict[str, Cost]
    hand: dict[str, Cost]
    own: dict[str, float]


def measure(path: Path, runs: int, points: int, repeat: int) -> Measured:
    home = Home(path).create()
    begun = time.perf_counter()
    filled = fill(home, runs, points) if not home.index.exists() else found(home)
    took = time.perf_counter() - begun
    try:
        asked, own = ask_all(home, filled, repeat)
    finally:
        stop_daemon(home, 20.0)
    hand = by_hand(home, filled, max(3, repeat // 3))
    return Measured(filled, took, home.index.stat().st_size >> 20, asked, hand, own)


def report(big: Measured, small: Measured, command: str) -> tuple[str, list[dict[str, Any]]]:
    """The figures of the page and the lines."""
    lines, rows = [], []
    for question in questions(big.filled):
        cost, before, hand = (
            big.asked[question.name].shown,
            small.asked[question.name].shown,
            big.hand.get(question.name),
        )
        ratio = round(cost["wall_ms"] / hand.shown["wall_ms"], 2) if hand else None
        kept = question.budget is None or cost["wall_ms"] <= question.budget
        lines.append({"question": question.name, **cost, "by_hand_ms": hand.shown["wall_ms"] if hand else None, "ratio": ratio,
                      "small_wall_ms": before["wall_ms"], "small_cpu_ms": before["cpu_ms"], "budget_ms": question.budget, "met": kept})  # fmt: skip
        rows.append(
            f"| {question.name} | {cost['wall_ms']} ({cost['worst_ms']}) | {cost['cpu_ms']} | {hand.shown['wall_ms'] if hand else ''} | "
            f"{ratio or ''} | {before['wall_ms']} / {before['cpu_ms']} | {question.budget or ''} | {'' if question.budget is None else 'yes' if kept else '**no**'} |"
        )
    made = f"; writing its rows took {big.fill_s:.0f} s" if big.fill_s > 1 else ""
    figures = f"""A home of {big.filled.runs:,} runs and {big.filled.points:,} points: `{command}` on {os.cpu_count()} cores
({platform.machine()}, Python {platform.python_version()}, DuckDB {duckdb.__version__}), load {os.getloadavg()[0]:.1f} at the end. Milliseconds: median wall (worst) as the client sees
it over the socket, mean CPU of the daemon; `by hand` is the plainest SQL for the same answer, on the same file without a daemon, and the ratio is of the two walls;
`1k` is wall / CPU in a home of {small.filled.runs:,} runs and {small.filled.points:,} points.

| question | wall | CPU | by hand | ratio | 1k | budget | met |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Daemon: {big.own["restart_ms"]} ms from its start to the first answer (budget 1,000); {big.own["rss_mb_at_start"]} MB resident then, {big.own["rss_mb_peak"]} MB at
most after all questions (budget 300). The index has {big.index_mb:,} MB{made}.
"""
    return figures, lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=21)
    parser.add_argument(
        "--slack", type=float, default=1.0, help="factor on the budgets before the exit code is 1"
    )
    parser.add_argument("--write", type=Path, help="write the figures into this page")
    parser.add_argument(
        "--keep", type=Path, help="make the homes here, leave them, and take those that are there"
    )
    parser.add_argument("--by-hand", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.by_hand:
        run_by_hand()
        return 0
    with tempfile.TemporaryDirectory() as folder:
        place = parsed.keep or Path(folder)
        small = measure(place / "small", *SMALL, parsed.repeat)
        big = measure(place / "big", parsed.runs, parsed.points, parsed.repeat)
    command = f"python benchmarks/big_home.py --runs {parsed.runs} --points {parsed.points} --repeat {parsed.repeat}"
    figures, lines = report(big, small, command)
    for line in lines:
        print(json.dumps(line))
    print(json.dumps({"daemon": big.own, "small": small.own, "index_mb": big.index_mb}))
    if parsed.write:
        write_figures(parsed.write, figures)
    late = [
        line for line in lines if line["budget_ms"] and line["wall_ms"] > line["budget_ms"] * parsed.slack
    ]
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
