"""What is about to happen, before it does."""

from __future__ import annotations

import string
from time import monotonic
from typing import Any, ClassVar, Literal

import msgspec
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean, glyphs
from mlops_tui.tui.inside import DrawnScreen, bindings_of
from mlops_tui.tui.own_keys import key_of, keyed
from mlops_tui.verbs._declare import NOTHING, Plan

Reason = Literal["no", "optional", "required"]


class Confirmed(msgspec.Struct, frozen=True):
    """Yes; with the reason that was typed."""

    reason: str = ""


class PlanDialog(ModalScreen[Confirmed | None], DrawnScreen):
    """Shows a plan's steps, how it can be undone and the command that does the same. The focus starts on Cancel (or on the reason).

    `word`: the name that has to be typed where the deed cannot be undone. A key that was pressed before the plan was on the screen answers
    something else than the plan: `unseen` says which.
    """

    BINDINGS: ClassVar[list[Any]] = bindings("plan")

    def __init__(
        self, plan: Plan, *, command: str, yes: str = "Do it", reason: Reason = "no", word: str = ""
    ) -> None:
        super().__init__()
        self._plan, self._command, self._yes, self._reason, self._word = plan, command, yes, reason, word
        self._nothing = plan.steps[-1:] == [NOTHING]
        self._drawn: float | None = None
        if reason != "no":  # whoever begins to type means the reason; y and n stay the answers
            for char in set(string.ascii_letters + string.digits) - {"y", "n"}:
                bindings_of(self)[char] = [Binding(char, f"reason({char!r})", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(clean(self._plan.title), style="bold"), markup=False, classes="title")
            with VerticalScroll(classes="steps", can_focus=False):
                yield Static(self._steps(), markup=False)
            if self._reason != "no" and not self._nothing:
                wanted = "why (stays in the ledger), " + (
                    "if you like" if self._reason == "optional" else "needed"
                )
                yield Input(placeholder=wanted, id="reason", select_on_focus=False)
            if self._word and not self._nothing:
                yield Input(placeholder=f"type {clean(self._word)} to confirm", id="word")
            with Horizontal(classes="buttons"):
                yield Button(keyed("Cancel ({plan.no})"), id="no", compact=True)
                if not self._nothing:
                    yield Button(
                        f"{self._yes} ({key_of('plan.yes')})", id="yes", variant="primary", compact=True
                    )

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        first = (
            "#no"
            if self._nothing
            else "#reason"
            if self._reason == "required"
            else "#word"
            if self._word
            else "#no"
        )
        self.set_focus(self.query_one(first))

    def drawn(self) -> None:
        """Notes when the plan goes to the terminal for the first time: a quick answer after that counts."""
        if self._drawn is None and self is self.app.screen and any(each.region for each in self.query("#no")):
            self._drawn = monotonic()

    def unseen(self, event: events.Key) -> bool:
        """Whether a key came before the plan could be read, however late it is looked at."""
        return self._drawn is None or event.time < self._drawn

    def _steps(self) -> Text:
        shown = Text()
        for step in self._plan.steps:
            shown.append(f" {glyphs().bullet} {clean(step)}\n")
        if self._plan.undo:
            shown.append("\nundo: ", style="bright_black")
            shown.append(clean(self._plan.undo) + "\n")
        if self._command:
            shown.append("cli:  ", style="bright_black")
            shown.append(clean(self._command))
        return shown

    @on(Button.Pressed, "#yes")
    def action_plan_yes(self) -> None:
        """Confirms, unless something that is needed is missing, or there is nothing to do."""
        if self._nothing:
            return
        reason = self.query_one("#reason", Input).value.strip() if self._reason != "no" else ""
        if self._reason == "required" and not reason:
            self.query_one("#reason").focus()
            self.query_one("#reason").add_class("missing")
            return
        if self._word and self.query_one("#word", Input).value != self._word:
            self.query_one("#word").focus()
            self.query_one("#word").add_class("missing")
            return
        self.dismiss(Confirmed(reason))

    @on(Button.Pressed, "#no")
    def action_plan_no(self) -> None:
        """Leaves everything as it is."""
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one("#yes").focus()

    def action_reason(self, char: str) -> None:
        """The first letter of the reason."""
        if self._nothing:
            return
        field = self.query_one("#reason", Input)
        field.focus()
        field.insert_text_at_cursor(char)

    def action_plan_left(self) -> None:
        """The button or field before."""
        self.focus_previous()

    def action_plan_right(self) -> None:
        """The next button or field."""
        self.focus_next()

    def action_plan_down(self) -> None:
        """One line of the steps down."""
        self.query_one(VerticalScroll).scroll_relative(y=1, animate=False)

    def action_plan_up(self) -> None:
        """One line up."""
        self.query_one(VerticalScroll).scroll_relative(y=-1, animate=False)
