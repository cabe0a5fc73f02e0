"""Proposals."""

from __future__ import annotations

from mlops_tui.cli.screen import Screen
from mlops_tui.cli.text import short, when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Proposal


def list_(page: Page[Proposal], screen: Screen) -> None:
    rows = [
        (card.id, card.project, card.model, card.state, card.revision, "; ".join(card.reasons) or "-", card.verdict or "-",
         when(card.created))
        for card in page.items
    ]  # fmt: skip
    screen.table(
        ("card", "project", "model", "state", "revision", "reasons", "verdict", "created"), rows, "no cards"
    )


def show(card: Proposal, screen: Screen) -> None:
    screen.facts([
        ("card", card.id), ("project", card.project), ("model", card.model), ("state", card.state), ("revision", card.revision),
        ("created", when(card.created)), ("until", when(card.until) if card.until else None), ("decided by", card.decided_by),
        ("why", card.why), ("run", card.run_id), ("verdict", card.verdict), ("data", short(card.pins, 200) if card.pins else None),
    ])  # fmt: skip
    for reason in card.reasons:
        screen.line(f"  - {reason}")
    if card.evidence:
        screen.line()
        screen.facts((name, short(value, 300)) for name, value in card.evidence.items())


RENDERERS = {"list": list_, "show": show, "approve": show, "reject": show, "snooze": show, "open": show}
