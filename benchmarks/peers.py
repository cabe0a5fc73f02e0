"""Ours beside MLflow, Feast and Evidently: the same workload, one after the other, on the same machine in the same run.

The scripts that drive the peers are not part of this project: each prints one JSON line a measurement, with the peer's own API, from an environment that has the peer. Only the
peers that are named are driven.

    python benchmarks/peers.py --peers BENCH/peers --mlflow ENV/bin/python --feast ENV/bin/python --evidently ENV/bin/python --write docs/benchmarks/peers.md
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import log_metric
import polars as pl
import startup
from children import measured

from mlops_store.features import pit
from mlops_store.home import Home
from mlops_store.index.database import Database
from mlops_store.index.packs import pack_all
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect
from mlops_tui.sdk import start_run

Line = dict[str, Any]
DRIFT = "mlops_tui.worker.statistics.drift"
FILTER = "metrics.m0 > 0.5 and params.p1 = 3"
METRICS, PARAMS, POINTS = 10, 20, 100_000
"""What a run of the searched home has, as in the peer's; and the length of the long history."""


@dataclass(frozen=True)
class Row:
    """One comparison. `better`: which way is better, 'less' or 'more'."""

    question: str
    peer: str
    theirs: float
    ours: float
    unit: str
    better: str
    note: str = ""

    @property
    def times(self) -> float:
        """How many times better ours is."""
        return self.theirs / self.ours if self.better == "less" else self.ours / self.theirs


# --- the peers ---


def lines(argv: list[str], workload: str = "") -> list[Line]:
    """What a peer's script printed. Raises SystemExit where it failed, or where no line is of this workload."""
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: {done.stderr[-2000:]}")
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not any(line["workload"].startswith(workload) for line in found):
        raise SystemExit(f"{' '.join(argv)} printed no {workload!r}")
    return found


def one(found: list[Line], workload: str, key: str = "value") -> float:
    """A figure of the first line of a workload. Raises SystemExit where it has none."""
    line = next((line for line in found if line["workload"].startswith(workload)), None)
    if line is None or line.get(key) is None:
        raise SystemExit(f"no {key} of {workload!r}: {line}")
    return float(line[key])


# --- tracking ---


def fill(home: Home, runs: int) -> str:
    """Runs like those that the peer's script puts into its database; returns the id of one with a history of POINTS points."""
    database = Database.open(home.index)
    with closing(database), closing(database.cursor()) as con:
        con.execute(
            "CREATE TEMP TABLE r AS SELECT i, printf('%012x%020x', 1760000000000 + i * 60000, hash(i) % 1000000007) AS run_id FROM range(?) t(i)",
            [runs],
        )
        con.execute(
            """INSERT INTO runs BY NAME SELECT run_id, 'train' AS kind, printf('run-%d', i) AS name, 'bench' AS project, '' AS experiment, 'uid:1000' AS actor,
            'FINISHED' AS state, 1760000000000 + i * 60000 AS created, 1760000000000 + i * 60000 AS started, 1760000001000 + i * 60000 AS ended,
            0 AS exit_code, 1000 AS duration_ms, 1 AS attempts, 'runs/x' AS path, i AS submitted, i AS settled, 'FINISHED' AS settled_state FROM r"""
        )
        for place in range(PARAMS):
            con.execute(
                "INSERT INTO params SELECT run_id, ?, to_json(v), CAST(v AS VARCHAR), v, 1, 'w', 1 FROM (SELECT *, hash(i * 100 + ?) % 10 AS v FROM r)",
                [f"p{place}", place],
            )
        for place in range(METRICS):
            con.execute(
                """INSERT INTO last_values SELECT run_id, ?, 0, 0, 0, v, 1, 0, 1, 'w', 1, v, 0, v, 0
                FROM (SELECT *, (hash(i * 100 + 50 + ?) % 100000) / 100000.0 AS v FROM r)""",
                [f"m{place}", place],
            )
        run_id = str(con.execute("SELECT max(run_id) FROM r").fetchall()[0][0])
        con.execute(
            f"INSERT INTO metric_points SELECT ?, 'history', i, i, (hash(i) % 1000) / 1000.0, 1, 'w', i FROM range({POINTS}) t(i)",
            [run_id],
        )
        con.execute(
            """INSERT INTO last_values SELECT run_id, key, count(*), 0, 0, arg_max(value, line), max(step), max(ts), 1, 'w', max(line),
            min(value), arg_min(step, value), max(value), arg_max(step, value) FROM metric_points GROUP BY run_id, key"""
        )
        con.execute(
            "INSERT INTO curve_chunks SELECT * FROM chunks_of_points([?], ['history']) ORDER BY chunk",
            [run_id],
        )
        con.execute("BEGIN")
        pack_all(con)
        con.execute("COMMIT")
        return run_id


