"""The evidence of a card: files, the champion on them, drift, schema, cost, gate. What is missing is said or left out."""

from __future__ import annotations

from typing import Any

from mlops_tui.pages.drift import changes, drift
from mlops_tui.pages.parts import (
    BULLET,
    Record,
    batch_said,
    count,
    day,
    interval,
    items,
    level,
    plural,
    real,
    record,
    records,
    score,
    took,
)
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short, size

_FILES = 12


def evidence(model: str, found: Record, screen: Surface) -> None:
    """Part by part, in the order in which one decides."""
    _files(found, screen)
    _champion(model, found, screen)
    drift(found, screen)
    changes(found, screen)
    _schema(found, screen)
    _data(found, screen)
    _cost(record(found.get("cost")), screen)
    _gate(items(found.get("expected_gate")), look_said(found), screen)


def _files(found: Record, screen: Surface) -> None:
    files = records(found.get("files"))
    total = count(found.get("file_count")) or len(files)
    since = {"trained": "the last training", "rejected": "the last rejection"}.get(
        str(found.get("since")), ""
    )
    after = (
        f" since {since} (version {found['since_version']})" if since and found.get("since_version") else ""
    )
    source = short(found.get("source") or "the data", 80)
    if not total:
        screen.heading("FILES", f"none new in {source}{after}")
        return
    screen.heading(
        "FILES", f"{plural(total, 'new file')} of {source}, {plural(count(found.get('rows')), 'row')}{after}"
    )
    rows = [
        (batch_said(str(file.get("path") or "-")), count(file.get("rows")), day(file.get("min_event_time")), day(file.get("max_event_time")),
         size(count(file.get("bytes"))))
        for file in files[:_FILES]
    ]  # fmt: skip
    screen.table(("file", "rows", "from", "to", "size"), rows, drop=("size",), middle=("file",))
    if total > len(rows):
        screen.text(f"and {total - len(rows):,} more: `mlops-tui data diff {source}` lists them")


def _champion(model: str, found: Record, screen: Surface) -> None:
    serves = found.get("champion") is not None
    version = found.get("champion") if serves else found.get("reference")
    if version is None:
        screen.heading("CHAMPION", "none yet: nothing to compare with")
        return
    name = f"{model}@{version}"
    title = "CHAMPION" if serves else "NEWEST VERSION"
    if "performance" not in found:
        screen.heading(title, f"{name}: not looked at beside new data yet")
        return
    screen.heading(title, f"{name} on the new labels" + ("" if serves else "; there is no champion yet"))
    measured, promoted = record(found.get("performance")), record(found.get("promoted"))
    metric = short(measured.get("metric") or "score", 40)
    at_promotion = interval(promoted) if promoted else f"`mlops-tui model show {name}` has it"
    screen.facts([
        (metric, _measured(measured)),
        ("at promotion" if serves else "when judged", at_promotion if measured else None),
        ("beside that", _fell(measured, promoted)),
        ("decay", _decay(found, measured)),
        ("estimate", _estimate(record(found.get("estimate")))),
    ])  # fmt: skip


def _measured(found: Record) -> str:
    if real(found.get("value")) is None:
        return f"not measured: {short(found.get('reason') or 'no mature labels yet', 200)}"
    return (
        f"{interval(found)}  {plural(count(found.get('rows')), 'row')} in "
        f"{plural(count(found.get('clusters')), 'cluster')}, {level(found.get('level'))} interval"
    )


def _fell(measured: Record, promoted: Record) -> str | None:
    """Says so where the score's interval lies wholly on the bad side of the one that the version was judged with."""
    now, then = (
        (real(measured.get(key)) for key in ("high", "low")),
        (real(promoted.get(key)) for key in ("low", "high")),
    )
    (high, low), (then_low, then_high) = now, then
    if high is None or low is None or then_low is None or then_high is None:
        return None
    worse = low > then_high if measured.get("direction") == "min" else high < then_low
    return (
        "! clearly worse: the two intervals do not meet (the rows differ, so the data may be the cause)"
        if worse
        else None
    )


def _decay(evidence: Record, measured: Record) -> str:
    found = evidence.get("decay")
    if not isinstance(found, dict):
        why = evidence.get("decay_reason") or "it needs two chunks of mature labels since the promotion"
        return f"not known: {short(why, 200)}" if measured else ""
    high, low = real(found.get("high")), real(found.get("low"))
    said = "worse" if high is not None and high < 0 else "better" if low is not None and low > 0 else ""
    against = short(found.get("against") or "the first mature chunk", 80)
    return (
        f"{interval(found, difference=True)} against {against}: "
        f"{said + ' now' if said else 'no change shown'} (positive is better)"
    )


def _estimate(found: Record) -> str:
    """Never to be taken for a measurement: it says so itself."""
    parts = [
        f"{name} ≈ {score(found[key])}"
        for key, name in (("estimated_roc_auc", "roc_auc"), ("estimated_accuracy", "accuracy"))
        if real(found.get(key)) is not None
    ]
    if not parts:
        return ""
    return f"{', '.join(parts)} on {plural(count(found.get('rows')), 'row')} without their labels; {short(found.get('assumption') or 'an estimate, not a measurement', 200)}"


def _schema(found: Record, screen: Surface) -> None:
    changed = records(found.get("schema_diff"))
    if not changed:
        return
    screen.heading("SCHEMA", plural(len(changed), "change"))
    rows = [
        (one.get("column"), one.get("change"), one.get("from", one.get("before")), one.get("to", one.get("after")))
        for one in changed[:_FILES]
    ]  # fmt: skip
    screen.table(("column", "change", "before", "after"), rows, middle=("column",))
    if len(changed) > len(rows):
        screen.text(f"and {len(changed) - len(rows):,} more")


def _data(found: Record, screen: Surface) -> None:
    pins = record(found.get("snapshots"))
    if not pins:
        return
    screen.heading("DATA", "approval pins these versions")
    rows = [
        (source, record(pin).get("version"), short(record(pin).get("snapshot"), 13)) for source, pin in sorted(pins.items())
    ]  # fmt: skip
    screen.table(("source", "version", "snapshot"), rows)


def _cost(found: Record, screen: Surface) -> None:
    if not found:
        return
    runs = count(found.get("runs"))
    if not runs:
        screen.heading("COST", "not known: no training of this model has finished")
        return
    longest = real(found.get("seconds_max"))
    most = f", at most {took(longest)}" if longest is not None and longest != found.get("seconds") else ""
    disk = f", {size(count(found['bytes']))} on disk" if found.get("bytes") is not None else ""
    screen.heading(
        "COST",
        f"about {took(found.get('seconds'))}{most}{disk}, by {plural(runs, 'earlier run', 'earlier runs')}",
    )


def look_said(found: Record) -> str:
    """How strictly the next gate will judge rows that were looked at before; "" where it is not known."""
    expected = record(found.get("expected_look"))
    if not expected:
        return ""
    return f"this will be look {count(expected.get('look'))} at the same rows, at {100 * (real(expected.get('level')) or 0.0):.1f} %"


def _gate(checks: list[Any], said: str, screen: Surface) -> None:
    if not checks:
        return
    screen.heading("GATE", "what the challenger must show, on rows that neither has seen")
    for check in checks:
        screen.text(short(check, 200), BULLET)
    if said:
        screen.text(said)
