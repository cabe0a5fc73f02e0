"""A form: names and values, checked where they are typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean
from mlops_tui.tui.own_keys import key_of, keyed

Values = dict[str, str]


class Field(msgspec.Struct, frozen=True):
    """One line of a form; `choices` makes it a choice, `hint` stands in an empty one."""

    name: str
    label: str
    value: str = ""
    choices: tuple[str, ...] = ()
    hint: str = ""


class Form(ModalScreen[Values | None]):
    """Returns what was typed. `check` gives (field, what is wrong) or None; the field that is wrong keeps the focus."""

    BINDINGS: ClassVar[list[Any]] = bindings("form")

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        *,
        yes: str = "Go on",
        check: Callable[[Values], tuple[str, str] | None] | None = None,
    ) -> None:
        super().__init__()
        self._title, self._fields, self._yes, self._check = title, fields, yes, check

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog form"):
            yield Static(Text(clean(self._title), style="bold"), markup=False, classes="title")
            with VerticalScroll(can_focus=False):
                for place, field in enumerate(self._fields):
                    with Horizontal(classes="field"):
                        yield Label(Text(clean(field.label)), markup=False)
                        if field.choices:
                            options = [(Text(clean(choice)), choice) for choice in field.choices]
                            value = field.value if field.value in field.choices else field.choices[0]
                            yield Select(
                                options, value=value, allow_blank=False, compact=True, id=f"field-{place}"
                            )
                        else:
                            yield Input(field.value, placeholder=clean(field.hint), id=f"field-{place}")
            yield Static("", id="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(keyed("Cancel ({form.leave})"), id="no", compact=True)
                yield Button(
                    f"{self._yes} ({key_of('form.send')})", id="yes", variant="primary", compact=True
                )

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        self.set_focus(self.query_one("#field-0"))

    def values(self) -> Values:
        """What stands in the form now."""
        found: Values = {}
        for place, field in enumerate(self._fields):
            widget = self.query_one(f"#field-{place}")
            found[field.name] = (
                widget.value.strip()
                if isinstance(widget, Input)
                else str(widget.value)
                if isinstance(widget, Select)
                else ""
            )
        return found

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field, and from the last one on."""
        if event.input is self.query(Input).last():
            self.action_form_send()
        else:
            self.focus_next()

    @on(Button.Pressed, "#yes")
    def action_form_send(self) -> None:
        """Returns the values, unless one of them is wrong."""
        values = self.values()
        try:
            wrong = self._check(values) if self._check is not None else None
        except (
            ValueError,
            OSError,
            RuntimeError,
        ) as error:  # what no check has thought of, such as ~nobody or a name of 5,000 letters
            wrong = self._fields[0].name, str(error)
        if wrong is None:
            self.dismiss(values)
            return
        name, what = wrong
        self.query_one("#wrong", Static).update(Text(clean(what)[:300], style="red"))
        place = next(place for place, field in enumerate(self._fields) if field.name == name)
        self.query_one(f"#field-{place}").focus()

    @on(Button.Pressed, "#no")
    def action_form_leave(self) -> None:
        """Nothing was sent."""
        self.dismiss(None)