def median_ms(ask: Callable[[], Any], repeats: int = 7) -> float:
    """Wall milliseconds of a question that was asked once before."""
    ask()
    took = []
    for _ in range(repeats):
        begin = time.perf_counter()
        ask()
        took.append((time.perf_counter() - begin) * 1000)
    return statistics.median(took)


def pss_mb(pid: int) -> float:
    """Proportional memory of a process, megabytes."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]) / 1024


def rate_of_runs(home: Home, seconds: float) -> float:
    """Runs begun and finished a second, one after the other."""
    begin, done = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        with start_run("bench", home=str(home.path)) as run:
            run.log_metric("loss", 1.0)
        done += 1
    return done / (time.perf_counter() - begin)


def logging(home: Home, seconds: float) -> tuple[float, float]:
    """(calls a second, points a second until they can be read) of one process that logs single values."""
    calls = int(seconds * 100_000)
    with connect(home) as client, log_metric.looked_on(home):
        found = log_metric.result(log_metric.spawn("log", home, calls, 1))
        seen = log_metric.until_seen(client, [found["run_id"]], calls) - found["begin"]
    return calls / found["log"], calls / seen


def tracking(python: str, scripts: Path, folder: Path, runs: int, seconds: float) -> Iterator[Row]:
    def theirs(what: str, *options: str) -> list[Line]:
        return lines([python, str(scripts / "mlflow_bench.py"), what, "--dir", str(folder / "mlflow"), "--seconds", str(seconds), "--repeats", "1", *options])  # fmt: skip

    home = Home(folder / "home").create()
    run_id = fill(home, runs)
    startup.compiled()
    log, search = theirs("log"), theirs("search", "--sizes", str(runs))
    history, cli = theirs("history", "--points", str(POINTS)), theirs("cli")
    began, start = time.perf_counter(), 0.0
    try:
        with connect(home) as client:
            pid = client.ping().pid
            start = time.perf_counter() - began
            calls, seen = logging(home, seconds)
            new_runs = rate_of_runs(home, seconds)
            yield from _logged(log, calls, seen, new_runs)
            yield from _asked(client, run_id, runs, search, history)
            yield _less(
                "a server's memory while nothing happens, MB (PSS)",
                "MLflow server",
                one(cli, "mlflow server idle memory"),
                pss_mb(pid),
                "MB",
            )
    finally:
        stop_daemon(home, 30.0)
    yield _less(
        "start of the server to its first answer",
        "MLflow server",
        one(cli, "mlflow server start"),
        start,
        "s",
        f"over {runs:,} runs; MLflow's over 10",
    )
    yield from _command(home, cli)


def _less(question: str, peer: str, theirs: float, ours: float, unit: str, note: str = "") -> Row:
    return Row(question, peer, theirs, ours, unit, "less", note)


def _logged(log: list[Line], calls: float, seen: float, new_runs: float) -> Iterator[Row]:
    for label, peer in (("sqlite direct", "MLflow on SQLite"), ("HTTP server", "MLflow by HTTP")):
        single = one(log, f"log_metric single, {label}")
        yield Row(
            "one value logged a call",
            peer,
            single,
            calls,
            "calls/s",
            "more",
            "MLflow's call returns when it is committed, ours when it is written to the journal",
        )
        yield Row("the same, until it can be asked for", peer, single, seen, "points/s", "more")
        yield Row(
            "a thousand values logged a call",
            peer,
            one(log, f"log_batch of 1000, {label}"),
            seen,
            "points/s",
            "more",
            "ours: single values, until they can be asked for",
        )
        yield Row(
            "a run begun",
            peer,
            one(log, f"create_run, {label}"),
            new_runs,
            "runs/s",
            "more",
            "ours: begun, one value logged, finished",
        )


def _asked(client: Client, run_id: str, runs: int, search: list[Line], history: list[Line]) -> Iterator[Row]:
    fields = {"filter": FILTER, "sort": "-metrics.m1", "limit": 100, "all_kinds": True}
    found = client.call("run list", fields)
    if not found.items:
        raise SystemExit(f"no run of {runs:,} is found by {FILTER!r}")
    page = median_ms(lambda: client.call("run list", fields))
    newest = median_ms(lambda: client.call("run list", {"limit": 100, "all_kinds": True}))
    of_all = f"of {runs:,} runs the best 100 that pass a filter"
    yield _less(
        of_all,
        "MLflow on SQLite",
        one(search, "search_runs filter+order top 100, sqlite direct"),
        page,
        "ms",
        "ours through the daemon, decoded",
    )
    yield _less(of_all, "MLflow by HTTP", one(search, "search_runs filter+order top 100, HTTP"), page, "ms")
    yield _less("the newest 100 runs", "MLflow on SQLite", _newest(search), newest, "ms")
    curve = median_ms(lambda: client.call("run metrics", {"run_id": run_id, "keys": ["history"]}))
    query = f"SELECT step, ts, value FROM metric_points WHERE run_id = '{run_id}' AND key = 'history' ORDER BY step"
    points = client.call("sql", {"query": query, "limit": POINTS})
    if len(points.rows) != POINTS:
        raise SystemExit(f"{len(points.rows):,} of {POINTS:,} points")
    whole = median_ms(lambda: client.call("sql", {"query": query, "limit": POINTS}), 3)
    for label, peer in (("sqlite direct", "MLflow on SQLite"), ("HTTP", "MLflow by HTTP")):
        all_points = one(history, f"get_metric_history, {label}")
        yield _less(
            f"a history of {POINTS:,} points, to draw it",
            peer,
            all_points,
            curve,
            "ms",
            "ours: least, greatest and last of 500 stretches; MLflow gives all points or a sample",
        )
        yield _less("the same, every point", peer, all_points, whole, "ms", "ours by `sql`")


def _newest(search: list[Line]) -> float:
    return next(float(line["value"]) for line in search if "no filter, latest 100" in line["workload"])


def _command(home: Home, cli: list[Line]) -> Iterator[Row]:
    """The command that lists runs, with a daemon that is there."""
    env = {**os.environ, "MLOPS_TUI_HOME": str(home.path)}
    argv = [str(Path(sys.executable).parent / "mlops-tui"), "run", "list", "--json"]
    try:
        startup.process(argv, env=env)
        took = [startup.process(argv, env=env) for _ in range(5)]
    finally:
        stop_daemon(home, 30.0)
    yield _less(
        "the command that lists runs",
        "MLflow",
        one(cli, "mlflow runs list"),
        statistics.median(wall for _, wall in took),
        "s",
    )


# --- features and drift ---


def joined(spine: str, rows: str) -> Line:
    """A point-in-time join of one view of ten features, from the files as they are, no older than 30 days: what Feast's script asks of it."""
    frame = pl.read_parquet(spine)
    view = pit.ViewRows(
        "fv", rows, ["entity_id"], "event_timestamp", None, [f"f{i}" for i in range(10)], timedelta(days=30)
    )
    found = pit.join(frame, ["entity_id"], "event_timestamp", [view])["fv__f0"]
    return {"matched": found.count(), "sum": float(found.sum())}


