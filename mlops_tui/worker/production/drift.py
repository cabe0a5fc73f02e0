"""What new data look like beside the champion's training data, and how the champion does on them.

request: `{source, champion_version, trained_version, since_version, sources}`. The rows since the champion's training are cut
into non-overlapping chunks (a batch each; small ones together), scored by the champion's own code in a child, and compared
with its reference profile. All chunks are worked out anew each time: a correction or a late source changes what they say.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from mlops_store.errors import Problem
from mlops_store.home import scratch
from mlops_store.records import BatchFile, DriftOutcome, Manifest, Outcome
from mlops_tui.worker.production.drift_rows import (
    REFERENCE,
    TAIL,
    Chunk,
    Picked,
    chunks_of,
    current,
    pick,
    seen_by,
)
from mlops_tui.worker.production.scoring import checkout
from mlops_tui.worker.production.version_child import ScoreReport, score_version
from mlops_tui.worker.sources import TIME, watermark
from mlops_tui.worker.statistics import bootstrap, drift, estimates, metrics
from mlops_tui.worker.training.unseen import known, repeated, unseen
from mlops_tui.worker.training.version_files import Signature, VersionProfile, read_profile, read_version

if TYPE_CHECKING:
    from mlops_tui.worker.context import WorkerContext

MIN_JUDGED = 100
TOLD = 10
"""The newest chunks of a look that keep a line for every column; older ones had theirs in earlier looks."""
_RESAMPLES = 1000


def run(ctx: WorkerContext) -> None:
    """Writes a DriftOutcome. Raises Problem where there is no champion, or its own code cannot read the rows.

    While nothing was promoted, the newest version (`request.version`) is looked at as a champion is.
    """
    look = _Look(ctx)
    outcome = look.run()
    ctx.journal.metrics({"new_rows": outcome.new_rows, "mature_labelled_rows": outcome.mature_labelled_rows,
                         "alarm": float(outcome.alarm), "columns_alerted": float(sum(bool(c["alert"]) for c in outcome.columns))})  # fmt: skip
    ctx.write_outcome(Outcome(kind="drift", drift=outcome))


@dataclass
class _Scored:
    """The picked rows with what the champion says of them; all of one length and order."""

    frame: pl.DataFrame
    chunk: np.ndarray[Any, np.dtype[np.int64]]
    prediction: np.ndarray[Any, np.dtype[np.float64]]
    label: np.ndarray[Any, np.dtype[np.float64]]
    mature: np.ndarray[Any, np.dtype[np.bool_]]
    unseen: np.ndarray[Any, np.dtype[np.bool_]]
    new_key: np.ndarray[Any, np.dtype[np.bool_]]
    cluster: pl.Series
    batch: np.ndarray[Any, np.dtype[np.int64]]
    day: pl.Series | None
    label_problem: str = ""

    @property
    def labelled(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mature rows with a label."""
        known: np.ndarray[Any, np.dtype[np.bool_]] = self.mature & ~np.isnan(self.label)
        return known

    @property
    def judged(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Those that the champion was not trained on: a file that was delivered again says nothing about it."""
        return self.labelled & self.unseen

    def makeup(self, rows: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
        """What the picked rows average over, for the noise band: their days by event time, and their files."""
        days = None if self.day is None else self.day.filter(pl.Series(rows))
        return {"chunk_batches": self.batch[rows], "chunk_days": days}


class _Look:
    """One look at the newest data of a spine."""

    def __init__(self, ctx: WorkerContext) -> None:
        champion = ctx.launch.target_version or ctx.launch.champion
        if champion is None:
            raise Problem("no_champion", f"model {ctx.spec.model} has no champion", "promote a version first")
        self.ctx = ctx
        self.champion = champion
        self.source = ctx.spine
        self.manifest = ctx.manifest(self.source.name)
        self.trained = self._version(int(ctx.request.get("trained_version") or 0))
        self.since = self._version(int(ctx.request.get("since_version") or 0))
        self.folder = checkout(ctx.home, champion.tree)
        self.version = read_version(self.folder)
        self.profile: VersionProfile = read_profile(self.folder)
        self.labels = msgspec.json.decode(
            (self.folder / "signature.json").read_bytes(), type=Signature
        ).labels
        self.seen = seen_by(self.version)
        self.metric = metrics.get(self.version.metric, self.version.task)

    def _version(self, version: int) -> Manifest | None:
        return (
            self.ctx.snapshots.manifest(self.ctx.spec.project, self.source.name, version) if version else None
        )

    def run(self) -> DriftOutcome:
        known = {file.sha256 for file in self.trained.files} if self.trained else set()
        fresh = [file for file in self.ctx.batches(self.source.name) if file.sha256 not in known]
        counted = current(self.ctx, fresh)
        chunks = chunks_of(
            counted, {file.sha256 for file in self.since.files} if self.since else set(), self.seen
        )
        outcome = DriftOutcome(
            source=self.source.name, version=self.manifest.version, model=self.version.model, champion_version=self.champion.version,
            batches=[file.sha256 for file in fresh], new_rows=sum(file.rows for file in counted), mature_labelled_rows=0,
            sources={name: pin.version for name, pin in self.ctx.launch.sources.items()},
            since_version=int(self.ctx.request.get("since_version") or 0),
            superseded=sorted({file.sha256 for file in fresh} - {file.sha256 for file in counted}),
        )  # fmt: skip
        if not chunks:
            return outcome
        picked = pick(self.ctx, chunks, self._tail(), self._training_batches())
        scored = self._score(picked)
        self._fill(outcome, chunks, scored)
        outcome.mature_labelled_rows = int((scored.labelled & self._news(picked, chunks)).sum())
        return outcome

    # --- rows ---

    def _training_batches(self) -> list[BatchFile]:
        """The files the champion was trained on, as far as they are still in this version."""
        wanted = set(self.version.training.batches)
        return [file for file in self.manifest.files if file.sha256 in wanted]

    def _tail(self) -> tuple[list[BatchFile], int] | None:
        """Files of the last decision whose newest rows were not mature then, and from when (ms) on they were not."""
        if self.since is None or not self.source.event_time or self.since.max_event_time is None:
            return None
        start = self.since.max_event_time - self.source.label_delay
        kept = {file.sha256 for file in self.since.files}
        files = [f for f in self.manifest.files if f.sha256 in kept and (f.max_event_time or 0) > start]
        return (files, start) if files else None

    def _news(self, picked: Picked, chunks: list[Chunk]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows that the last decision could not go by: not delivered then, corrected since, or not mature then."""
        new = np.isin(picked.chunk, [chunk.number for chunk in chunks if chunk.new])
        if self.since is not None:
            new &= ~repeated(self.ctx, picked.frame, self.since.files)
        found: np.ndarray[Any, np.dtype[np.bool_]] = new | (picked.chunk == TAIL)
        return found

    def _score(self, picked: Picked) -> _Scored:
        """Lets the champion's own code assemble and predict the rows."""
        ctx = self.ctx
        folder = scratch(ctx.home, "drift")
        try:
            spine, out, features = (
                folder / name for name in ("spine.parquet", "scores.parquet", "features.parquet")
            )
            picked.frame.write_parquet(spine)
            report = score_version(
                ctx.home, self.champion, spine, ctx.launch.sources, out, features_out=features
            )
            frame = pl.read_parquet(features, glob=False)
            prediction = _predictions(pl.read_parquet(out, glob=False), report)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        label, problem = self._labels(frame)
        day = frame[TIME].dt.date() if self.source.event_time else None
        return _Scored(
            frame, picked.chunk, prediction, label, self._mature(frame),
            unseen(ctx, picked.frame, self.version.training), ~known(ctx, picked.frame, self.version.training.source, self.seen.batches, self.seen.until),
            self._clusters(frame), picked.batch, day, problem,
        )  # fmt: skip

    def _labels(self, frame: pl.DataFrame) -> tuple[np.ndarray[Any, np.dtype[np.float64]], str]:
        nothing = np.full(frame.height, np.nan)
        if self.version.target not in frame.columns:
            return nothing, f"the rows have no target {self.version.target!r}"
        try:
            return self.labels.encode(frame[self.version.target])[0], ""
        except Problem as problem:
            return nothing, problem.message

    def _mature(self, frame: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows whose label is known by the source's watermark; without event time all are."""
        if not self.source.event_time:
            return np.ones(frame.height, dtype=np.bool_)
        until = watermark(self.manifest.max_event_time, self.ctx.launch.launched)
        known = frame[TIME].dt.timestamp("ms") + self.source.label_delay <= until
        return known.fill_null(False).to_numpy()

    def _clusters(self, frame: pl.DataFrame) -> pl.Series:
        name = self.ctx.model.gate.cluster
        if name == "day" or (not name and self.source.event_time):
            return frame[TIME].dt.date().cast(pl.String)
        columns = [c for c in ([name] if name else list(self.source.key)) if c in frame.columns]
        if not columns:
            return pl.Series("cluster", np.arange(frame.height))
        return frame.select(
            pl.concat_str([pl.col(c).cast(pl.String).fill_null("") for c in columns], separator="\x1f")
        ).to_series()

    # --- findings ---

    def _fill(self, outcome: DriftOutcome, chunks: list[Chunk], scored: _Scored) -> None:
        new = [chunk for chunk in chunks if chunk.new]
        shown = new or chunks[-1:]
        rows = np.isin(scored.chunk, [chunk.number for chunk in shown])
        outcome.chunks = [self._chunk(chunk, scored, told=chunk in chunks[-TOLD:]) for chunk in chunks]
        outcome.decay_reason = self._changes(outcome.chunks, chunks, scored)
        columns = self._columns(scored, rows)
        outcome.columns = [_plain(column) for column in columns]
        outcome.alarm = drift.chunk_alerts(columns)
        outcome.cannot_tell = drift.cannot_tell(columns)
        outcome.major = any(column.severity == "major" for column in columns)
        outcome.chunk_start = min((c.start for c in shown if c.start is not None), default=None)
        outcome.chunk_end = max((c.end for c in shown if c.end is not None), default=None)
        outcome.performance = self._performance(scored, rows)
        outcome.decay = next(
            (c["change"] | {"label": c["label"]} for c in reversed(outcome.chunks) if c["change"]), None
        )
        outcome.estimate = self._estimate(scored.prediction[rows])
        outcome.prediction = self._prediction_drift(scored, rows)
        outcome.label = self._label_shift(scored, rows & scored.judged)
        reference = scored.frame.filter(pl.Series(scored.chunk == REFERENCE))
        outcome.domain_classifier = self._domain(reference, scored.frame.filter(pl.Series(rows)))

    def _columns(self, scored: _Scored, rows: np.ndarray[Any, np.dtype[np.bool_]]) -> list[drift.ColumnDrift]:
        """Only the model's own columns: a column that it does not read cannot hurt it."""
        names = [column.name for column in self.profile.features.columns]
        frame = scored.frame.filter(pl.Series(rows)).select(n for n in names if n in scored.frame.columns)
        return drift.drift_columns(self.profile.features, frame, columns=names, **scored.makeup(rows))

    def _chunk(self, chunk: Chunk, scored: _Scored, *, told: bool) -> dict[str, Any]:
        rows = scored.chunk == chunk.number
        columns = self._columns(scored, rows)
        return {
            "label": chunk.label, "batches": chunk.batches, "rows": chunk.rows, "start": chunk.start, "end": chunk.end,
            "version": self.manifest.version if chunk.new else int(self.ctx.request.get("since_version") or 0),
            "alarm": drift.chunk_alerts(columns), "major": any(c.severity == "major" for c in columns),
            "columns": [c.name for c in columns if c.alert], "cannot_tell": drift.cannot_tell(columns), "mature": int((rows & scored.judged).sum()),
            "performance": self._performance(scored, rows), "change": None,
            "statistics": [[c.name, _number(c.psi), _number(c.band), c.alert, _number(c.current_null_share)] for c in columns] if told else [],
        }  # fmt: skip

    def _changes(self, entries: list[dict[str, Any]], chunks: list[Chunk], scored: _Scored) -> str:
        """How the champion does on each chunk beside the first mature one after its promotion; "" or why it is not known.

        Rows that trained or judged it count on neither side: it was chosen because it did well on them.
        """
        against = "the first mature chunk after promotion" + (
            f" ({self.seen.note})" if self.seen.note else ""
        )
        first: np.ndarray[Any, np.dtype[np.bool_]] | None = None
        for entry, chunk in zip(entries, chunks, strict=True):
            rows = (scored.chunk == chunk.number) & scored.judged & self._unseen(chunk, scored)
            if rows.sum() < MIN_JUDGED or entry["performance"]["value"] is None:
                continue
            if first is None:
                first = rows
                continue
            found = estimates.decay(
                self.metric, self._side(scored, first), self._side(scored, rows), n_resamples=_RESAMPLES
            )
            if np.isfinite([found.low, found.high]).all():
                entry["change"] = {"metric": self.metric.name, "value": found.estimate, "low": found.low, "high": found.high,
                                   "level": found.level, "clusters": found.clusters, "rows": found.rows,
                                   "against": against}  # fmt: skip
        if any(entry["change"] for entry in entries):
            return ""
        if first is None:
            return f"no chunk since the promotion has {MIN_JUDGED} mature labels"
        return "only the first mature chunk after promotion is there yet, or its score has no interval"

    def _unseen(self, chunk: Chunk, scored: _Scored) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows that neither trained nor judged the champion: by their key, whatever file they are in, and by their time."""
        if self.seen.until is None or not self.source.event_time:
            return scored.new_key
        if self.seen.holds(chunk):
            return np.zeros(scored.frame.height, dtype=np.bool_)
        later = scored.frame[TIME].dt.timestamp("ms") > self.seen.until
        found: np.ndarray[Any, np.dtype[np.bool_]] = scored.new_key & later.fill_null(False).to_numpy()
        return found

    @staticmethod
    def _side(scored: _Scored, rows: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[Any, Any, pl.Series]:
        return scored.label[rows], scored.prediction[rows], scored.cluster.filter(pl.Series(rows))

    def _performance(self, scored: _Scored, rows: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
        """The champion's score on mature labelled rows, with the interval over clusters."""
        rows = rows & scored.judged
        common: dict[str, Any] = {"metric": self.metric.name, "direction": self.metric.direction, "value": None, "low": None,
                                  "high": None, "rows": int(rows.sum()), "clusters": 0, "reason": scored.label_problem}  # fmt: skip
        if not rows.any():
            return common | {"reason": scored.label_problem or "no mature labels yet"}
        found = bootstrap.interval(self.metric, *self._side(scored, rows), n_resamples=_RESAMPLES)
        return common | {"value": _number(found.estimate), "low": _number(found.low), "high": _number(found.high), "level": found.level,
                         "clusters": found.clusters}  # fmt: skip

    def _estimate(self, prediction: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any] | None:
        if self.version.task != "classification":
            return None
        return _plain(estimates.cbpe(prediction))

    def _prediction_drift(
        self, scored: _Scored, rows: np.ndarray[Any, np.dtype[np.bool_]]
    ) -> dict[str, Any] | None:
        if self.profile.prediction is None:
            return None
        values = scored.prediction[rows]
        values = values.argmax(axis=1) if values.ndim == 2 else values
        return _plain(drift.prediction_drift(self.profile.prediction, values, **scored.makeup(rows)))

    def _label_shift(
        self, scored: _Scored, rows: np.ndarray[Any, np.dtype[np.bool_]]
    ) -> dict[str, Any] | None:
        if not rows.any():
            return None
        values: Any = scored.label[rows]
        if self.version.task != "regression":
            rows = rows & (scored.label < len(self.labels.classes))
            values = self.labels.decode(scored.label[rows].astype(np.int64)).cast(pl.String)
        return _plain(drift.label_shift(self.profile.label, values, **scored.makeup(rows)))

    def _domain(self, reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, Any]:
        names = [column.name for column in self.profile.features.columns]
        return _plain(
            estimates.domain_classifier(
                reference, current, columns=[n for n in names if n in current.columns]
            )
        )


def _predictions(out: pl.DataFrame, report: ScoreReport) -> np.ndarray[Any, np.dtype[np.float64]]:
    """P(second class) (n,), class probabilities (n, K), or values (n,)."""
    if report.task == "regression":
        return out["prediction"].to_numpy().astype(np.float64)
    columns = out.select(report.probabilities).to_numpy().astype(np.float64)
    return columns[:, 0] if report.task == "classification" else columns


def _plain(value: Any) -> dict[str, Any]:
    """A struct as JSON data; what is not computed is null, for JSON has no NaN."""
    found = msgspec.to_builtins(value)
    return {key: _number(item) if isinstance(item, float) else item for key, item in found.items()}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
