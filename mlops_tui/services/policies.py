"""What mlops.toml lets happen without a person: `auto_approve` and `auto_promote`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlops_store.errors import Problem
from mlops_store.index import proposals
from mlops_store.index.tx import Tx
from mlops_tui.services.approval import approve_card

if TYPE_CHECKING:
    from mlops_tui.project.schema import RetrainConfig

LOG = logging.getLogger("mlops_tui.services")


@contextmanager
def acting_as(tx: Tx, actor: str) -> Iterator[None]:
    """Entries inside are by `actor`: a policy, not whoever's command this is."""
    before, tx.actor = tx.actor, actor
    try:
        yield
    finally:
        tx.actor = before


def record_policy(tx: Tx, project: str, model: str, retrain: RetrainConfig) -> None:
    """Puts the policies of mlops.toml into the ledger where they are others than what it has (off is the default)."""
    row = proposals.policy(tx, project, model)
    known = (bool(row["auto_approve"]), row["auto_promote"] or "never") if row else (False, "never")
    if known != (retrain.auto_approve, retrain.auto_promote):
        tx.append(
            "policy.set",
            f"{project}/{model}",
            {
                "project": project,
                "model": model,
                "auto_approve": retrain.auto_approve,
                "auto_promote": retrain.auto_promote,
            },
            why="as mlops.toml says",
        )


def approve_by_policy(tx: Tx, card: str) -> None:
    """Approves a card that was just opened, where that can be; else it stays open."""
    with acting_as(tx, "policy"):
        row = proposals.find(tx, card)
        assert row is not None
        try:
            approve_card(tx, row, None, "policy auto_approve")
        except Problem as problem:
            # nothing was written yet: the card stays open for a person, who will be told the same
            LOG.warning("card %s cannot be approved by policy: %s", card, problem)