def drifted(reference: str, current: str) -> Line:
    """Every column of a table held against a reference."""
    found = import_module(DRIFT).drift_columns(pl.read_parquet(reference), pl.read_parquet(current))
    return {
        "drifted": sum(column.p_adjusted < 0.05 for column in found),
        "alarms": sum(column.alert for column in found),
    }


def typical(
    function: Callable[..., Line], *arguments: str, imports: Sequence[str] = (), repeats: int = 3
) -> Line:
    """What it found, with median wall and CPU seconds and the peak memory of a process of its own, whole."""
    turns = [measured(function, *arguments, imports=imports) for _ in range(repeats)]
    return {
        **turns[0].value,
        "wall": statistics.median(turn.wall_s for turn in turns),
        "cpu": statistics.median(turn.cpu_s for turn in turns),
        "mb": max(turn.peak_mb for turn in turns),
    }


def features(python: str, scripts: Path, folder: Path, spine: int, rows: int) -> Iterator[Row]:
    data = folder / "feast"
    for offline in ("dask", "duckdb"):
        argv = [python, str(scripts / "feast_bench.py"), "historical", "--data", str(data), "--dir", str(folder / "feast-work"), "--offline", offline,
                "--entities", str(spine), "--features", str(rows), "--repeats", "3"]  # fmt: skip
        found = lines(argv, "get_historical_features")
        ours = typical(
            joined, str(data / f"entities_{spine}.parquet"), str(data / f"features_{rows}.parquet")
        )
        for key, mine in (("matched", "matched"), ("f0_sum", "sum")):
            if abs(one(found, "get_historical", key) - ours[mine]) > 1e-9 * abs(ours[mine]):
                raise SystemExit(f"Feast's {key} is {one(found, 'get_historical', key)}, ours {ours[mine]}")
        peer, what = f"Feast, {offline}", f"{spine:,} rows joined to {rows:,} × 10 features as of their time"
        note = "both give the same number of matches and the same sum"
        yield _less(what, peer, one(found, "get_historical"), ours["wall"], "s", note)
        yield _less("its CPU", peer, one(found, "get_historical", "cpu_s"), ours["cpu"], "s")
        yield _less("its peak memory", peer, one(found, "get_historical", "peak_rss_mib"), ours["mb"], "MB")


