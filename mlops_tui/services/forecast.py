"""When the runs of the queue will start and end, as far as earlier runs like them tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_store.index.tx import Read
from mlops_tui.services.costs import cost

SMALL_KINDS = frozenset({"ingest", "drift", "inspect", "features", "score", "gc"})
"""Short work with a lane of its own, so that training never starves the loop."""
_FOR_A_PLACE = ("free place", "of the same model")
"""Reasons to wait that end when the runs before have ended."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """UTC ms; None where nothing is known. `position` counts from 1 among the runs that wait."""

    start: int | None = None
    end: int | None = None
    position: int | None = None


def forecast(
    read: Read, active: Iterable[Row], waits: Mapping[str, str], limit: int, now: int
) -> dict[str, Expected]:
    """Of each run that has not ended (rows {run_id, kind, project, model, state, started}), by id. `waits` says why a run waits: what waits for
    anything but a free place starts nobody knows when."""
    rows = sorted(active, key=lambda row: str(row["run_id"]))
    length: dict[tuple[Any, ...], int | None] = {}
    for row in rows:
        like = (row["project"], row["model"], row["kind"])
        if like not in length:
            seconds = cost(read, *like)["seconds"] if row["kind"] != "sdk" else None
            length[like] = None if seconds is None else round(1000 * seconds)
    typical = {row["run_id"]: length[(row["project"], row["model"], row["kind"])] for row in rows}
    small = [row for row in rows if row["kind"] in SMALL_KINDS]
    large = [row for row in rows if row["kind"] not in SMALL_KINDS and row["kind"] != "sdk"]
    lanes = ((small, max(1, limit // 2)), (large, limit))
    found = {
        run_id: expected for lane, places in lanes for run_id, expected in _lane(lane, places, typical, waits, now).items()
    }  # fmt: skip
    queued = [row["run_id"] for row in rows if row["state"] == "QUEUED"]
    for position, run_id in enumerate(queued, 1):
        known = found.get(run_id, Expected())
        found[run_id] = Expected(known.start, known.end, position)
    return found


def _lane(
    rows: Iterable[Row], places: int, typical: Mapping[str, int | None], waits: Mapping[str, str], now: int
) -> dict[str, Expected]:
    """First come, first served at so many places; those that judge one model go one after the other. A place whose run ends nobody knows when is
    as good as taken for ever."""
    found: dict[str, Expected] = {}
    free: list[int | None] = []
    judged: dict[tuple[Any, ...], int | None] = {}
    waiting = []
    for row in rows:
        lasts = typical[row["run_id"]]
        if row["state"] == "QUEUED":
            waiting.append(row)
            continue
        end = None if lasts is None else max(now, (row["started"] or now) + lasts)
        found[row["run_id"]] = Expected(row["started"], end)
        free.append(end)
        judged[_model(row)] = end
    free += [now] * (places - len(free))
    for row in waiting:
        why, lasts = waits.get(row["run_id"], ""), typical[row["run_id"]]
        known = sorted(end for end in free if end is not None)
        before = judged.get(_model(row), now)
        if not known or before is None or (why and not any(words in why for words in _FOR_A_PLACE)):
            found[row["run_id"]] = Expected()
            continue
        start = max(known[0], before)
        end = None if lasts is None else start + lasts
        # the place that has just become free: those behind may pass at the others
        free[free.index(max(place for place in known if place <= start))] = end
        judged[_model(row)] = end
        found[row["run_id"]] = Expected(start, end)
    return found


def _model(row: Row) -> tuple[Any, ...]:
    """What only one run at a time may judge."""
    return (row["project"], row["model"]) if row["kind"] in ("train", "evaluate") else (row["run_id"],)
