"""A proposal as a review: why, how the champion does on new labels, what has drifted, what the challenger must show, at what cost; then the decision.

Evidence may hold anything: what is missing is said or left out.
"""

from __future__ import annotations

from typing import Any

from rich.text import Text

from mlops_tui.pages.evidence import look_said
from mlops_tui.pages.parts import (
    Record,
    count,
    day,
    interval,
    items,
    names,
    plural,
    real,
    record,
    records,
    score,
    share,
    took,
)
from mlops_tui.tui.formats import age, clock, duration, glyphs, plain, short, size, state
from mlops_tui.tui.own_keys import key_of
from mlops_tui.tui.plot.intervals import Banded, Interval, bands, intervals
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.writers.drawing import mode, put
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs._shapes import Proposal

OPEN = ("OPEN", "SNOOZED")
_COLUMNS, _FILES = 10, 12
_RANK = {"major": 0, "alert": 1}


def review(card: Proposal, plan: Plan | None, now: int, width: int) -> Text:
    """The whole card; `plan` is what approving it would do, where it can be approved."""
    sheet = Sheet(width)
    found: Record = card.evidence
    _headline(sheet, card, now)
    _champion(sheet, card.model, found)
    _drift(sheet, found)
    _schema(sheet, found)
    _gate(sheet, found)
    _cost(sheet, found)
    _files(sheet, found)
    _approving(sheet, plan)
    _decision(sheet, card, now)
    return sheet.text


def _headline(sheet: Sheet, card: Proposal, now: int) -> None:
    head = Text.assemble(plain(f"Retrain {card.model}?", "bold"), "  ", state(card.state))
    if card.verdict:
        head.append("  gate ").append_text(state(card.verdict))
    sheet.line(
        head.append(f"  revision {card.revision}, opened {age(card.created, now)} ago", style="bright_black")
    )
    for reason in card.reasons:
        sheet.line(Text.assemble((f"{glyphs().bullet} ", "yellow"), plain(reason)))
    if card.waiting:
        sheet.line("fired while its training is under way; a card opens for it afterwards:", "bright_black")
    for reason in card.waiting:
        sheet.line(f"{glyphs().bullet} {reason}")


# --- champion ---------------------------------------------------------------------------------------------------


def _champion(sheet: Sheet, model: str, found: Record) -> None:
    serves = found.get("champion") is not None
    version = found.get("champion") if serves else found.get("reference")
    if version is None:
        sheet.heading("champion").line("none yet: there is nothing to compare with", "bright_black")
        return
    sheet.heading(
        f"{'champion' if serves else 'newest version'} {short(model, 60)}@{short(version, 20)} on new labels"
    )
    measured, promoted = record(found.get("performance")), record(found.get("promoted"))
    if real(measured.get("value")) is None:
        why = measured.get("reason") or "no mature labels yet"
        sheet.line(f"not measured: {short(why, 300)}", "yellow")
    higher = measured.get("direction") != "min"
    metric = short(measured.get("metric") or "score", 20)
    rows = [
        Interval(f"{metric} {word}", real(one.get("value")), real(one.get("low")), real(one.get("high")))
        for word, one in (
            ("at promotion" if serves else "when judged", promoted),
            ("on new labels", measured),
        )
        if real(one.get("value")) is not None
    ]
    if rows:
        put(sheet, intervals(rows, sheet.width, real(promoted.get("value")), mode(), higher_is_better=higher))
    if real(measured.get("value")) is not None:
        sheet.line(f"{plural(count(measured.get('rows')), 'row')} in {plural(count(measured.get('clusters')), 'cluster')}; the line is the value at promotion, on other rows", "bright_black")  # fmt: skip
    sheet.pairs([("decay", _decay(found, measured)), ("estimate", _estimate(record(found.get("estimate"))))])


