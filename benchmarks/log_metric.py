"""What logging costs, and how soon what was logged can be read: beside trackio and beside the system call alone.

- `call`: CPU of one `log_metric`, and of `os.write` of the same bytes, in blocks that take turns
- `rate`, `end to end`: calls a second of one process, and points a second until they can be asked for (trackio: until `finish` returned, its points in
  SQLite; ours: until DuckDB answers with all of them, through the daemon). A run of ours and one of trackio take turns.
- `eight writers`: the same for eight processes at once
- `live`: one writer at `--live-rate` points a second while somebody looks on: CPU of the daemon, and how old the newest point is, when it is
  asked for, of those that the answer has

Trackio runs in a Python of its own (`--trackio`), by the script `trackers_bench.py` of the peers' benchmarks (`--peers`), on the same workload. One JSON line
each; wall times depend on what else the machine does (`load`), CPU and the ratios of one run hardly.

    python benchmarks/log_metric.py --trackio PEERS/bin/python --peers BENCH/peers --write docs/benchmarks/log_metric.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect
from mlops_tui.sdk import start_run

Found = dict[str, Any]
BUDGETS = {
    ("call", "cpu_us"): ("<=", 2.0),
    ("rate, 1 metric a call", "ratio"): (">=", 2.0),
    ("end to end, 10 metrics a call", "ratio"): (">=", 1.3),
    ("eight writers, 10 metrics a call", "points_per_s"): (">=", 300_000.0),
    ("live", "daemon_cpu_percent"): ("<=", 20.0),
    ("live", "age_p99_ms"): ("<=", 250.0),
}
_ALL_SEEN = 600.0
"""Seconds after which points that cannot be read yet are an error."""


# --- what runs in a process of its own ---


def child_log(folder: str, calls: int, width: int, at: float) -> Found:
    """The workload of `trackers_bench.py`: `calls` steps of `width` random values. Begins at `at` (monotonic seconds)."""
    started = time.perf_counter()
    run = start_run("bench", home=folder)
    keys = [f"m{i}" for i in range(width)]
    log = run.log_metrics
    time.sleep(max(0.0, at - time.perf_counter()))
    cpu, begin = time.process_time(), time.perf_counter()
    if width == 1:
        for step in range(calls):
            run.log_metric("m0", random.random(), step)
    else:
        for step in range(calls):
            log({key: random.random() for key in keys}, step)
    logged = time.perf_counter()
    cpu = time.process_time() - cpu
    run.finish()
    ended = time.perf_counter()
    return {"run_id": run.run_id, "init": begin - started, "begin": begin, "log": logged - begin, "finish": ended - logged, "cpu": cpu}  # fmt: skip


def child_call(folder: str, calls: int, repeats: int, _at: float) -> Found:
    """CPU microseconds a call, medians over blocks that take turns."""
    run = start_run("bench", home=folder)
    ours, write, single = [], [], run.log_metric
    line = b'["m","loss",123456,1764000000000,0.6180339887498949]\n'
    fd = os.open(Path(folder) / "limit", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for _ in range(repeats):
        begin = time.process_time()
        for _ in range(calls):
            single("loss", 0.6180339887498949)
        middle = time.process_time()
        for _ in range(calls):
            os.write(fd, line)
        ours.append((middle - begin) / calls * 1e6)
        write.append((time.process_time() - middle) / calls * 1e6)
    run.finish()
    return {"ours": ours, "write": write}


def child_live(folder: str, rate: int, seconds: int, _at: float) -> Found:
    """Logs `rate` points a second, in small groups; each value is the monotonic time of its call."""
    run = start_run("bench", home=folder)
    print(run.run_id, flush=True)
    begin, done = time.perf_counter(), 0
    while (now := time.perf_counter()) < begin + seconds:
        while done < (now - begin) * rate:
            run.log_metric("t", time.perf_counter())
            done += 1
        time.sleep(0.002)
    run.finish()
    return {"points": done, "seconds": time.perf_counter() - begin}


# --- processes ---


def spawn(what: str, home: Home, first: int, second: int, at: float = 0.0) -> subprocess.Popen[str]:
    argv = [sys.executable, __file__, "--child", what, str(home.path), str(first), str(second), repr(at)]
    return subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, env={**os.environ, "MLOPS_TUI_RUN_DIR": ""}
    )


def result(process: subprocess.Popen[str]) -> Found:
    """The last line that a child printed. Raises SystemExit where it failed."""
    text = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"a child ended with {process.returncode}")
    found: Found = json.loads(text.splitlines()[-1])
    return found


def trackio(python: str, scripts: Path, folder: Path, calls: int, width: int) -> Found:
    folder.mkdir()
    argv = [python, str(scripts / "trackers_bench.py"), "trackio", "--child", "--folder", str(folder), "--calls", str(calls), "--width", str(width)]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: Found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"init"')))
    return found


def cpu_of(pid: int) -> float:
    """CPU seconds of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def looked_on(home: Home) -> Iterator[None]:
    """Somebody listens to the events, as the app does: then the daemon reads the journals of live runs often."""
    ended = threading.Event()

    def listen() -> None:
        with connect(home) as client:
            for _ in client.events(follow=True):
                if ended.is_set():
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def points(client: Client, run_ids: list[str]) -> int:
    """How many points of these runs can be read; 0 of one that the daemon has not met yet."""
    found = 0
    for run_id in run_ids:
        try:
            shown = client.call("run show", {"run_id": run_id})
        except Problem as problem:
            if problem.code != "no_such_run":
                raise
            continue
        found += sum(summary.count for summary in shown.metrics.values())
    return found


