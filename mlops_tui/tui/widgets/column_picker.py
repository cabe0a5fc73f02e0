"""Which columns a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from mlops_tui.text import clean
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import glyphs
from mlops_tui.tui.own_keys import keyed


class ColumnPicker(ModalScreen[list[str] | None]):
    """Answers the keys of the chosen columns in order; None when it was left with Esc."""

    DEFAULT_CSS = """
    ColumnPicker {
        align: center middle;
        & > Vertical { width: 50; max-width: 90%; height: auto; max-height: 90%; background: $surface; padding: 1 2; }
        & OptionList { height: auto; max-height: 100%; border: none; background: $surface; padding: 0; scrollbar-size-vertical: 1; }
        & OptionList:focus { border: none; }
        & .title { text-style: bold; margin-bottom: 1; }
        & .keys { color: $text-muted; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[Any]] = bindings("picker")

    def __init__(self, fields: Sequence[tuple[str, str]], chosen: Sequence[str]) -> None:
        """`fields`: (key, title) of all columns there are; `chosen`: keys of those shown, in order."""
        super().__init__()
        titles = dict(fields)
        shown = [key for key in dict.fromkeys(chosen) if key in titles]
        self._titles = titles
        self._order = shown + [key for key in titles if key not in set(shown)]
        self._chosen = set(shown)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Columns", classes="title", markup=False)
            yield OptionList(*self._options(), markup=False)
            yield Static(
                keyed(
                    "{picker.toggle} show  {picker.carry-down} and {picker.carry-up} move  {picker.take} take  {picker.leave} leave"
                ),
                classes="keys",
                markup=False,
            )

    def _options(self) -> list[Option]:
        return [Option(self._line(key)) for key in self._order]

    def _line(self, key: str) -> Text:
        sign = f"[{glyphs().mark}]" if key in self._chosen else "[ ]"
        return Text(f"{sign} {clean(self._titles[key])}", no_wrap=True, overflow="ellipsis")

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    def action_picker_down(self) -> None:
        """The cursor down."""
        self._list.action_cursor_down()

    def action_picker_up(self) -> None:
        """The cursor up."""
        self._list.action_cursor_up()

    def action_picker_toggle(self) -> None:
        """Shows or hides the column; the last one stays."""
        at = self._list.highlighted
        if at is None:
            return
        key = self._order[at]
        if self._chosen != {key}:
            self._chosen ^= {key}
            self._list.replace_option_prompt_at_index(at, self._line(key))

    def action_picker_carry_down(self) -> None:
        """Moves the column one place down."""
        self._carry(1)

    def action_picker_carry_up(self) -> None:
        """Moves the column one place up."""
        self._carry(-1)

    def _carry(self, step: int) -> None:
        at = self._list.highlighted
        if at is None or not 0 <= at + step < len(self._order):
            return
        to = at + step
        self._order[at], self._order[to] = self._order[to], self._order[at]
        for index in (at, to):
            self._list.replace_option_prompt_at_index(index, self._line(self._order[index]))
        self._list.highlighted = to

    def action_picker_take(self) -> None:
        """Closes with the columns as they are here."""
        self.dismiss([key for key in self._order if key in self._chosen])

    def action_picker_leave(self) -> None:
        """Closes without a change."""
        self.dismiss(None)
