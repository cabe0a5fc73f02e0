"""The palette: any action, any screen, any entity, by a few letters of its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.fuzzy import Matcher
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from mlops_tui.pages.layout import cut
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import at_word, clean

_NAMED = 1000.0
_ACTIONS = 8
"""Actions before and after the entities, once something is typed."""
DELAY = 0.15
"""Seconds without a key before entities are asked for."""


@dataclass(frozen=True)
class Entry:
    """Something to choose: `kind` is action or the kind of entity; `why` says why it cannot be chosen now."""

    kind: str
    value: str
    title: str
    help: str = ""
    keys: str = ""
    why: str = ""


Finder = Callable[[str], Awaitable[Sequence[Entry]]]


class Palette(ModalScreen[Entry | None]):
    """Returns what was chosen. `entries` are all actions; `find` asks for entities."""

    BINDINGS: ClassVar[list[Any]] = bindings("palette")

    def __init__(self, entries: Sequence[Entry], find: Finder, where: str = "") -> None:
        """`where`: in what was looked, for the case that nothing is found."""
        super().__init__()
        self._entries = entries
        self._find = find
        self._where = where
        self._looking = False
        self._shown: list[Entry] = []
        self._found: Sequence[Entry] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog palette"):
            yield Input(placeholder="an action, a screen, a run, a model, a source …", id="search")
            yield OptionList(id="matches")

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        self.set_focus(field)
        self._show("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._found = ()
        self._looking = len(event.value.strip()) >= 2
        self._show(event.value)
        self._ask(event.value.strip())

    @work(exclusive=True, group="find")
    async def _ask(self, text: str) -> None:
        if len(text) < 2:
            return
        from asyncio import sleep

        await sleep(DELAY)
        self._found = await self._find(text)
        self._looking = False
        self._show(self.query_one(Input).value)

    def _show(self, text: str) -> None:
        scored = [(_score(text, entry), entry) for entry in self._entries]
        ranked = sorted(
            (pair for pair in scored if pair[0] > 0), key=lambda pair: (bool(pair[1].why), -pair[0])
        )
        named = [entry for score, entry in ranked if score >= _NAMED][: _ACTIONS if text else None]
        others = [entry for score, entry in ranked if score < _NAMED][:_ACTIONS]
        self._shown = [*named, *self._found, *others]
        options = self.query_one(OptionList)
        options.clear_options()
        width = max(30, options.size.width or 70) - 4
        options.add_options([Option(_line(entry, width), disabled=bool(entry.why)) for entry in self._shown])
        if not self._shown:
            said = "looking …" if self._looking else f"nothing found for {text.strip()!r}{self._where}"
            options.add_option(Option(Text(clean(said), style="bright_black"), disabled=True))
        first = next((place for place, entry in enumerate(self._shown) if not entry.why), None)
        options.highlighted = first

    @on(Input.Submitted)
    def _submitted(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self.dismiss(self._shown[at])
        elif self._shown:
            first = self._shown[0]
            self.notify(clean(f"{first.title}: {first.why}"), severity="warning", markup=False)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index])

    def action_palette_down(self) -> None:
        """One line down, while the search field has the focus."""
        self.query_one(OptionList).action_cursor_down()

    def action_palette_up(self) -> None:
        """One line up."""
        self.query_one(OptionList).action_cursor_up()

    def action_palette_leave(self) -> None:
        """Nothing was chosen."""
        self.dismiss(None)


def _score(text: str, entry: Entry) -> float:
    """How well an action fits: the beginning of its name before a part of it, that before letters strewn over name and help."""
    if not text:
        return _NAMED
    wanted, title = text.lower(), entry.title.lower()
    if title.startswith(wanted):
        return 3 * _NAMED
    if wanted in title or wanted in entry.value.lower():
        return 2 * _NAMED
    return min(Matcher(text).match(f"{entry.title} {entry.help}"), _NAMED / 2)


def _line(entry: Entry, width: int) -> Text:
    shown = Text(no_wrap=True)
    shown.append(f"{clean(entry.kind):<9.9} ", style="bright_black")
    shown.append(f"{cut(clean(entry.title), 27):<27} ", style="bold")
    keys = clean(entry.keys) if len(entry.keys) <= 9 else clean(entry.keys.split()[0])
    shown.append(f"{keys:<9} ", style="cyan")
    shown.append(
        at_word(clean(entry.why or entry.help), max(4, width - shown.cell_len)), style="bright_black"
    )
    return shown