def _decay(found: Record, measured: Record) -> Text | str | None:
    decay = record(found.get("decay"))
    if decay:
        low, high = real(decay.get("low")), real(decay.get("high"))
        worse, better = high is not None and high < 0, low is not None and low > 0
        word = "worse now" if worse else "better now" if better else "no change shown"
        said = f"{interval(decay, difference=True)} since the promotion: {word}"
        return plain(said, "yellow" if worse else "green" if better else "")
    if not measured:
        return None
    return f"not known: {short(found.get('decay_reason') or 'two chunks of mature labels are needed', 200)}"


def _estimate(found: Record) -> str | None:
    parts = [
        f"{name} {score(found[key])}"
        for key, name in (("estimated_roc_auc", "roc_auc"), ("estimated_accuracy", "accuracy"))
        if real(found.get(key)) is not None
    ]
    return f"{', '.join(parts)}, from scores without labels" if parts else None


# --- drift ------------------------------------------------------------------------------------------------------


_ALERT_PSI = 0.1
"""No column alarms below (docs/drift.md), so that a band of next to nothing does not make a trifle look large."""


def _drift(sheet: Sheet, found: Record) -> None:
    if "drift" not in found:
        return
    drift = record(found["drift"])
    columns = sorted(records(drift.get("columns")), key=_order)
    loud = [one for one in columns if one.get("alert")]
    sheet.heading("drift")
    said = state("ALARM" if drift.get("alarm") else "UNKNOWN" if drift.get("cannot_tell") else "QUIET")
    if drift.get("cannot_tell"):
        said.append(f": {short(drift['cannot_tell'], 60)}")
    sheet.line(
        said.append(
            f"  {len(loud)} of {plural(len(columns), 'column')} alarm; 1 is the larger of noise band and PSI {_ALERT_PSI:g}",
            style="bright_black",
        )
    )
    shown = columns[: max(_COLUMNS, len(loud))]
    rows = [Banded(_marked(one), _ratio(one), 0.0, 1.0) for one in shown if _ratio(one) is not None]
    if rows:
        put(sheet, bands(rows, sheet.width, mode()))
    for one in shown:
        if _ratio(one) is None:
            sheet.line(
                f"{short(one.get('name'), 60)}: {short(one.get('reason') or one.get('status'), 200)}",
                "yellow",
            )
    more = len(columns) - len(shown)
    if more > 0:
        sheet.line(f"and {more} more, none of which alarms", "bright_black")
    sheet.pairs([
        ("predictions", _shift(record(found.get("prediction")))), ("labels", _shift(record(found.get("label")))),
        ("new or old", _domain(record(found.get("domain_classifier")))),
    ])  # fmt: skip


def _order(column: Record) -> tuple[int, float]:
    return _RANK.get(str(column.get("severity")), 1 if column.get("alert") else 2), -(_ratio(column) or 0.0)


def _marked(column: Record) -> str:
    sign = "!! " if column.get("severity") == "major" else "! " if column.get("alert") else ""
    return sign + short(column.get("name"), 200)


def _ratio(column: Record) -> float | None:
    psi, band = real(column.get("psi")), real(column.get("band"))
    return None if psi is None or not band else float(f"{psi / max(band, _ALERT_PSI):.3g}")


def _shift(found: Record) -> Text | None:
    if not found:
        return None
    shown = state("DRIFT" if found.get("severity") == "major" else "ALARM" if found.get("alert") else "QUIET")
    return shown.append_text(plain(f"  {short(found.get('reason') or '', 120)}"))


def _domain(found: Record) -> str | None:
    auc = real(found.get("auc"))
    if auc is None:
        return short(found.get("reason"), 200) if found.get("reason") else None
    top = [short(pair[0], 60) for pair in items(found.get("top")) if isinstance(pair, list | tuple) and pair]
    return f"a model tells them apart with AUC {score(auc)} (0.5: cannot)" + (
        f", by {names(top, 3)}" if top else ""
    )


def _schema(sheet: Sheet, found: Record) -> None:
    changed = records(found.get("schema_diff"))
    if changed:
        rows = [(short(one.get("column"), 60), short(one.get("change"), 40), one.get("from", one.get("before")), one.get("to", one.get("after"))) for one in changed[:_FILES]]  # fmt: skip
        sheet.heading("schema").table(("column", "change", "before", "after"), rows)