def drift(python: str, scripts: Path, folder: Path, rows: int, columns: int) -> Iterator[Row]:
    data = folder / "evidently"
    argv = [python, str(scripts / "evidently_bench.py"), "--data", str(data), "--dir", str(folder / "evidently-work"), "--rows", str(rows), "--cols", str(columns)]  # fmt: skip
    found = lines(argv, "DataDriftPreset")
    ours = typical(
        drifted,
        str(data / f"drift_ref_{rows}x{columns}.parquet"),
        str(data / f"drift_cur_{rows // 5}x{columns}.parquet"),
        imports=[DRIFT],
    )
    what = f"drift of {columns} columns, {rows // 5:,} rows against {rows:,}"
    moved = sum(i % 5 == 0 for i in range(columns - columns // 5)) + sum(
        i % 5 == 0 for i in range(columns // 5)
    )
    note = (
        f"{moved} columns were moved: Evidently names {one(found, 'Data', 'drifted'):.0f}; ours finds {ours['drifted']} that differ, "
        f"of which {ours['alarms']} are large enough to alarm"
    )
    yield _less(what, "Evidently", one(found, "Data"), ours["wall"], "s", note)
    yield _less("its CPU", "Evidently", one(found, "Data", "cpu_s"), ours["cpu"], "s")
    yield _less("its peak memory", "Evidently", one(found, "Data", "peak_rss_mib"), ours["mb"], "MB")


# --- the page ---


def page(rows: list[Row], command: str, versions: str) -> str:
    about = (__doc__ or "").split("\n\n")
    table = [
        f"| {row.question} | {row.peer} | {_figure(row.theirs)} {row.unit} | {_figure(row.ours)} {row.unit} | {row.times:,.1f} × | {row.note} |"
        for row in rows
    ]
    head = ["# Beside the peers", "", about[0], "", about[1], "", f"`{command}` on {os.cpu_count()} cores ({platform.machine()}, Python {platform.python_version()}), "
            f"load {os.getloadavg()[0]:.1f} at the end. {versions}", "", "| | peer | theirs | ours | better | |", "|---|---|--:|--:|--:|---|"]  # fmt: skip
    return "\n".join([*head, *table, ""])


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def version(python: str, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--peers", type=Path, required=True, help="the folder of the scripts that drive the peers"
    )
    for name in ("mlflow", "feast", "evidently"):
        parser.add_argument(f"--{name}", help=f"a Python that has {name}")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each rate")
    parser.add_argument("--spine", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the feature view")
    parser.add_argument("--drift", default="100000x20", help="rows x columns of the reference")
    parser.add_argument("--write", type=Path, help="where to put the table")
    parsed = parser.parse_args()
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="mlops-tui-bench-") as name:
        folder = Path(name)
        rows, columns = (int(part) for part in parsed.drift.split("x"))
        parts: list[tuple[str | None, Callable[..., Iterator[Row]], tuple[Any, ...]]] = [
            (parsed.mlflow, tracking, (parsed.runs, parsed.seconds)),
            (parsed.feast, features, (parsed.spine, parsed.rows)),
            (parsed.evidently, drift, (rows, columns)),
        ]
        for python, part, sizes in parts:
            for row in part(python, parsed.peers, folder, *sizes) if python else ():
                print(
                    f"{row.question} | {row.peer}: {_figure(row.theirs)}, ours {_figure(row.ours)} {row.unit}, {row.times:.1f} x better {row.note}",
                    flush=True,
                )
                found.append(row)
    if parsed.write:
        named = [name for name in ("mlflow", "feast", "evidently") if getattr(parsed, name)]
        command = f"python benchmarks/peers.py --peers BENCH/peers {' '.join(f'--{name} ENV/bin/python' for name in named)} --runs {parsed.runs} --spine {parsed.spine} --rows {parsed.rows} --drift {parsed.drift}"
        versions = ", ".join(f"{name} {version(getattr(parsed, name), name)}" for name in named)
        parsed.write.write_text(page(found, command, versions), encoding="utf-8")


if __name__ == "__main__":
    main()
