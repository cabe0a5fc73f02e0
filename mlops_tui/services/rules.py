"""When to propose training again: facts in, firings out. Pure: no clock, no store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Literal

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from mlops_tui.project.schema import RetrainConfig


Move = Literal["open", "attach", "wait"]
MIN_CHUNK_ROWS = 100
_MISSED_LIMIT = 10_000


@dataclass(frozen=True)
class Firing:
    """One evaluation that was true. `reason` is for people, `inputs` is what it was true of."""

    rule: str
    kind: str
    reason: str
    inputs: dict[str, Any]


@dataclass(frozen=True)
class Chunk:
    """One non-overlapping piece of the data since the last decision, oldest first.

    `cannot_tell` says how many rows it has where they are too few for any alarm: no alarm is no news then, and `on_drift` leaves it out.
    `change` is (low, high) of the champion's score minus that of the first mature chunk, positive = better.
    """

    label: str
    rows: int
    alarm: bool
    major: bool = False
    columns: tuple[str, ...] = ()
    cannot_tell: str = ""
    change: tuple[float, float] | None = None


@dataclass(frozen=True)
class Facts:
    """What is known after a look at new data. `new_rows` are mature labelled rows since the last decision."""

    new_rows: int
    chunks: Sequence[Chunk] = field(default_factory=tuple)
    since: int | None = None


def evaluate(rules: RetrainConfig, facts: Facts) -> list[Firing]:
    """The rules about data that are true now, in a fixed order."""
    found = (_new_data(rules, facts), _drift(rules, facts), _decay(rules, facts))
    return [firing for firing in found if firing is not None]


def _new_data(rules: RetrainConfig, facts: Facts) -> Firing | None:
    rule = rules.on_new_data
    if rule is None or facts.new_rows < rule.min_new_rows:
        return None
    return Firing(
        rule=f"on_new_data min_new_rows={rule.min_new_rows}",
        kind="new_data",
        reason=f"new data: {facts.new_rows:,} mature labelled rows since the last decision (asked for: {rule.min_new_rows:,})",
        inputs={"new_rows": facts.new_rows, "min_new_rows": rule.min_new_rows, "since": facts.since},
    )


def _drift(rules: RetrainConfig, facts: Facts) -> Firing | None:
    if rules.on_drift is None:
        return None
    k, n = k_and_n(rules.on_drift.k_of_n)
    last = [chunk for chunk in facts.chunks if not chunk.cannot_tell][-n:]
    alarmed = [chunk for chunk in last if chunk.alarm]
    if len(alarmed) < k:
        return None
    columns = sorted({name for chunk in alarmed for name in chunk.columns})
    return Firing(
        rule=f"on_drift k_of_n={k}/{n}",
        kind="drift",
        reason=f"drift: {len(alarmed)} of the last {len(last)} chunks alarmed (asked for: {k} of {n})"
        + (f", in {_names(columns)}" if columns else ""),
        inputs={
            "k": k,
            "n": n,
            "chunks": [{"label": c.label, "rows": c.rows, "alarm": c.alarm, "major": c.major} for c in last],
            "columns": columns,
        },
    )


def _decay(rules: RetrainConfig, facts: Facts) -> Firing | None:
    rule = rules.on_decay
    if rule is None:
        return None
    k, n = k_and_n(rule.k_of_n)
    judged = [chunk for chunk in facts.chunks if chunk.change is not None][-n:]
    worse = [chunk for chunk in judged if chunk.change is not None and chunk.change[1] < -rule.margin]
    if len(worse) < k:
        return None
    return Firing(
        rule=f"on_decay k_of_n={k}/{n} margin={rule.margin:g}",
        kind="decay",
        reason=f"decay: the champion is worse than on its first mature chunk in {len(worse)} of the last {len(judged)} chunks"
        + (f" by more than {rule.margin:g}" if rule.margin else ""),
        inputs={
            "k": k,
            "n": n,
            "margin": rule.margin,
            "chunks": [
                {"label": c.label, "low": c.change[0], "high": c.change[1]} for c in judged if c.change
            ],
        },
    )


def scheduled(cron: str, anchor: datetime, now: datetime) -> Firing | None:
    """True where the schedule came round in (anchor, now]; all times missed fold into one. Raises ValueError for a bad line."""
    try:
        times = CronSim(cron, anchor)
    except CronSimError as error:
        raise ValueError(f"{cron!r} is not a schedule: {error}") from error
    missed = sum(1 for _ in takewhile(lambda moment: moment <= now, islice(times, _MISSED_LIMIT + 1)))
    if not missed:
        return None
    # backwards from just after now, since there may be more of them than are worth counting
    last = next(CronSim(cron, now + timedelta(seconds=1), reverse=True))
    counted = f"more than {_MISSED_LIMIT:,}" if missed > _MISSED_LIMIT else str(missed)
    more = f" ({counted} times since the last look, as one)" if missed > 1 else ""
    return Firing(
        rule=f"schedule {cron}",
        kind="schedule",
        reason=f"schedule: {cron} came round at {last:%Y-%m-%d %H:%M}{more}",
        inputs={
            "schedule": cron,
            "due": last.isoformat(),
            "count": min(missed, _MISSED_LIMIT),
            "more": missed > _MISSED_LIMIT,
        },
    )


def on_demand(actor: str, reason: str) -> Firing:
    """Someone asked."""
    return Firing(
        rule="on_demand",
        kind="on_demand",
        reason=f"on demand by {actor}" + (f": {reason}" if reason else ""),
        inputs={"actor": actor, "reason": reason},
    )


def move(state: str | None, *, now: int, cool_until: int, quiet: bool, asked: bool = False) -> Move:
    """What a firing does, given the model's active card.

    OPEN and SNOOZED: it attaches. APPROVED and RUNNING: it waits, and opens a card afterwards. No card: it opens
    one, unless the model cools down or the hour is quiet; a person who asks (`asked`) is not kept waiting by either.
    """
    if state in ("OPEN", "SNOOZED"):
        return "attach"
    if state in ("APPROVED", "RUNNING"):
        return "wait"
    if not asked and (now < cool_until or quiet):
        return "wait"
    return "open"


def is_quiet(hours: str | None, local: time) -> bool:
    """Whether a local time lies in `22:00-06:00` (start in, end out; may cross midnight)."""
    if not hours:
        return False
    start, end = (time.fromisoformat(part) for part in hours.split("-"))
    if start <= end:
        return start <= local < end
    return local >= start or local < end


def k_and_n(text: str) -> tuple[int, int]:
    """`2/3` → (2, 3)."""
    k, _, n = text.partition("/")
    return int(k), int(n)


def _names(columns: list[str]) -> str:
    return ", ".join(columns[:5]) + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")