# --- what it takes ----------------------------------------------------------------------------------------------


def _gate(sheet: Sheet, found: Record) -> None:
    checks = items(found.get("expected_gate"))
    if checks:
        sheet.heading("what the challenger must show")
        for check in checks:
            sheet.line(f"{glyphs().bullet} {short(check, 200)}")
    if said := look_said(found):
        sheet.line(said)


def _cost(sheet: Sheet, found: Record) -> None:
    cost = record(found.get("cost"))
    if not cost:
        return
    runs = count(cost.get("runs"))
    sheet.heading("cost")
    if not runs:
        sheet.line("not known: no training of this model has finished", "bright_black")
        return
    disk = f", {size(count(cost['bytes']))} on disk" if cost.get("bytes") is not None else ""
    most = (
        f", at most {took(cost.get('seconds_max'))}"
        if cost.get("seconds_max") not in (None, cost.get("seconds"))
        else ""
    )
    sheet.line(
        f"about {took(cost.get('seconds'))}{most}{disk}, by {plural(runs, 'earlier run', 'earlier runs')}"
    )


def _files(sheet: Sheet, found: Record) -> None:
    files = records(found.get("files"))
    total = count(found.get("file_count")) or len(files)
    sheet.heading("new data")
    if not total:
        sheet.line(f"no new file of {short(found.get('source') or 'the data', 80)}", "bright_black")
        return
    rows: list[tuple[Any, ...]] = [
        (short(one.get("path"), 200), f"{count(one.get('rows')):,}", day(one.get("min_event_time")), day(one.get("max_event_time")), size(count(one.get("bytes"))))
        for one in files[:_FILES]
    ]  # fmt: skip
    sheet.table(("file", "rows", "from", "to", "size"), rows, right=(1, 4))
    if total > len(rows):
        sheet.line(f"and {total - len(rows):,} more", "bright_black")
    mature = count(found.get("mature_labelled_rows"))
    sheet.line(
        f"{plural(count(found.get('rows')), 'row')}, {mature:,} of them with mature labels ({_percent(mature, found)})",
        "bright_black",
    )


def _percent(part: int, found: Record) -> str:
    whole = count(found.get("rows"))
    return share(part / whole) if whole else glyphs().dash


def _approving(sheet: Sheet, plan: Plan | None) -> None:
    if plan is None:
        return
    sheet.heading("approving will")
    for step in plan.steps:
        sheet.line(f"{glyphs().bullet} {step}")
    if plan.undo:
        sheet.line(plan.undo, "bright_black")


def _decision(sheet: Sheet, card: Proposal, now: int) -> None:
    """What can be decided, or what was."""
    sheet.heading("decision")
    if card.state == "SNOOZED" and card.until is not None:
        sheet.line(
            f"snoozed until {clock(card.until)}{': ' + short(card.why, 200) if card.why else ''}",
            "bright_black",
        )
    if card.state in OPEN:
        line = Text()
        for deed, word in (("approve", "approve"), ("reject", "reject, with a reason"), ("snooze", "snooze")):
            line.append(f"{key_of(f'proposal.{deed}')} ", style="bold cyan").append(f"{word}   ")
        if card.expires is not None:
            line.append(f"it expires in {duration(max(0, card.expires - now))}", style="bright_black")
        sheet.line(line)
        return
    sheet.line(
        Text.assemble(
            state(card.state), plain(f" by {short(card.decided_by, 60)}" if card.decided_by else "")
        )
    )
    sheet.pairs([
        ("why", card.why), ("on data", ", ".join(f"{source}@{version}" for source, version in card.pins.items())),
        ("run", card.run_id), ("verdict", state(card.verdict) if card.verdict else None),
        ("version", f"{card.model}@{card.version}{', nothing new was trained' * card.nothing_new}" if card.version is not None else None),
    ])  # fmt: skip
