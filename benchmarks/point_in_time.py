"""Point-in-time join against the by-hand DuckDB ASOF on the same data, in the same run.

One JSON line per measure: CPU and wall seconds, peak memory growth in MB, and the ratio of CPU to the by-hand
query. The by-hand query joins on knowledge-correct visible times over rows already sorted, one feature view.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlops_store.features import pit

START = datetime(2024, 1, 1)
DAY = 86_400_000_000


def make_rows(rows: int, entities: int, features: int, seed: int) -> pl.DataFrame:
    """Feature rows over 340 days, 5 % known late, 1 % corrected later with the same event time."""
    rng = np.random.default_rng(seed)
    event = rng.integers(0, 340 * DAY, rows)
    known = event + np.where(rng.random(rows) < 0.05, rng.integers(0, 3 * DAY, rows), 0)
    frame = pl.DataFrame({"entity": rng.integers(0, entities, rows), "event": event, "known": known})
    fixes = frame.sample(fraction=0.01, seed=seed).with_columns(pl.col("known") + DAY)
    frame = pl.concat([frame, fixes]).with_columns(
        (pl.lit(START) + pl.duration(microseconds=pl.col(c))).alias(c) for c in ("event", "known")
    )
    return frame.with_columns(pl.Series(f"f{i}", rng.normal(size=frame.height)) for i in range(features))


def make_spine(rows: int, entities: int) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame(
        {"entity": rng.integers(0, int(entities * 1.05), rows), "t": rng.integers(0, 340 * DAY, rows)}
    )
    return frame.with_columns((pl.lit(START) + pl.duration(microseconds=pl.col("t"))).alias("t"))


def by_hand(spine: Path, rows: Path, features: int) -> float:
    import duckdb

    columns = ", ".join(f"f.f{i}" for i in range(features))
    connection = duckdb.connect()
    connection.execute("SET threads=2")
    frame = connection.sql(
        f"SELECT s.*, {columns} FROM '{spine}' s ASOF LEFT JOIN '{rows}' f "
        "ON s.entity = f.entity AND s.t >= f.__visible"
    ).fetchnumpy()
    return float(np.ma.sum(frame["f0"]))


def ours(spine: Path, rows: Path, features: int) -> float:
    view = pit.ViewRows("v", rows, ["entity"], "event", "known", [f"f{i}" for i in range(features)])
    frame = pit.join(pl.read_parquet(spine), ["entity"], "t", [view])
    return float(frame["v__f0"].sum())


def aged(spine: Path, rows: Path, features: int) -> float:
    names = [f"f{i}" for i in range(features)]
    view = pit.ViewRows("v", rows, ["entity"], "event", "known", names, timedelta(days=30))
    return float(pit.join(pl.read_parquet(spine), ["entity"], "t", [view])["v__f0"].sum())


def normalise(raw: Path, _: Path, __: int) -> float:
    return float(pit.normalise(pl.scan_parquet(raw), ["entity"], "event", "known").frame.height)


def peak_mb() -> float:
    """Peak resident memory of this process. Not from getrusage, which keeps the parent's peak over exec on Linux."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return int(next(x for x in status.read_text().splitlines() if x.startswith("VmHWM")).split()[1]) / 1024


def _child(function: Callable[..., float], arguments: tuple[Any, ...], pipe: Any) -> None:
    function_name = function.__name__
    start = peak_mb()
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    value = function(*arguments)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    pipe.send(
        {
            "measure": function_name,
            "cpu_s": cpu,
            "wall_s": wall,
            "mb": peak_mb() - start,
            "value": value,
        }
    )


def measured(function: Callable[..., float], *arguments: Any) -> dict[str, Any]:
    """Run in a process of its own, so that peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(function, arguments, sender))
    process.start()
    sender.close()
    result: dict[str, Any] = receiver.recv()
    process.join()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spine", type=int, default=300_000)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--entities", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spine, raw, rows = (Path(folder) / f"{name}.parquet" for name in ("spine", "raw", "rows"))
        make_spine(options.spine, options.entities).write_parquet(spine)
        frame = make_rows(options.rows, options.entities, options.features, 0)
        frame.write_parquet(raw)
        pit.normalise(frame, ["entity"], "event", "known").frame.write_parquet(rows, row_group_size=250_000)
        del frame
        base: dict[str, Any] = {}
        for function in (by_hand, ours, aged):
            result = measured(function, spine, rows, options.features)
            base = base or result
            if function is ours and abs(result["value"] - base["value"]) > 1e-6 * max(
                1.0, abs(base["value"])
            ):
                raise SystemExit(f"the answers differ: {base['value']} by hand, {result['value']} ours")
            print(json.dumps({**result, "cpu_ratio": result["cpu_s"] / base["cpu_s"]}), flush=True)
        print(json.dumps(measured(normalise, raw, raw, 0)))


if __name__ == "__main__":
    main()
