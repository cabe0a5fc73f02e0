"""How often chunks of ten columns alarm, without drift and with it: the tables of docs/drift.md, by simulation.

Each figure is the share of `--repeats` chunks that alarm, in per cent, from the product's own `build_profile` and `drift_columns`. The columns are normal, skewed, of five
levels, and normal with 5 % NULLs, in turn; a shift is in the first one, in standard deviations. Every seed is fixed, so the same `--repeats` prints the same tables.

- **Chunks of one day**: every column of every day is off by N(0, day sd); reference of 30 or 90 days
- **Three batches**: a reference of 450 rows in three batches that are each off by N(0, batch sd); a chunk is one batch more
- **Chunks of many days**: day effects are unrelated (rho 0) or go on from day to day (AR(1) with rho 0.7); reference of 30 or 90 days with 100 rows each

    python benchmarks/drift.py --repeats 200 --write docs/benchmarks/drift.md
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_tui.worker.statistics import drift
from mlops_tui.worker.statistics.drift import ColumnDrift, build_profile, chunk_alerts, drift_columns

Floats = NDArray[np.float64]
Hits = Counter[tuple[Any, ...]]
COLUMNS = 10
SIZES = (100, 500, 5000)
SHIFTS = (0.0, 0.25, 0.5, 1.0)
REFERENCES = [(rows, days, sd) for rows, days in ((3_000, 30), (20_000, 90)) for sd in (0.0, 0.1, 0.2)]
BATCH_SDS = (0.0, 0.1, 0.2)
LONG = list(itertools.product((30, 90), ((0.0, 0.0), (0.2, 0.0), (0.2, 0.7), (0.5, 0.0), (0.5, 0.7))))


def only_what_decides(_profile: Any, finding: ColumnDrift, _column: Any) -> ColumnDrift:
    """In place of the statistics that are shown beside and decide nothing: they take half the time."""
    return finding


def columns(rng: np.random.Generator, offsets: Sequence[Floats]) -> pl.DataFrame:
    """Ten columns about `offsets` (standard deviations; one array of rows for each column)."""
    frame = {}
    for number, offset in enumerate(offsets):
        values = rng.normal(size=len(offset)) + offset
        if number % 4 == 1:
            values = np.exp(values)
        elif number % 4 == 2:
            values = np.clip(np.round(values), -2, 2)
        elif number % 4 == 3:
            values = np.where(rng.random(len(offset)) < 0.05, np.nan, values)
        frame[f"c{number}"] = values
    return pl.DataFrame(frame)


def first(shift: float) -> Floats:
    return np.where(np.arange(COLUMNS) == 0, shift, 0.0)


def one_day(seed: int) -> Hits:
    """Alarms by (reference, shift, rows of the chunk)."""
    hits: Hits = Counter()
    for rows, days, sd in REFERENCES:
        rng = np.random.default_rng([seed, rows, int(sd * 100)])
        day = np.arange(rows) % days
        profile = build_profile(
            columns(rng, [rng.normal(size=days)[day] * sd for _ in range(COLUMNS)]), days=day
        )
        for shift, n in itertools.product(SHIFTS, SIZES):
            off = rng.normal(size=COLUMNS) * sd + first(shift)
            hits[(rows, days, sd), shift, n] += chunk_alerts(
                drift_columns(profile, columns(rng, [np.full(n, x) for x in off]))
            )
    return hits


def three_batches(seed: int) -> Hits:
    """Alarms by (batch sd, shift, rows of the chunk)."""
    hits: Hits = Counter()
    batch = np.arange(450) % 3
    for sd in BATCH_SDS:
        rng = np.random.default_rng([seed, 3, int(sd * 100)])
        profile = build_profile(
            columns(rng, [rng.normal(size=3)[batch] * sd for _ in range(COLUMNS)]), batches=batch
        )
        for shift, n in [*((0.0, n) for n in SIZES), (1.0, 200), (0.5, 500)]:
            off = rng.normal(size=COLUMNS) * sd + first(shift)
            hits[sd, shift, n] += chunk_alerts(
                drift_columns(profile, columns(rng, [np.full(n, x) for x in off]))
            )
    return hits


def day_effects(rng: np.random.Generator, days: int, sd: float, rho: float) -> Floats:
    """Shape (COLUMNS, days): standard deviation `sd`, correlation `rho` from one day to the next."""
    effect = rng.normal(size=(COLUMNS, days))
    for t in range(1, days):
        effect[:, t] = rho * effect[:, t - 1] + np.sqrt(1 - rho**2) * effect[:, t]
    scaled: Floats = effect * sd
    return scaled


def many_days(seed: int) -> Hits:
    """Alarms by (reference days, sd, rho, shift, days of the chunk, its rows); and columns above their band, by (…, "columns")."""
    hits: Hits = Counter()
    for days, (sd, rho) in LONG:
        rng = np.random.default_rng([seed, days, int(sd * 100), int(rho * 100)])
        day = np.arange(days * 100) // 100
        profile = build_profile(columns(rng, list(day_effects(rng, days, sd, rho)[:, day])), days=day)
        for shift, length, n in [*((0.0, length, n) for length in (10, 30) for n in SIZES), (0.5, 30, 5000)]:
            off = day_effects(rng, length, sd, rho)
            off[0] += shift
            when = rng.integers(0, length, n)
            found = drift_columns(profile, columns(rng, list(off[:, when])), chunk_days=when)
            hits[days, sd, rho, shift, length, n] += chunk_alerts(found)
            if not shift:
                hits[days, sd, rho, "columns"] += sum(one.psi > one.band for one in found)
    return hits


def simulate(seed: int) -> Hits:
    vars(drift)["_with_samples"] = only_what_decides
    return one_day(seed) + three_batches(seed) + many_days(seed)


# --- tables ---


def per_cent(hits: Hits, keys: Sequence[tuple[Any, ...]], repeats: int) -> str:
    return " / ".join(f"{hits[key] / repeats * 100:.0f}" for key in keys) + " %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def page(hits: Hits, repeats: int) -> Iterator[str]:
    share = partial(per_cent, hits, repeats=repeats)
    yield "# How often a chunk alarms"
    yield f"`python benchmarks/drift.py --repeats {repeats}`: {repeats} chunks for each figure, so the standard error is {50 / math.sqrt(repeats):.1f} points at 50 % and {100 * math.sqrt(0.05 * 0.95 / repeats):.1f} at 5 %."
    yield (__doc__ or "").split("\n\n")[1]
    yield "## Chunks of one day"
    yield "Chunks of 100 / 500 / 5,000 rows; shift 0 is without drift."
    names = [f"{rows:,} rows of {days} days, ±{sd:g}" for rows, days, sd in REFERENCES]
    yield "\n".join(table(["shift", *names], [
        [f"{shift:g}", *(share([(reference, shift, n) for n in SIZES]) for reference in REFERENCES)] for shift in SHIFTS
    ]))  # fmt: skip
    yield "## Three batches"
    yield "\n".join(table(["batches differ by", "no drift, 100 / 500 / 5,000 rows", "shift 1.0, 200 rows", "shift 0.5, 500 rows"], [
        [f"{sd:g}", share([(sd, 0.0, n) for n in SIZES]), share([(sd, 1.0, 200)]), share([(sd, 0.5, 500)])] for sd in BATCH_SDS
    ]))  # fmt: skip
    yield "## Chunks of many days"
    head = ["reference", "days differ by", "rho", "10 days, 100 / 500 / 5,000 rows", "30 days, the same", "columns above their band", "shift 0.5, 30 days, 5,000 rows"]  # fmt: skip
    yield "\n".join(table(head, [
        [f"{days} days", f"{sd:g}", f"{rho:g}", *(share([(days, sd, rho, 0.0, length, n) for n in SIZES]) for length in (10, 30)),
         f"{hits[days, sd, rho, 'columns'] / repeats / 6 / COLUMNS * 100:.1f} %", share([(days, sd, rho, 0.5, 30, 5000)])] for days, (sd, rho) in LONG
    ]))  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--write", type=Path, help="where to put the tables (default: print them)")
    parsed = parser.parse_args()
    started = time.perf_counter()
    hits: Hits = Counter()
    with ProcessPoolExecutor(parsed.jobs, get_context("spawn")) as pool:
        for one in pool.map(simulate, range(parsed.repeats)):
            hits.update(one)
    text = "\n\n".join(page(hits, parsed.repeats)) + "\n"
    if parsed.write:
        parsed.write.write_text(text, encoding="utf-8")
    else:
        print(text)
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
