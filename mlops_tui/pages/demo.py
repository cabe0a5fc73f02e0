"""The demo's story as tables, and its verdict in words."""

from __future__ import annotations

import shlex

from mlops_tui.pages.parts import (
    Record,
    count,
    interval,
    items,
    level,
    month,
    plural,
    real,
    record,
    score,
    signed,
    took,
)
from mlops_tui.pages.surface import Surface
from mlops_tui.verbs._shapes import Proposal
from mlops_tui.verbs.top import DemoResult, VersionValue


def demo(found: DemoResult, screen: Surface) -> None:
    """What happened, what came of it, and what to try next."""
    screen.title(f"{found.project} / {found.model}: the whole life of a model on real data")
    total = sum(stage.seconds for stage in found.stages)
    screen.heading("STORY", f"{plural(len(found.stages), 'step')} in {took(total)}")
    steps = [
        (str(place), stage.name, f"{stage.seconds:.1f} s") for place, stage in enumerate(found.stages, 1)
    ]
    screen.table(("", "step", "took"), [*steps, ("", "in all", f"{total:.1f} s")])
    _proposals(found.proposals, screen)
    _versions(found, screen)
    screen.heading("VERDICT", found.verdict or "none")
    for sentence in verdict(found):
        screen.text(sentence)
    screen.heading("SCORED", f"{plural(found.scored_rows, 'row')} by version {found.champion.version}")
    _next(found, screen)


def _proposals(cards: list[Proposal], screen: Surface) -> None:
    screen.heading("PROPOSALS", "" if cards else "none appeared")
    rows = [(card.id, card.state, card.verdict or "-", "; ".join(card.reasons) or "-") for card in cards]
    if rows:
        screen.table(("card", "state", "verdict", "why"), rows)


def _versions(found: DemoResult, screen: Surface) -> None:
    metric = found.champion.metric or "metric"
    better, other = _new_and_old(found)
    screen.heading("VERSIONS", "both measured on the same rows, that neither has seen")
    screen.table(
        ("version", "role", metric),
        [
            (str(found.previous.version), "challenger" if found.previous is better else "champion before", interval(found.previous.value)),
            (str(found.champion.version), "champion", interval(found.champion.value)),
            (f"{better.version} − {other.version}", "difference", interval(found.interval, difference=True)),
        ],
    )  # fmt: skip


def _new_and_old(found: DemoResult) -> tuple[VersionValue, VersionValue]:
    """The challenger and the version it was measured against: the gate's difference is always new − old."""
    pair = sorted((found.previous, found.champion), key=lambda one: one.version)
    return pair[1], pair[0]


def verdict(found: DemoResult) -> list[str]:
    """The verdict in sentences that anyone understands; only what was measured."""
    new, old = _new_and_old(found)
    where, rows = _where(found)
    metric = found.champion.metric
    gap = f"{signed(found.interval.get('estimate'))} {metric} {_bounds(found.interval)}"
    on = f" on {where}" if where else ""
    if found.verdict == "PASS" and found.champion is new:
        return [f"version {new.version} is better than version {old.version}{on}: {gap}{rows}"]
    stays = f"Version {old.version} stays champion."
    if found.verdict == "INCONCLUSIVE":
        return [
            f"INCONCLUSIVE: it is not shown that version {new.version} is better than version {old.version}{on}: {gap}{rows}.",
            f"{stays} More rows, or a larger gain, would be needed; nothing here says that the two are equal.",
        ]
    if found.verdict == "FAIL":
        return [f"FAIL: version {new.version} does not pass the gate{on}: {gap}{rows}.", stays]
    return [
        f"version {new.version} is not shown to be better than version {old.version}{on}: {gap}{rows}.",
        stays,
    ]


def _bounds(found: Record) -> str:
    low, high = real(found.get("low")), real(found.get("high"))
    if low is None or high is None:
        return "with no interval"
    at = f" ({level(found['level'])} interval)" if real(found.get("level")) is not None else ""
    return f"[{score(low)}, {score(high)}]{at}"


def _where(found: DemoResult) -> tuple[str, str]:
    """The month of the rows, and how many they are, where the card tells; the sample's clusters are days."""
    decided = next((card.evidence for card in found.proposals if card.verdict), {})
    ends = items(decided.get("date_range"))
    where = month(ends[0], ends[1]) if len(ends) == 2 else ""
    measured = record(decided.get("performance"))
    _, old = _new_and_old(found)
    if real(measured.get("value")) != old.value:
        measured = found.interval  # the card's are other rows than the gate's
    rows, days = count(measured.get("rows")), count(measured.get("clusters"))
    if not rows:
        return where, ""
    return where, f", {plural(days, 'day')}, {rows:,} rows that neither has seen"


def _next(found: DemoResult, screen: Surface) -> None:
    if not found.dir:
        return
    screen.heading("NEXT", "look around in what was made")
    screen.commands([
        (f"cd {shlex.quote(found.dir + '/flight_delays')}", ""),
        (f"export MLOPS_TUI_HOME={shlex.quote(found.dir + '/home')}", ""),
        *((f"mlops-tui proposal show {card.id}", "why the retraining was proposed") for card in found.proposals[:1]),
        (f"mlops-tui model compare {found.model}@{found.previous.version} {found.champion.version}", "what differs between the two"),
        (f"mlops-tui model card {found.model}", "the champion's card"),
        ("mlops-tui ledger list", "every decision, and who took it"),
    ])  # fmt: skip
