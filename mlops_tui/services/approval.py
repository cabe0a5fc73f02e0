"""An approved card becomes a training on the snapshots that the card names."""

from __future__ import annotations

from typing import Any

from mlops_store.index.tx import Tx
from mlops_tui.services.loop_facts import loads
from mlops_tui.services.training import submit_training
from mlops_tui.verbs._shapes import ClientContext


def approve_card(tx: Tx, card: dict[str, Any], client: ClientContext | None, why: str) -> str:
    """Submits the run and writes the decision. Returns the run's id. Raises Problem, ConfigError."""
    pins: dict[str, int] = loads(card["pins"], {})
    spec = submit_training(
        tx, project=card["project"], model=card["model"], params={}, pins=pins, proposal_id=card["id"], client=client,
        why=f"card {card['id']}",
    )  # fmt: skip
    tx.append(
        "proposal.decide",
        card["id"],
        {
            "id": card["id"],
            "revision": card["revision"],
            "decision": "APPROVED",
            "until": None,
            "pins": pins,
            "run_id": spec.run_id,
        },
        why=why,
    )
    return spec.run_id
