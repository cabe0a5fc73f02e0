"""The keys: those of the moment first, then all others; made from the registry, with the user's own keys."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from textwrap import wrap
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mlops_tui.tui.actions import ACTIONS, Action, bindings, shown_key
from mlops_tui.tui.formats import clean
from mlops_tui.tui.own_keys import keyed
from mlops_tui.tui.widgets.doc import Doc

TITLES = {
    "app": "everywhere", "room": "every screen", "list": "every list", "detail": "every detail screen", "table": "tables", "chart": "charts",
    "log": "logs", "doc": "texts", "filter": "the filter line", "picker": "the choice of columns",
    "board": "lines that open something", "query": "the query of SQL", "plan": "plans", "form": "forms", "field": "fields of forms", "choice": "choices", "reader": "texts over a screen",
    "help": "this help", "palette": "the palette", "command": "the command line", "find": "the search line", "jump": "letters to jump to",
}  # fmt: skip


def keys_of(action: Action, own: Mapping[str, str]) -> str:
    """The keys of an action as people call them: their own where they have chosen some."""
    return " ".join(shown_key(key) for key in own.get(action.id, action.keys).split())


class Help(ModalScreen[None]):
    """Searchable: typing narrows the list. `here`: contexts of the screen below, the nearest first; `own`: the user's keys by action."""

    BINDINGS: ClassVar[list[Any]] = bindings("help")

    def __init__(self, here: list[str], own: Mapping[str, str]) -> None:
        super().__init__()
        self._here = here
        self._own = own

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog reader"):
            yield Static(Text("Keys", style="bold"), markup=False)
            yield Input(
                placeholder=keyed("type to search; {help.up} {help.down} scroll, {help.leave} leaves"),
                id="search",
            )
            yield Doc(id="keys")

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        self.set_focus(field)
        self._draw("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._draw(event.value)

    def _draw(self, wanted: str) -> None:
        self.query_one(Doc).write(lambda width: self._text(wanted.lower(), width))

    def _text(self, wanted: str, width: int) -> Text:
        shown = Text()
        contexts = [
            *self._here,
            *(
                where
                for where in dict.fromkeys(c for a in ACTIONS.values() for c in a.contexts)
                if where not in self._here
            ),
        ]
        for where in contexts:
            found = [
                a
                for a in ACTIONS.values()
                if where in a.contexts and wanted in f"{a.title} {a.help} {a.id} {a.keys} {a.verb}".lower()
            ]
            if not found:
                continue
            if shown:
                shown.append("\n")
            shown.append(TITLES.get(where, where) + "\n", style="bold underline")
            for action in found:
                self._append(shown, action, width)
        return shown if shown else Text("no key does that")

    def _append(self, shown: Text, action: Action, width: int) -> None:
        """Keys, title and help side by side, each wrapped in its column."""
        columns = (
            (keys_of(action, self._own) or "palette", 12, "bold cyan"),
            (action.title, 18, ""),
            (action.help, max(20, width - 33), "bright_black"),
        )
        wrapped = [wrap(clean(text), wide) for text, wide, _ in columns]
        for parts in zip_longest(*wrapped, fillvalue=""):
            for part, (_, wide, style) in zip(parts, columns, strict=True):
                shown.append(f" {part:<{wide}}", style=style)
            shown.rstrip()
            shown.append("\n")

    def action_help_down(self) -> None:
        """One line down, while the search field has the focus."""
        self.query_one(Doc).action_doc_down()

    def action_help_up(self) -> None:
        """One line up."""
        self.query_one(Doc).action_doc_up()

    def action_help_page_down(self) -> None:
        """A page down."""
        self.query_one(Doc).action_doc_page_down()

    def action_help_page_up(self) -> None:
        """A page up."""
        self.query_one(Doc).action_doc_page_up()

    def action_help_leave(self) -> None:
        """Back."""
        self.dismiss(None)
