"""Deeds: the plan before, what is told after, and how they are undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual import work

from mlops_store.errors import Problem
from mlops_tui.commandline.twin import command
from mlops_tui.tui.dialogs.form import Form, Values
from mlops_tui.tui.dialogs.plan import Confirmed, PlanDialog, Reason
from mlops_tui.tui.formats import glyphs
from mlops_tui.tui.own_keys import key_of, keyed
from mlops_tui.tui.screens.frame import Frame
from mlops_tui.tui.screens.subject import READ_ONLY
from mlops_tui.tui.told import told
from mlops_tui.verbs import find
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.ledger import REVERSIBLE, Undone


class Deeds(Frame):
    """The part of a screen by which something is done: nothing without its plan."""

    async def perform(
        self,
        key: str,
        fields: dict[str, Any],
        *,
        yes: str,
        reason: Reason = "no",
        title: str = "",
        word: str = "",
        notes: Sequence[str] = (),
        form: Form | None = None,
    ) -> Any:
        """Shows the plan of a verb (after `notes` of the screen's own), asks, carries it out and says so. Returns its answer; None where it was
        left or refused.

        Call it in a worker. A refusal stays on the screen as a message with its hint, or in the `form` that it was asked with.
        """
        verb = find(key)
        if verb.writes and self.link.read_only:
            self.mlops.tell(READ_ONLY, "warning")
            return None
        try:
            plan = (
                await self.link.plan(key, fields)
                if verb.plans
                else Plan(title=title or verb.summary, steps=[verb.help or verb.summary])
            )
            plan = Plan(title=plan.title, steps=[*notes, *plan.steps], undo=plan.undo, settled=plan.settled)
            fields = {**fields, **plan.settled}
            line = command(key, fields, project=fields.get("project") or self.link.project[0])
            if not self.in_front() or (form is not None and not form.open):
                self.mlops.tell("this screen was left before the plan came: nothing was done", "warning")
                return None
            confirmed: Confirmed | None = await self.app.push_screen_wait(
                PlanDialog(plan, command=line, yes=yes, reason=reason, word=word)
            )
            if confirmed is None:
                return None
            if confirmed.reason:
                fields = {**fields, "reason": confirmed.reason}
            answer = await self.link.ask(key, fields)
        except Problem as problem:
            if form is not None and form.open:
                form.refuse(problem)
            else:
                self.mlops.complain(problem)
            return None
        if isinstance(answer, Undone):
            self._undid(answer)
        done = told(key, answer, f"done: {title or plan.title}")
        self.mlops.tell(f"{glyphs().ok} {done}{self.undone_by(key)}", detail=line)
        return answer

    async def fill(
        self,
        form: Form,
        key: str,
        asked: Callable[[Values], tuple[dict[str, Any], Sequence[str]]],
        **how: Any,
    ) -> Any:
        """Shows a form that `stays` until what it asks for is done, and returns the answer of the verb; None where it was left. `asked` makes the
        verb's fields of the values, and notes for its plan; `how` is for `perform`. Whoever leaves the plan is in the form again."""
        await self.app.push_screen(form)
        try:
            while (values := await form.sent()) is not None:
                fields, notes = asked(values)
                answer = await self.perform(key, fields, notes=notes, form=form, **how)
                if answer is not None:
                    return answer
            return None
        finally:
            form.close()

    def _undid(self, answer: Undone) -> None:
        """What was undone can be done again by a key; what was done again, no more."""
        done = self.mlops.undoings
        if answer.undoes in done:
            done.remove(answer.undoes)
        else:
            done.append(answer.seq)

    def undone_by(self, key: str) -> str:
        """How a deed that was just done is taken back by a key; empty where it is not."""
        if key == "ledger undo":
            return (
                f" {glyphs().bullet} {self.key_of('room.redo')} does it again" if self.mlops.undoings else ""
            )
        return f" {glyphs().bullet} {self.key_of('room.undo')} undoes it" if key in REVERSIBLE else ""

    def key_of(self, id: str) -> str:
        """The first key of an action, the user's own where they have chosen one."""
        return key_of(id)

    def action_room_undo(self) -> None:
        self.run_worker(self._undo(), exclusive=True, group="deed")

    async def _undo(self) -> None:
        if await self.perform("ledger undo", {}, yes="Undo", reason="optional") is not None:
            self.load()

    @work(exclusive=True, group="deed")
    async def action_room_redo(self) -> None:
        """Undoes the last undoing of this sitting; that of any other time is a row of the ledger like all others."""
        done = self.mlops.undoings
        if not done:
            self.mlops.tell(
                "nothing was undone since the app was opened",
                "warning",
                hint=keyed("{ledger.undo} in the ledger ({go.ledger}) undoes any entry"),
            )
        elif await self.perform("ledger undo", {"seq": done[-1]}, yes="Redo") is not None:
            self.load()
