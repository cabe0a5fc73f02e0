"""The deliveries of a source in order of event time (without one, of arrival), each with what is known of the champion on it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from mlops_store.index import data as data_queries
from mlops_store.index import monitoring as queries
from mlops_store.index.tx import Read
from mlops_tui.services.loop_facts import current_versions, loads
from mlops_tui.services.monitor_looks import Found, value_of
from mlops_tui.verbs.monitor import BatchPoint, FeatureSeries, MonitoredBatch

Row = dict[str, Any]
Chunks = dict[str, tuple[Found, int]]
"""sha256 of a file → the newest look at it, and the number of its chunk there."""


def batches_of(
    read: Read, model: Row, spine: str, found: list[Found], own: dict[int, Row | None]
) -> list[MonitoredBatch]:
    """The files of the newest version of the spine, those that were looked at as one together. `own` are the versions' metrics."""
    project = model["project"]
    newest = current_versions(read, project).get(spine)
    if newest is None:
        return []
    files = data_queries.files(read, project, spine, newest)
    firsts = queries.first_versions(read, project, spine)
    trained, judged = _known(read, model, spine)
    superseded = {sha for one in found for sha in one.outcome.superseded}
    chunks = {sha: place for sha, place in _chunks(found).items() if sha not in superseded}
    if all(file["min_event_time"] is None for file in files):
        files.sort(key=lambda file: (firsts.get(file["sha256"], 0), file["path"]))

    def together(file: Row) -> Any:
        sha = file["sha256"]
        if sha in superseded:
            return "superseded", sha
        if sha in chunks:
            return (chunks[sha][0].run_id, chunks[sha][1])
        return "judged" if sha in judged else sha

    made: list[MonitoredBatch] = []
    for _, group in groupby(files, key=together):
        some = list(group)
        batch = _batch(some, firsts, trained, judged)
        if some[0]["sha256"] in superseded:
            batch.state, batch.rows = "superseded", 0
        place = chunks.get(some[0]["sha256"])
        if place is not None:
            _add_look(batch, *place, own)
        elif batch.state == "judged":
            _add_gate(batch, model)
        made.append(batch)
    return made


def with_batches(
    lines: list[FeatureSeries], batches: list[MonitoredBatch], found: list[Found]
) -> list[FeatureSeries]:
    """The series with their points over batches: what the looks that the batches are from have kept of each column."""
    kept = {
        (one.run_id, str(chunk.get("label") or "")): chunk.get("statistics") or []
        for one in found
        for chunk in one.outcome.chunks
    }
    features = {line.name: line for line in lines if line.role == "feature"}
    for number, batch in enumerate(batches):
        for name, psi, band, alert, nulls in kept.get((batch.run_id or "", batch.label), []):
            if name in features:
                point = BatchPoint(batch=number, psi=psi, band=band, alert=bool(alert), null_share=nulls)
                features[name].batches.append(point)
    return lines


def _known(read: Read, model: Row, spine: str) -> tuple[set[str], set[str]]:
    """sha256s of the files that the champion has learned from, and of those that its gate judged by."""
    manifest = loads(model["manifest"], {})
    training, evaluation = manifest.get("training") or {}, manifest.get("evaluation") or {}
    learned = training.get("batches", manifest.get("batches"))
    if learned is None:  # a model of someone's own command: what it was pinned to
        pinned = loads(model["pins"], {}).get(spine)
        files = data_queries.files(read, model["project"], spine, pinned) if pinned else []
        learned = [file["sha256"] for file in files]
    return set(learned), set(evaluation.get("batches") or [])


def _chunks(found: list[Found]) -> Chunks:
    """`found` is oldest first: a newer look replaces an older one."""
    return {
        sha: (one, number)
        for one in found
        for number, chunk in enumerate(one.outcome.chunks)
        for sha in chunk.get("batches") or []
    }


def _batch(files: list[Row], firsts: dict[str, int], trained: set[str], judged: set[str]) -> MonitoredBatch:
    shas = {file["sha256"] for file in files}
    starts = [file["min_event_time"] for file in files if file["min_event_time"] is not None]
    ends = [file["max_event_time"] for file in files if file["max_event_time"] is not None]
    return MonitoredBatch(
        label=" … ".join(files[at]["path"] for at in ((0,) if len(files) == 1 else (0, -1))),
        files=[file["path"] for file in files],
        version=max(firsts.get(sha, 0) for sha in shas),
        rows=sum(file["rows"] or 0 for file in files),
        start=min(starts, default=None),
        end=max(ends, default=None),
        state="judged" if shas & judged else "trained" if shas <= trained else "waiting",
    )


def _add_look(batch: MonitoredBatch, found: Found, number: int, own: dict[int, Row | None]) -> None:
    outcome = found.outcome
    chunk = outcome.chunks[number]
    if batch.state == "waiting":
        batch.state = "looked"
    batch.run_id, batch.champion = found.run_id, outcome.champion_version
    batch.label = str(chunk.get("label") or batch.label)
    batch.rows = int(chunk.get("rows") or batch.rows)
    batch.cannot_tell = str(chunk.get("cannot_tell") or "")
    batch.alarm, batch.major = bool(chunk.get("alarm")), bool(chunk.get("major"))
    batch.features = list(chunk.get("columns") or [])
    batch.share = len(batch.features) / len(outcome.columns) if outcome.columns else None
    batch.mature = int(chunk.get("mature") or 0)
    batch.performance, batch.change = chunk.get("performance"), chunk.get("change")
    batch.baseline = own.get(outcome.champion_version)


def _add_gate(batch: MonitoredBatch, model: Row) -> None:
    """What the champion's own gate found on the rows that judged it: mature ones, so there may be fewer."""
    value = value_of(loads(model["metrics"], {}), model["metric"])
    batch.run_id, batch.champion, batch.baseline = model["run_id"], model["version"], value
    batch.mature = int(loads(model["gate"], {}).get("evaluation_rows") or 0)
    batch.performance = (
        {"metric": model["metric"], "direction": model["direction"], **value} if value else None
    )
