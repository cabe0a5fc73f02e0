"""What becomes of a card with time and with its run: it expires, wakes, starts, ends, goes on."""

from __future__ import annotations

from mlops_store.index import proposals
from mlops_store.index.tx import Tx
from mlops_store.records import RunSpec


def expire(tx: Tx) -> list[str]:
    """Cards past their time: OPEN ones expire, SNOOZED ones are open again when their time has come. Returns their ids."""
    changed: list[str] = []
    for row in tx.rows("SELECT id, state, until, expires FROM proposals WHERE state IN ('OPEN', 'SNOOZED')"):
        asleep = row["state"] == "SNOOZED" and row["until"] is not None and tx.now < row["until"]
        if not asleep and row["expires"] is not None and tx.now >= row["expires"]:
            tx.append(
                "proposal.state",
                row["id"],
                {"id": row["id"], "state": "EXPIRED"},
                why="nobody decided in time",
            )
            changed.append(row["id"])
        elif row["state"] == "SNOOZED" and row["until"] is not None and tx.now >= row["until"]:
            tx.append(
                "proposal.state", row["id"], {"id": row["id"], "state": "OPEN"}, why="the snooze is over"
            )
            changed.append(row["id"])
    return changed


def run_over(tx: Tx, spec: RunSpec, verdict: str | None, *, failed: bool) -> None:
    """The training of a card has ended: DONE with the verdict beside it, or ERROR."""
    if not spec.proposal_id:
        return
    row = proposals.find(tx, spec.proposal_id)
    if row is None or row["state"] not in ("APPROVED", "RUNNING"):
        return
    state = "ERROR" if failed else "DONE"
    tx.append(
        "proposal.state",
        spec.proposal_id,
        {"id": spec.proposal_id, "state": state, "run_id": spec.run_id, "verdict": verdict},
    )


def resumed(tx: Tx, run_id: str) -> None:
    """The failed training of a card goes on: so does the card, unless the model has another one that is not over."""
    row = tx.one("SELECT id, project, model FROM proposals WHERE run_id = ? AND state = 'ERROR'", [run_id])
    if row is not None and proposals.active(tx, row["project"], row["model"]) is None:
        data = {"id": row["id"], "state": "RUNNING", "run_id": run_id}
        tx.append("proposal.state", row["id"], data, why="its run was resumed")


def started(tx: Tx) -> list[str]:
    """APPROVED cards whose run has started are RUNNING. Returns their ids."""
    found = tx.rows(
        "SELECT p.id, p.run_id FROM proposals p JOIN runs r ON r.run_id = p.run_id WHERE p.state = 'APPROVED' "
        "AND r.state IN ('RUNNING', 'STOPPING') AND r.settled IS NULL"
    )
    for row in found:
        tx.append("proposal.state", row["id"], {"id": row["id"], "state": "RUNNING", "run_id": row["run_id"]})
    return [row["id"] for row in found]
