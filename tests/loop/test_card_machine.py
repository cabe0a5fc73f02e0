"""Any sequence of events keeps the promises about cards."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from card_desk import HOUR, TOML, Desk
from effort import examples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mlops_store.run_folder import RunFolder
from mlops_tui.services import card_life, proposal, triggers
from mlops_tui.services import run as runs
from mlops_tui.verbs.proposal import ProposalApprove, ProposalOpen, ProposalReject, ProposalSnooze
from mlops_tui.verbs.run import RunSeveral

ACTIVE = ("OPEN", "SNOOZED", "APPROVED", "RUNNING")


class Cards(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="cards-"))
        self.desk = Desk(self.folder, TOML + 'schedule = "0 3 * * *"\n').with_champion()
        self.revisions: dict[str, int] = {}
        self.attempts: dict[str, int] = {}

    def teardown(self) -> None:
        self.desk.close()
        shutil.rmtree(self.folder)

    def state(self) -> str | None:
        return next((card["state"] for card in self.desk.cards() if card["state"] in ACTIVE), None)

    def run_of(self, kind: str) -> str | None:
        found = self.desk.rows(
            "SELECT run_id FROM runs WHERE kind = ? AND settled IS NULL ORDER BY run_id", kind
        )
        return str(found[0]["run_id"]) if found else None

    @rule()
    def data_arrive(self) -> None:
        self.desk.admit()
        self.desk.look()

    @rule(labelled=st.integers(0, 300), alarms=st.lists(st.booleans(), max_size=3))
    def look_ends(self, labelled: int, alarms: list[bool]) -> None:
        run = self.run_of("drift")
        if run is not None:
            self.desk.drifted(run, labelled, alarms)

    @rule(hours=st.integers(1, 100))
    def time_passes(self, hours: int) -> None:
        self.desk.now += hours * HOUR
        self.desk.do(card_life.expire)
        self.desk.do(lambda tx: triggers.on_schedule(tx, "shop", self.desk.model))
        self.desk.do(lambda tx: triggers.release_waiting(tx, "shop", self.desk.model))

    @precondition(lambda self: self.state() in ("OPEN", "SNOOZED"))
    @rule(decision=st.sampled_from(["approve", "reject", "snooze"]))
    def someone_decides(self, decision: str) -> None:
        desk = self.desk
        if decision == "approve":
            pins = next(card["pins"] for card in desk.cards() if card["state"] in ACTIVE)
            card = desk.do(lambda tx: proposal.approve(tx, ProposalApprove(project="shop", id="late")))
            assert card.run_id is not None
            assert (
                RunFolder(desk.home.run_dir(card.run_id)).spec().pins == card.pins
                and str(card.pins["orders"]) in pins
            )
        elif decision == "reject":
            desk.do(lambda tx: proposal.reject(tx, ProposalReject(project="shop", id="late")))
        else:
            desk.do(
                lambda tx: proposal.snooze(tx, ProposalSnooze(project="shop", id="late", lasts=24 * HOUR))
            )

    @rule()
    def someone_asks(self) -> None:
        self.desk.do(lambda tx: proposal.open(tx, ProposalOpen(project="shop", model="late")))

    @rule(good=st.booleans())
    def training_ends(self, good: bool) -> None:
        run = self.run_of("train")
        if run is None:
            return
        attempt = self.attempts.get(run, 1)
        if good:
            self.desk.trained(run, attempt=attempt)
        else:
            self.desk.finish(run, None, code=1, attempt=attempt)

    @rule()
    def a_failed_training_is_resumed(self) -> None:
        failed = self.desk.rows(
            "SELECT run_id FROM runs WHERE kind = 'train' AND settled_state = 'FAILED' ORDER BY run_id DESC"
        )
        if failed:
            run = str(failed[0]["run_id"])
            self.attempts[run] = self.attempts.get(run, 1) + 1
            self.desk.do(lambda tx: runs.resume(tx, RunSeveral(project="shop", run_id=run)))

    @invariant()
    def at_most_one_card_is_active(self) -> None:
        assert sum(card["state"] in ACTIVE for card in self.desk.cards()) <= 1

    @invariant()
    def revisions_only_grow(self) -> None:
        for card in self.desk.cards():
            assert card["revision"] >= self.revisions.get(card["id"], 1)
            self.revisions[card["id"]] = card["revision"]

    @invariant()
    def a_card_has_reasons_and_pins_and_a_decided_one_its_run(self) -> None:
        for card in self.desk.cards():
            assert card["reasons"] != "[]" and card["pins"] != "{}"
            assert (card["run_id"] is not None) == (card["state"] in ("APPROVED", "RUNNING", "DONE", "ERROR"))

    @invariant()
    def firings_belong_to_cards_that_are_there(self) -> None:
        cards = {card["id"] for card in self.desk.cards()}
        assert all(
            f["proposal_id"] in cards
            for f in self.desk.rows("SELECT proposal_id FROM firings WHERE proposal_id IS NOT NULL")
        )

    @invariant()
    def at_most_one_look_waits(self) -> None:
        assert len(self.desk.rows("SELECT 1 AS one FROM runs WHERE kind = 'drift' AND settled IS NULL")) <= 1


TestCards = Cards.TestCase
TestCards.settings = settings(
    max_examples=examples(5), stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
