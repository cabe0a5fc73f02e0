"""The rules alone: facts in, firings out."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.project.schema import DecayRule, DriftRule, NewDataRule, RetrainConfig
from mlops_tui.services.rules import Chunk, Facts, evaluate, is_quiet, move, scheduled

ALL = RetrainConfig(
    on_new_data=NewDataRule(min_new_rows=100),
    on_drift=DriftRule(k_of_n="2/3"),
    on_decay=DecayRule(k_of_n="1/2", margin=0.01),
)


def chunk(alarm: bool = False, high: float | None = None) -> Chunk:
    return Chunk(label="c", rows=200, alarm=alarm, change=None if high is None else (high - 0.05, high))


@given(
    rows=st.integers(0, 300),
    alarms=st.lists(st.booleans(), max_size=8),
    highs=st.lists(st.none() | st.floats(-0.1, 0.1), max_size=8),
)
def test_each_rule_fires_exactly_when_it_says(
    rows: int, alarms: list[bool], highs: list[float | None]
) -> None:
    kinds = {firing.kind for firing in evaluate(ALL, Facts(new_rows=rows, chunks=[chunk(a) for a in alarms]))}
    assert ("new_data" in kinds) == (rows >= 100)
    assert ("drift" in kinds) == (sum(alarms[-3:]) >= 2)
    assert "decay" not in kinds
    decayed = {
        firing.kind for firing in evaluate(ALL, Facts(new_rows=0, chunks=[chunk(high=h) for h in highs]))
    }
    judged = [h for h in highs if h is not None][-2:]
    assert ("decay" in decayed) == any(h < -0.01 for h in judged)


def test_a_chunk_that_cannot_tell_is_no_chunk_without_alarm() -> None:
    few = Chunk(label="few", rows=48, alarm=False, cannot_tell="48 of 100 rows")
    facts = Facts(new_rows=0, chunks=[chunk(True), chunk(True), few, few])
    (firing,) = evaluate(ALL, facts)
    assert firing.reason.startswith("drift: 2 of the last 2 chunks alarmed")


def test_no_rule_no_firing() -> None:
    assert evaluate(RetrainConfig(), Facts(new_rows=10**9, chunks=[chunk(True, -1.0)] * 9)) == []


def test_a_firing_tells_what_it_was_true_of() -> None:
    firing = evaluate(ALL, Facts(new_rows=12345, since=7))[0]
    assert firing.inputs == {"new_rows": 12345, "min_new_rows": 100, "since": 7}
    assert "12,345" in firing.reason


@given(
    state=st.sampled_from([None, "OPEN", "SNOOZED", "APPROVED", "RUNNING"]), now=st.integers(0, 10), cool=st.integers(0, 10),
    quiet=st.booleans(), asked=st.booleans(),
)  # fmt: skip
def test_what_a_firing_does(state: str | None, now: int, cool: int, quiet: bool, asked: bool) -> None:
    what = move(state, now=now, cool_until=cool, quiet=quiet, asked=asked)
    if state in ("OPEN", "SNOOZED"):
        assert what == "attach"
    elif state is not None:
        assert what == "wait"
    else:
        assert (what == "open") == (asked or (now >= cool and not quiet))


@pytest.mark.parametrize(("hours", "at", "quiet"), [
    ("22:00-06:00", "23:00", True), ("22:00-06:00", "05:59", True), ("22:00-06:00", "06:00", False), ("22:00-06:00", "12:00", False),
    ("09:00-17:00", "09:00", True), ("09:00-17:00", "17:00", False), (None, "12:00", False), ("", "12:00", False),
])  # fmt: skip
def test_quiet_hours(hours: str | None, at: str, quiet: bool) -> None:
    assert is_quiet(hours, time.fromisoformat(at)) is quiet


@given(days=st.integers(0, 30), minutes=st.integers(1, 24 * 60))
def test_missed_schedules_fold_into_one(days: int, minutes: int) -> None:
    anchor = datetime(2025, 6, 1, 3, 0, tzinfo=UTC)
    now = anchor + timedelta(days=days, minutes=minutes)
    firing = scheduled("0 3 * * *", anchor, now)
    passed = (now - anchor) // timedelta(days=1)
    assert (firing is None) == (passed == 0)
    if firing is not None:
        assert firing.inputs["count"] == passed
        assert scheduled("0 3 * * *", now, now) is None


@settings(max_examples=8, deadline=None)
@given(minutes=st.integers(9_990, 30_000), seconds=st.integers(0, 59))
def test_the_last_of_very_many_times_is_right(minutes: int, seconds: int) -> None:
    anchor = datetime(2025, 6, 1, tzinfo=UTC)
    firing = scheduled("* * * * *", anchor, anchor + timedelta(minutes=minutes, seconds=seconds))
    assert firing is not None
    assert firing.inputs["due"] == (anchor + timedelta(minutes=minutes)).isoformat()
    assert (firing.inputs["count"], firing.inputs["more"]) == (min(minutes, 10_000), minutes > 10_000)
    assert ("more than 10,000 times" in firing.reason) == (minutes > 10_000)


def test_a_bad_schedule_is_said() -> None:
    with pytest.raises(ValueError, match="not a schedule"):
        scheduled("99 3 * * *", datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 6, 2, tzinfo=UTC))
