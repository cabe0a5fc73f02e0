"""A form: names and values, checked where they are typed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

import msgspec
from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import Suggester, SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean, glyphs
from mlops_tui.tui.own_keys import key_of, keyed

Values = dict[str, str]
_DENSE = 7
"""Fields from which on they stand without a line between them."""
_SAID = 15
"""Lines of a form of many fields that are not fields: border, title, help, note, what is wrong, buttons."""


class Field(msgspec.Struct, frozen=True):
    """One line of a form; `choices` makes it a choice, `hint` stands in an empty one (of a choice: in place of an empty value). `help` is said while it
    has the focus. `offers` are texts that can be taken by a key; `complete` finds others. `check` says what is wrong with a text, or nothing. A field that
    `leads` decides which others there are."""

    name: str
    label: str
    value: str = ""
    choices: tuple[str, ...] = ()
    hint: str = ""
    help: str = ""
    offers: tuple[str, ...] = ()
    complete: Suggester | None = None
    check: Callable[[str], str] | None = None
    leads: bool = False


class Entry(Input):
    """The text of a field."""

    BINDINGS: ClassVar[list[Any]] = bindings("field")

    def __init__(self, field: Field, value: str) -> None:
        super().__init__(value, id="value")
        self.cursor_blink = False
        self.offer(field)

    def offer(self, field: Field) -> None:
        """What stands in it while it is empty, and what can be taken by a key."""
        self._offers = field.offers
        self.placeholder = clean(field.hint)
        offered = SuggestFromList(field.offers, case_sensitive=True) if field.offers else None
        self.suggester = field.complete or offered

    def action_field_next(self) -> None:
        self._turn(1)

    def action_field_before(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        if self._offers:
            known = self.value in self._offers
            place = self._offers.index(self.value) + step if known else min(0, step)
            self.value = self._offers[place % len(self._offers)]
            self.cursor_position = len(self.value)

    def action_field_complete(self) -> None:
        """Takes the grey text where there is some; else on to the next field."""
        before = self.value
        if self.cursor_at_end:
            self.action_cursor_right()
        if self.value == before:
            self.screen.focus_next()


class Row(Vertical):
    """A field, and below it what is wrong with it."""

    def __init__(self, field: Field, value: str) -> None:
        super().__init__(classes="row")
        self.field, self._first = field, value

    def compose(self) -> ComposeResult:
        field = self.field
        with Horizontal(classes="field"):
            yield Label(Text(clean(field.label)), markup=False)
            if field.choices:
                options = [(Text(clean(choice or field.hint)), choice) for choice in field.choices]
                value = self._first if self._first in field.choices else field.choices[0]
                yield Select(options, value=value, allow_blank=False, compact=True, id="value")
            else:
                yield Entry(field, self._first)
        yield Static("", classes="wrong", markup=False)

    def adopt(self, field: Field) -> bool:
        """Becomes another field of that name, as far as it is of the same kind; what was typed stays."""
        if field.choices != self.field.choices:
            return False
        untouched = self.value == self.field.value
        self.field = field
        found = self.input
        if isinstance(found, Entry):
            found.offer(field)
            if untouched:
                found.value = field.value
        if self.complains:
            self.wrong()
        return True

    @property
    def input(self) -> Widget:
        """What its text is typed into, or chosen with."""
        return self.query_one("#value")

    @property
    def value(self) -> str:
        """What stands in it now."""
        found = self.input
        if isinstance(found, Input):
            return found.value.strip()
        return str(found.value) if isinstance(found, Select) else ""

    def wrong(self) -> str:
        """What is wrong with its text by itself; shown below it."""
        words = self.field.check(self.value) if self.field.check is not None else ""
        self.say(words)
        return words

    def say(self, words: str) -> None:
        """Writes below the field what is wrong with it; nothing takes it away."""
        below = self.query_one(".wrong", Static)
        below.update(Text(f"{glyphs().bad} {clean(words)[:300]}" if words else "", style="red"))
        below.display = bool(words)

    @property
    def complains(self) -> bool:
        return bool(self.query_one(".wrong", Static).display)


class Form(ModalScreen[Values | None]):
    """Returns what was typed. `check` gives (field, what is wrong) or None; the field that is wrong keeps the focus.

    `again` gives the fields anew when one that leads has another value: what was typed into the others stays, also into those that go and come back.
    `note` says in a line what the values mean together. A form that `stays` is not left by being sent: each `sent` gives the values of one time, until it
    is closed, so that nothing typed is lost where they are refused.
    """

    BINDINGS: ClassVar[list[Any]] = bindings("form")
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        *,
        yes: str = "Go on",
        check: Callable[[Values], tuple[str, str] | None] | None = None,
        again: Callable[[Values], Awaitable[Sequence[Field]]] | None = None,
        note: Callable[[Values], str] | None = None,
        stays: bool = False,
    ) -> None:
        super().__init__()
        self._title, self._fields, self._yes, self._check = title, list(fields), yes, check
        self._again, self._note, self._stays = again, note, stays
        self._typed: Values = {}
        self._led: Values = {}
        self._asking = self._send_then = self._done = False
        self._sent: asyncio.Queue[Values | None] = asyncio.Queue()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog form"):
            yield Static(Text(clean(self._title), style="bold"), markup=False, classes="title")
            with VerticalScroll(can_focus=False):
                yield from (Row(field, field.value) for field in self._fields)
            yield Static("", id="help", markup=False)
            yield Static("", id="note", markup=False)
            yield Static("", id="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(keyed("Cancel ({form.leave})"), id="no", compact=True)
                yield Button(
                    f"{self._yes} ({key_of('form.send')})", id="yes", variant="primary", compact=True
                )

    def on_mount(self) -> None:
        self._led = self._leading()
        self._fit()
        self.query_one("#help").display = any(field.help for field in self._fields)
        self.refuse(None)
        self._say_note()
        self.set_focus(self._rows()[0].input)

    def _rows(self) -> list[Row]:
        return list(self.query(Row))

    def row(self, name: str) -> Row:
        """The line of a field. Raises StopIteration where there is none."""
        return next(row for row in self._rows() if row.field.name == name)

    def _fit(self) -> None:
        """Labels of one width; many fields stand close, and leave room for what is said of them."""
        widest = max((cell_len(clean(row.field.label)) for row in self._rows()), default=0)
        for label in self.query(".field Label"):
            label.styles.width = min(max(14, widest + 2), 26)
        dialog, count = self.query_one(".form"), len(self._rows())
        dialog.set_class(count > _DENSE, "-dense")
        dialog.styles.height = count + _SAID if count > _DENSE else "auto"

    def values(self) -> Values:
        """What stands in the form now."""
        return {row.field.name: row.value for row in self._rows()}

    # --- while it is filled in ---

    @on(events.DescendantFocus)
    def _explain(self, event: events.DescendantFocus) -> None:
        row = next((each for each in event.widget.ancestors_with_self if isinstance(each, Row)), None)
        if row is None:
            return
        field, keys = row.field, []
        if field.offers and not field.choices:
            keys.append(keyed("{field.next} {field.before} choose"))
        if field.complete is not None:
            keys.append(keyed("{field.complete} completes"))
        shown = Text(clean(field.help), style="bright_black")
        self.query_one("#help", Static).update(
            shown.append("".join(f"  {each}" for each in keys), style="cyan")
        )

    @on(events.DescendantBlur)
    def _left_field(self, event: events.DescendantBlur) -> None:
        """A text is judged when it is finished, and led by when it leads."""
        row = next((each for each in event.widget.ancestors_with_self if isinstance(each, Row)), None)
        if row is not None and row.is_mounted and isinstance(event.widget, Input):
            row.wrong()
            self._lead()

    @on(Input.Changed)
    def _typing(self, event: Input.Changed) -> None:
        row = next((each for each in event.input.ancestors_with_self if isinstance(each, Row)), None)
        if row is not None and row.complains:
            row.wrong()
        self._say_note()

    @on(Select.Changed)
    def _chosen(self) -> None:
        self._say_note()
        self._lead()

    def _say_note(self) -> None:
        words = self._note(self.values()) if self._note is not None else ""
        line = self.query_one("#note", Static)
        line.update(Text(clean(words)))
        line.display = bool(words)

    # --- fields that depend on others ---

    def _leading(self) -> Values:
        return {row.field.name: row.value for row in self._rows() if row.field.leads}

    def _lead(self) -> None:
        if self._again is not None and self._leading() != self._led:
            self._led, self._asking = self._leading(), True
            self.run_worker(self._ask_again(), exclusive=True, group="fields")

    async def _ask_again(self) -> None:
        assert self._again is not None
        try:
            fields = await self._again(self.values())
            self.refuse(None)
            await self._show(fields)
        except Problem as problem:
            self.refuse(problem)
            self._send_then = False
        finally:
            self._asking = False
        if self._send_then:
            self._send_then = False
            self.action_form_send()

    async def _show(self, fields: Sequence[Field]) -> None:
        """Puts these fields in place of those that were there. What was typed stays."""
        wanted = {field.name: field for field in fields}
        async with self.batch():
            for row in self._rows():
                name = row.field.name
                if row.value != row.field.value:
                    self._typed[name] = row.value
                if name not in wanted or not row.adopt(wanted[name]):
                    await row.remove()
            there = {row.field.name: row for row in self._rows()}
            place = self.query_one(VerticalScroll)
            before: Row | None = None
            for field in fields:
                found = there.get(field.name)
                if found is None:
                    found = Row(field, self._typed.get(field.name, field.value))
                    await place.mount(found, after=before, before=0 if before is None else None)
                before = found
        self._fields = list(fields)
        self._fit()
        self._say_note()

    # --- sending ---

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field, and from the last one on."""
        if event.input is self.query(Input).last():
            self.action_form_send()
        else:
            self.focus_next()

    @on(Button.Pressed, "#yes")
    def action_form_send(self) -> None:
        """Returns the values, unless one of them is wrong. Fields that are being asked for come first."""
        self._lead()
        if self._asking:
            self._send_then = True
            return
        values = self.values()
        wrong = [row for row in self._rows() if row.wrong()]
        if wrong:
            wrong[0].input.focus()
            return
        try:
            found = self._check(values) if self._check is not None else None
        except (
            ValueError,
            OSError,
            RuntimeError,
        ) as error:  # what no check has thought of, such as ~nobody or a name of 5,000 letters
            found = self._fields[0].name, str(error)
        if found is not None:
            row = self.row(found[0])
            row.say(found[1])
            row.input.focus()
        elif self._stays:
            self.refuse(None)
            self._sent.put_nowait(values)
        else:
            self.dismiss(values)

    @on(Button.Pressed, "#no")
    def action_form_leave(self) -> None:
        """Nothing was sent."""
        self._sent.put_nowait(None)
        self.dismiss(None)

    async def sent(self) -> Values | None:
        """The values, each time that they are sent; None where it was left."""
        return await self._sent.get()

    @property
    def open(self) -> bool:
        """Whether it is still there, perhaps behind what it led to."""
        return self in self.app.screen_stack

    def close(self) -> None:
        """What it was for is done, or nobody waits for it any more."""
        self._done = True
        if self.app.screen is self:
            self.dismiss(None)

    def on_screen_resume(self) -> None:
        if self._done:
            self.dismiss(None)

    def refuse(self, problem: Problem | None) -> None:
        """Says why what was sent is not done; the form stays as it was filled in."""
        line = self.query_one("#wrong", Static)
        words = "" if problem is None else f"{glyphs().bad} {clean(problem.message)}"
        shown = Text(words[:400], style="red")
        if problem is not None and problem.hint:
            shown.append(f"\n  {clean(problem.hint)[:400]}", style="bright_black")
        line.update(shown)
        line.display = problem is not None
