"""Proposals: a card reads like a review: why, on what evidence, at what cost, and what can be done."""

from __future__ import annotations

from mlops_tui.pages.evidence import evidence
from mlops_tui.pages.parts import BULLET, minute
from mlops_tui.pages.surface import Surface
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Proposal

_OPEN = ("OPEN", "SNOOZED")
_SAID = {
    "APPROVED": "approved", "RUNNING": "approved", "DONE": "approved", "ERROR": "approved", "REJECTED": "rejected",
    "SNOOZED": "snoozed", "EXPIRED": "expired",
}  # fmt: skip


def list_(page: Page[Proposal], screen: Surface) -> None:
    rows = [
        (card.id, card.project, card.model, card.state, card.revision, "; ".join(card.reasons) or "-", card.verdict or "-",
         minute(card.created))
        for card in page.items
    ]  # fmt: skip
    screen.table(
        ("card", "project", "model", "state", "revision", "reasons", "verdict", "created"),
        rows,
        drop=("project", "revision", "created"),
        keep=("card",),
    )


def show(card: Proposal, screen: Surface) -> None:
    screen.title(f"{card.model}  {card.state}  {card.id}  revision {card.revision}")
    until = f"  snoozed until {minute(card.until)}" if card.until and card.state == "SNOOZED" else ""
    ends = f"  expires {minute(card.expires)}" if card.expires and card.state in _OPEN else ""
    screen.text(f"{card.project}  opened {minute(card.created)} UTC{until}{ends}")
    _decision(card, screen)
    if card.reasons:
        screen.line()
    for reason in card.reasons:
        screen.text(reason, BULLET)
    if card.waiting:
        screen.line()
        screen.text(f"waits until run {(card.run_id or '')[:16]} ends, and opens a card then:")
    for reason in card.waiting:
        screen.text(reason, BULLET)
    if card.evidence:
        evidence(card.model, card.evidence, screen)
    _next(card, screen)


def decided(card: Proposal, screen: Surface) -> None:
    """What a decision has changed of a card that was read before; `proposal show` has all of it."""
    screen.title(f"{card.model}  {card.state}  {card.id}  revision {card.revision}")
    if card.until and card.state == "SNOOZED":
        screen.text(f"asks again {minute(card.until)} UTC")
    _decision(card, screen)
    _next(card, screen)


def _decision(card: Proposal, screen: Surface) -> None:
    """What was decided, by whom, and what came of it."""
    if card.state == "OPEN":
        return
    screen.line()
    screen.facts([
        ("decision", f"{_SAID.get(card.state, card.state)}{' by ' + card.decided_by if card.decided_by else ''}"),
        ("why", card.why), ("on data", ", ".join(f"{source}@{version}" for source, version in card.pins.items())),
        ("run", card.run_id), ("verdict", _verdict(card)),
    ])  # fmt: skip


def _verdict(card: Proposal) -> str:
    if card.verdict:
        same = f" stands: the same as v{card.version}, nothing new was trained" if card.nothing_new else ""
        return card.verdict + same
    return {
        "RUNNING": "none yet: the run goes on",
        "APPROVED": "none yet: the run waits",
        "ERROR": "none: the run failed",
    }.get(card.state, "")


def _next(card: Proposal, screen: Surface) -> None:
    commands: list[tuple[str, str]] = []
    if card.state in _OPEN:
        commands = [
            (f"mlops-tui proposal approve {card.id} --revision {card.revision} --wait", "train on these snapshots, and judge"),
            (f"mlops-tui proposal snooze {card.id} --for 1d", "ask again tomorrow"),
            (f"mlops-tui proposal reject {card.id} --reason '…'", "no; new rows are counted from here"),
        ]  # fmt: skip
    elif card.run_id:
        commands = [(f"mlops-tui run show {card.run_id[:16]}", "the run and its gate in full")]
        if card.state == "DONE" and card.verdict == "PASS":
            if card.version is not None:
                commands.append(
                    (f"mlops-tui model promote {card.model}@{card.version}", "make it the champion")
                )
            commands.append((f"mlops-tui model show {card.model}", "the versions, and which one is champion"))
        if card.state in ("APPROVED", "RUNNING"):
            commands.append((f"mlops-tui wait {card.run_id[:16]}", "until it ends"))
        if card.state == "ERROR":
            commands.append((f"mlops-tui run logs {card.run_id[:16]}", "what it said"))
    if commands:
        screen.heading("NEXT")
        screen.commands(commands)


RENDERERS = {
    "list": list_,
    "show": show,
    "approve": decided,
    "reject": decided,
    "snooze": decided,
    "open": show,
}
