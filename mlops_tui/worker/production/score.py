"""Batch scoring: a file in, the same rows with predictions out, in order.

The output has all input columns, `prediction` and its probabilities, and says on each row where it comes from:
`model`, `model_version`, `feature_service` (id of the exact ordered feature list) and `snapshots`
(`source@version:first 12 of its id`, comma-separated). Request: {input, output, force}.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from mlops_store.atomic import canonical, sha256_bytes, sha256_file
from mlops_store.errors import Problem
from mlops_store.home import scratch
from mlops_store.records import Outcome, ScoreOutcome, VersionPin
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.delivery import Refused, Unsettled, take
from mlops_tui.worker.files import read_table
from mlops_tui.worker.production.version_child import ScoreReport, score_version
from mlops_tui.worker.sources import BATCH
from mlops_tui.worker.table_schema import Table
from mlops_tui.worker.training.leakage import version_of

ROW = "__row"
PROVENANCE = ("model", "model_version", "feature_service", "snapshots")
FORMATS = (".csv", ".parquet", ".pq")


def run(worker: WorkerContext) -> None:
    """Writes the output file and a ScoreOutcome. Raises Problem; then no output file is left behind."""
    pin = target_version(worker)
    source, output = path_of(worker, "input"), path_of(worker, "output")
    force = bool(worker.request.get("force"))
    check_output(output, source, force)
    folder = scratch(worker.home, "predict")
    try:
        table, digest = read_input(worker, source, folder, pin)
        report, scored = score(worker, pin, table.frame, folder)
        versions = {name: worker.launch.sources[name].version for name in report.snapshots}
        frame = with_predictions(table.frame, scored, pin, report, versions)
        write_output(frame, output, force)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    outcome = ScoreOutcome(
        model=pin.model,
        version=pin.version,
        input=str(source),
        input_sha256=digest,
        output=str(output),
        output_sha256=sha256_file(output),
        rows=report.rows,
        feature_service=report.feature_service,
        snapshots=report.snapshots,
        statuses=report.statuses,
    )
    worker.journal.metrics({"rows": report.rows, "seconds": report.seconds})
    for view, counts in report.statuses.items():
        worker.log(f"view {view}: {', '.join(f'{status} {count}' for status, count in counts.items())}")
    worker.write_outcome(Outcome(kind="score", score=outcome))
    worker.log(f"{report.rows} rows scored by {pin.model}@{pin.version} into {output}")


def target_version(worker: WorkerContext) -> VersionPin:
    """The version that the run is about. Raises Problem where there is none."""
    if worker.launch.target_version is not None:
        return worker.launch.target_version
    asked = worker.request.get("version")
    if isinstance(asked, dict):
        return msgspec.convert(asked, VersionPin)
    if worker.launch.champion is not None and asked is None:
        return worker.launch.champion
    raise Problem("no_version", f"model {worker.spec.model!r} has no such version to predict with",
                  "train and promote one, or name a version: MODEL@2", status=2)  # fmt: skip


def path_of(worker: WorkerContext, name: str) -> Path:
    """A path of the request; relative ones start at the submitting client's folder. Raises Problem."""
    given = worker.request.get(name)
    if not isinstance(given, str) or not given or "\0" in given:
        raise Problem(f"no_{name}", f"the request names no {name} file", f"--{name} FILE", status=2)
    return Path(worker.spec.cwd or worker.spec.project_dir or ".") / Path(given).expanduser()


def check_output(output: Path, source: Path, force: bool) -> None:
    """Raises Problem where the output cannot be written, before any work is done."""
    if output.suffix.lower() not in FORMATS:
        raise Problem(
            "bad_output",
            f"{output.name!r} is neither CSV nor Parquet",
            f"end it with one of {', '.join(FORMATS)}",
            status=2,
        )
    if not output.parent.is_dir():
        raise Problem("bad_output", f"there is no folder {output.parent}", "create it first", status=2)
    if os.path.realpath(output) == os.path.realpath(source):
        raise Problem("bad_output", "input and output are the same file", "write to another file", status=2)
    if output.exists() and not force:
        raise Problem(
            "output_exists",
            f"{output} is there already",
            "name another file, or replace it with --force",
            status=2,
        )


def read_input(worker: WorkerContext, source: Path, folder: Path, pin: VersionPin) -> tuple[Table, str]:
    """The rows of the input, typed as the spine's schema says where the names are the same. Raises Problem."""
    try:
        delivery = take(source, folder)
        table = read_table(delivery)
        spine = version_of(worker.objects, pin.tree).training.source
        there = set(table.frame.columns)
        known = [column for column in worker.manifest(spine).schema if column.name in there]
        return read_table(delivery, known), delivery.sha256
    except (Refused, Unsettled) as error:
        raise Problem("bad_input", f"{source}: {error}", "correct the file", status=2) from error


def score(
    worker: WorkerContext, pin: VersionPin, frame: pl.DataFrame, folder: Path
) -> tuple[ScoreReport, pl.DataFrame]:
    """Predictions in the order of the rows."""
    reserved = [name for name in frame.columns if name.startswith("__")]
    spine, out = folder / "spine.parquet", folder / "scores.parquet"
    frame.drop(reserved).with_row_index(ROW).cast({ROW: pl.Int64}).write_parquet(spine)
    report = score_version(worker.home, pin, spine, worker.launch.sources, out)
    scored = pl.read_parquet(out, glob=False).sort(ROW)
    if scored.height != frame.height:
        raise Problem(
            "score_failed",
            f"{frame.height} rows went in, {scored.height} predictions came out",
            "the version's prepare() must keep every row",
        )
    return report, scored.drop(ROW)


def with_predictions(
    frame: pl.DataFrame, scored: pl.DataFrame, pin: VersionPin, report: ScoreReport, versions: dict[str, int]
) -> pl.DataFrame:
    """Input columns, predictions, provenance. Raises Problem where the input has columns of these names."""
    frame = frame.drop(BATCH, strict=False)
    taken = sorted({*scored.columns, *PROVENANCE} & set(frame.columns))
    if taken:
        raise Problem(
            "column_taken",
            f"the input has columns that the output adds: {', '.join(map(repr, taken))}",
            "rename them in the input",
            status=2,
        )
    values: dict[str, Any] = {
        "model": pin.model,
        "model_version": pin.version,
        "feature_service": service_id(report.feature_service),
        "snapshots": ",".join(
            f"{name}@{versions[name]}:{sha[:12]}" for name, sha in sorted(report.snapshots.items())
        ),
    }
    return frame.with_columns(
        *scored.get_columns(), *(pl.lit(value).alias(name) for name, value in values.items())
    )


def service_id(features: list[str]) -> str:
    """16 hex characters that name an exact ordered feature list; the run's outcome has the list itself."""
    return sha256_bytes(canonical(features))[:16]


def write_output(frame: pl.DataFrame, output: Path, force: bool) -> None:
    """Whole or not at all; never over a file that came meanwhile, unless asked to."""
    partial = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        if output.suffix.lower() == ".csv":
            frame.with_columns(pl.col(pl.Datetime).dt.to_string("iso:strict")).write_csv(partial)
        else:
            frame.write_parquet(partial)
        if force:
            os.replace(partial, output)
        else:
            os.link(partial, output)
    except FileExistsError:
        raise Problem(
            "output_exists",
            f"{output} is there already",
            "name another file, or replace it with --force",
            status=2,
        ) from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Problem(
            "output_not_written",
            f"{output} cannot be written: {error}",
            "is there space, and are you allowed to?",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