def until_seen(client: Client, run_ids: list[str], wanted: int) -> float:
    """The monotonic time at which all points of these runs can be read."""
    deadline = time.perf_counter() + _ALL_SEEN
    while (seen := points(client, run_ids)) < wanted:
        if time.perf_counter() > deadline:
            raise SystemExit(f"{seen:,} of {wanted:,} points after {_ALL_SEEN:g} s")
        time.sleep(0.02)
    return time.perf_counter()


# --- phases ---


def call(home: Home, parsed: argparse.Namespace) -> Iterator[tuple[str, Found]]:
    """The block that was disturbed least, and the median: other processes cost CPU time by way of caches and shared cores."""
    found = result(spawn("call", home, parsed.calls, 5 * parsed.repeats))
    ours, write = statistics.median(found["ours"]), statistics.median(found["write"])
    yield (
        "call",
        {
            "cpu_us": round(min(found["ours"]), 2),
            "median_us": round(ours, 2),
            "write_us": round(min(found["write"]), 2),
            "write_median_us": round(write, 2),
            "ratio": round(ours / write, 2),
        },
    )


def beside_trackio(home: Home, parsed: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Found]]:
    """One writer: alternately a run of ours, seen to the end, and one of trackio."""
    for width, calls in ((1, parsed.points // 3), (10, parsed.points // 10)):
        ours: list[Found] = []
        theirs: list[Found] = []
        with connect(home) as client:
            for turn in range(parsed.repeats):
                one = result(spawn("log", home, calls, width))
                one["seen"] = until_seen(client, [one["run_id"]], calls * width) - one["begin"]
                ours.append(one)
                if parsed.trackio:
                    theirs.append(
                        trackio(parsed.trackio, parsed.peers, folder / f"{width}-{turn}", calls, width)
                    )
        rates = {
            "rate": [calls / one["log"] for one in ours],
            "end to end": [calls * width / one["seen"] for one in ours],
        }
        peers = {"rate": [calls / one["log"] for one in theirs], "end to end": [calls * width / (one["log"] + one["finish"]) for one in theirs]}  # fmt: skip
        for name, unit in (("rate", "calls_per_s"), ("end to end", "points_per_s")):
            found = {
                unit: round(statistics.median(rates[name])),
                "writer_cpu_us": round(ours[0]["cpu"] / calls * 1e6, 2),
            }
            if theirs:
                found |= {
                    "trackio": round(statistics.median(peers[name])),
                    "trackio_cpu_us": round(theirs[0]["cpu"] / calls * 1e6, 2),
                }
                found["ratio"] = round(
                    statistics.median(a / b for a, b in zip(rates[name], peers[name], strict=True)), 2
                )
            yield f"{name}, {width} metric{'s' * (width > 1)} a call", found


def eight_writers(home: Home, parsed: argparse.Namespace, pid: int) -> Iterator[tuple[str, Found]]:
    for width in (1, 10):
        calls = parsed.points // 2 // width
        cpu = cpu_of(pid)
        children = [spawn("log", home, calls, width, time.perf_counter() + 4.0) for _ in range(8)]
        ended = [result(child) for child in children]
        with connect(home) as client:
            seen = until_seen(client, [one["run_id"] for one in ended], 8 * calls * width)
        total = 8 * calls * width
        took = seen - min(one["begin"] for one in ended)
        yield f"eight writers, {width} metric{'s' * (width > 1)} a call", {
            "points": total, "points_per_s": round(total / took), "daemon_cpu_us": round((cpu_of(pid) - cpu) / total * 1e6, 2),
            "writer_cpu_us": round(sum(one["cpu"] for one in ended) / total * 1e6, 2),
        }  # fmt: skip


def live(home: Home, parsed: argparse.Namespace, pid: int) -> Iterator[tuple[str, Found]]:
    """First the daemon's CPU with nobody asking, then the ages with somebody who asks all the time."""
    child = spawn("live", home, parsed.live_rate, 2 * parsed.seconds + 2)
    assert child.stdout is not None
    run_id = child.stdout.readline().strip()
    with connect(home) as client:
        while not points(client, [run_id]):
            time.sleep(0.05)
        time.sleep(1.0)
        cpu, begin = cpu_of(pid), time.perf_counter()
        time.sleep(parsed.seconds)
        share = (cpu_of(pid) - cpu) / (time.perf_counter() - begin)
        ages: list[float] = []
        while child.poll() is None and len(ages) < parsed.seconds * 50:
            asked = time.perf_counter()
            shown = client.call("run show", {"run_id": run_id})
            ages.append((asked - float(shown.metrics["t"].last)) * 1000)
            time.sleep(0.05)
    ended = result(child)
    ages.sort()
    yield "live", {
        "points_per_s": round(ended["points"] / ended["seconds"]), "daemon_cpu_percent": round(share * 100, 1),
        "age_p50_ms": round(statistics.median(ages)), "age_p99_ms": round(ages[int(len(ages) * 0.99)]),
    }  # fmt: skip


def phases(parsed: argparse.Namespace) -> Iterator[tuple[str, Found]]:
    with tempfile.TemporaryDirectory(prefix="mlops-tui-bench-") as name:
        folder = Path(name)
        home = Home(folder / "home").create()
        yield from call(Home(folder / "quiet").create(), parsed)
        try:
            with connect(home) as client, looked_on(home):
                pid = client.ping().pid
                yield from beside_trackio(home, parsed, folder)
                yield from eight_writers(home, parsed, pid)
                yield from live(home, parsed, pid)
        finally:
            stop_daemon(home, 30.0)


# --- the page ---


def verdict(phase: str, found: Found) -> str:
    words = []
    for (of, key), (sign, limit) in BUDGETS.items():
        if of == phase and key in found:
            met = found[key] <= limit if sign == "<=" else found[key] >= limit
            words.append(f"{key} {'≤' if sign == '<=' else '≥'} {limit:,g}: {'met' if met else '**missed**'}")
    return "; ".join(words)


def page(rows: dict[str, Found], parsed: argparse.Namespace) -> str:
    command = f"python benchmarks/log_metric.py --points {parsed.points} --repeats {parsed.repeats} --trackio PEERS/bin/python --peers BENCH/peers"
    about = (__doc__ or "").split("\n\n")[1]
    lines = ["# What logging costs", "", f"`{command}` on {os.cpu_count()} cores ({platform.machine()}, Python {platform.python_version()}).", "",
             "| phase | figures | load | budget |", "|---|---|--:|---|"]  # fmt: skip
    for phase, found in rows.items():
        figures = ", ".join(f"{key} {value:,}" for key, value in found.items() if key != "load")
        lines.append(f"| {phase} | {figures} | {found['load']} | {verdict(phase, found)} |")
    return "\n".join([*lines, "", about, ""])


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        kind = {"log": child_log, "call": child_call, "live": child_live}[sys.argv[2]]
        print(json.dumps(kind(sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))))
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=50_000, help="calls in a block of `call`")
    parser.add_argument("--points", type=int, default=300_000, help="points of one run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10, help="of each half of `live`")
    parser.add_argument("--live-rate", type=int, default=40_000)
    parser.add_argument("--trackio", help="a Python that has trackio")
    parser.add_argument("--peers", type=Path, default=Path("."), help="the folder of trackers_bench.py")
    parser.add_argument("--write", type=Path, help="where to put the table")
    parsed = parser.parse_args()
    rows = {}
    for phase, found in phases(parsed):
        rows[phase] = {**found, "load": round(os.getloadavg()[0], 1)}
        print(json.dumps({"phase": phase, **rows[phase]}), flush=True)
    if parsed.write:
        parsed.write.write_text(page(rows, parsed))
    return 1 if any("**missed**" in verdict(phase, found) for phase, found in rows.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
