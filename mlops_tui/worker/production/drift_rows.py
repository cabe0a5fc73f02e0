"""Which rows a look at new data reads: chunks since the champion's training, and rows to compare them with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from mlops_store.records import BatchFile
from mlops_tui.worker.sources import BATCH, newest, scan, utc
from mlops_tui.worker.statistics.drift import MIN_ROWS

if TYPE_CHECKING:
    from mlops_tui.worker.context import WorkerContext
    from mlops_tui.worker.training.version_files import EvaluationRows, Training, VersionFile

REFERENCE, TAIL = -1, -2
REFERENCE_ROWS = 3_000
"""Rows of the champion's training that the domain classifier sees."""
MAX_CHUNKS = 24
"""The newest chunks, and the one that decay is measured from: with a file a day, more would only take time."""


@dataclass
class Chunk:
    """One non-overlapping piece of the new rows. `new`: it holds rows that came after the last decision."""

    number: int
    files: list[BatchFile] = field(default_factory=list)
    new: bool = False

    @property
    def batches(self) -> list[str]:
        return [file.sha256 for file in self.files]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def start(self) -> int | None:
        return min((f.min_event_time for f in self.files if f.min_event_time is not None), default=None)

    @property
    def end(self) -> int | None:
        return max((f.max_event_time for f in self.files if f.max_event_time is not None), default=None)

    @property
    def label(self) -> str:
        first, last = self.files[0].path, self.files[-1].path
        return first if len(self.files) == 1 else f"{first} … {last}"


@dataclass(frozen=True)
class Seen:
    """What trained or judged the champion: files, and (with event time) all rows up to `until` (ms), however often they
    are delivered again. `note` says what is not recorded."""

    batches: frozenset[str] = frozenset()
    until: int | None = None
    note: str = ""

    def holds(self, chunk: Chunk) -> bool:
        """Whether no row of the chunk is sure to be new to the champion."""
        if not self.batches.isdisjoint(chunk.batches):
            return True
        return self.until is not None and chunk.end is not None and chunk.end <= self.until


def seen_by(version: VersionFile) -> Seen:
    """What a version was trained on and judged by."""
    sides: list[Training | EvaluationRows] = [
        version.training,
        *([version.evaluation] if version.evaluation else []),
    ]
    ends = [side.max_event_time for side in sides if side.max_event_time is not None]
    return Seen(
        batches=frozenset(batch for side in sides for batch in side.batches),
        until=max(ends, default=None),
        note="" if version.evaluation else "which rows judged it is not recorded",
    )


@dataclass
class Picked:
    """Raw rows to score. `chunk[i]` is the number of row i's chunk, REFERENCE or TAIL, `batch[i]` that of its file."""

    frame: pl.DataFrame
    chunk: np.ndarray[Any, np.dtype[np.int64]]
    batch: np.ndarray[Any, np.dtype[np.int64]]


def chunks_of(files: Sequence[BatchFile], decided: set[str], seen: Seen | None = None) -> list[Chunk]:
    """A chunk for each batch in order of event time; batches too small to say anything go together with the next ones.

    Batches from before and after the last decision (`decided` are those before) never share a chunk. Of many chunks
    the newest are kept, and the first one that the champion has not `seen`: what it was like after its promotion.
    """
    ordered = sorted(
        files,
        key=lambda f: (f.min_event_time if f.min_event_time is not None else f.admitted, f.admitted, f.path),
    )
    chunks: list[Chunk] = []
    for file in ordered:
        new = file.sha256 not in decided
        open_ = chunks[-1] if chunks else None
        if open_ is None or open_.rows >= MIN_ROWS or open_.new != new:
            chunks.append(Chunk(number=len(chunks), files=[file], new=new))
        else:
            open_.files.append(file)
    if len(chunks) > 1 and chunks[-1].rows < MIN_ROWS and chunks[-1].new == chunks[-2].new:
        chunks[-2].files += chunks.pop().files
    if len(chunks) > MAX_CHUNKS:
        first = next((c for c in chunks if seen is None or not seen.holds(c)), chunks[0])
        latest = chunks[-(MAX_CHUNKS - 1) :]
        chunks = latest if first in latest else [first, *latest]
    return chunks


def current(ctx: WorkerContext, files: Sequence[BatchFile]) -> list[BatchFile]:
    """The files, each with as many `rows` as count: those that none of the later files has replaced. A file that has none left is no more
    there: its rows are looked at where they came last."""
    if not ctx.spine.key:
        return list(files)
    ordered = sorted(files, key=_arrival)
    keys = [pl.col(name).cast(pl.String) for name in ctx.spine.key]  # a later file may have widened them
    rows = scan([ctx.home.resolve(file.stored) for file in ordered]).select(*keys, BATCH)
    counts = dict(newest(rows.collect(), ctx.spine.key)[BATCH].value_counts().iter_rows()) if ordered else {}
    return [
        msgspec.structs.replace(file, rows=counts[number])
        for number, file in enumerate(ordered)
        if number in counts
    ]


def pick(
    ctx: WorkerContext,
    chunks: Sequence[Chunk],
    tail: tuple[list[BatchFile], int] | None,
    training: Sequence[BatchFile],
) -> Picked:
    """Reads the rows of the chunks, the tail (rows that were not mature at the last decision) and a sample of the training."""
    parts: list[pl.DataFrame] = []
    roles: list[np.ndarray[Any, np.dtype[np.int64]]] = []
    placed = sorted(
        ((file, chunk.number) for chunk in chunks for file in chunk.files), key=lambda one: _arrival(one[0])
    )
    numbers = np.array([number for _, number in placed], dtype=np.int64)
    frame = _read(ctx, [file for file, _ in placed])
    parts.append(frame.drop(BATCH))
    batch = frame[BATCH].to_numpy()
    roles.append(numbers[batch])
    if tail is not None:
        found = _read(ctx, tail[0])
        event = ctx.spine.event_time
        when = found.select(utc(event, found.schema[event], "the spine")).to_series().dt.timestamp("ms")
        found = found.filter(when > tail[1])
        _add(parts, roles, found, TAIL)
    if training:
        found = _read(ctx, training)
        _add(parts, roles, found.sample(min(found.height, REFERENCE_ROWS), seed=0), REFERENCE)
    rest = np.full(sum(map(len, roles)) - len(batch), REFERENCE, dtype=np.int64)
    return Picked(
        pl.concat(parts, how="diagonal_relaxed"), np.concatenate(roles), np.concatenate([batch, rest])
    )


def _arrival(file: BatchFile) -> int:
    return file.admitted


def _read(ctx: WorkerContext, files: Sequence[BatchFile]) -> pl.DataFrame:
    """The rows of some batches, in order of arrival, the last version of each key among them."""
    frame = scan([ctx.home.resolve(file.stored) for file in files]).collect()
    return newest(frame, ctx.spine.key)


def _add(
    parts: list[pl.DataFrame],
    roles: list[np.ndarray[Any, np.dtype[np.int64]]],
    frame: pl.DataFrame,
    role: int,
) -> None:
    parts.append(frame.drop(BATCH))
    roles.append(np.full(frame.height, role, dtype=np.int64))
