"""The line in which a filter is typed: completion, a preview while typing, the error under its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Protocol

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from mlops_tui.text import clean
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import glyphs

PREVIEW = 0.15
"""Seconds without a key before the list follows what is typed."""

_SHOWN = 6


class Completion(Protocol):
    """Replaces [start, end) of the line by `text`; `kind` is a word such as "field", `hint` a few more."""

    @property
    def text(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def hint(self) -> str: ...


Complete = Callable[[str, int], Iterable[Completion]]
Check = Callable[[str], Any]


class FilterLine(Input, inherit_bindings=True):
    """The input itself: Tab, arrows, Enter and Esc are the bar's."""

    BINDINGS: ClassVar[list[Any]] = bindings("filter")

    def action_filter_complete(self) -> None:
        """The next completion of the word at the cursor."""
        self._bar.complete(1)

    def action_filter_complete_back(self) -> None:
        """The completion before."""
        self._bar.complete(-1)

    def action_filter_earlier(self) -> None:
        """A filter from before."""
        self._bar.recall(-1)

    def action_filter_later(self) -> None:
        """Forward again."""
        self._bar.recall(1)

    def action_filter_cancel(self) -> None:
        """The filter as it was."""
        self._bar.cancel()

    @property
    def _bar(self) -> FilterBar:
        bar = self.query_ancestor(FilterBar)
        return bar


class FilterBar(Vertical):
    """One line while idle; below it, while typing, the completions or what is wrong."""

    DEFAULT_CSS = """
    FilterBar {
        height: auto; background: $background;
        & #filter-row { height: 1; }
        & #filter-sign { width: 2; color: $primary; }
        & FilterLine { width: 1fr; height: 1; border: none; padding: 0; background: $background; color: $foreground; }
        & FilterLine:focus { border: none; background: $surface; }
        & #filter-below { height: 1; display: none; color: $text-muted; padding: 0 0 0 2; }
        &.-below #filter-below { display: block; }
        &.-wrong #filter-below { height: 2; color: $error; }
    }
    """

    class _Said(Message):
        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar, self.text = bar, text

    class Changed(_Said, namespace="filter_bar"):
        """The text is a filter and no key came for a moment: the list may follow."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterBar.Changed)

    class Applied(_Said, namespace="filter_bar"):
        """Enter."""

    class Cancelled(_Said, namespace="filter_bar"):
        """Esc; `text` is the filter from before."""

    def __init__(
        self,
        value: str = "",
        *,
        complete: Complete | None = None,
        check: Check | None = None,
        id: str | None = None,
    ) -> None:
        """`check` answers None for a good filter, else something with `at` (index of a character) and `what`,
        or a Problem, or text."""
        super().__init__(id=id)
        self._value = value
        self._complete, self._check = complete, check
        self._history: list[str] = []
        self._place = len(self._history)
        self._draft = ""
        self._offers: list[Completion] = []
        self._chosen = -1
        self._typed: tuple[str, int] = ("", 0)
        self._timer: Timer | None = None
        self._told = value

    def compose(self) -> ComposeResult:
        line = FilterLine(self._value, placeholder="filter", id="filter-line", select_on_focus=False)
        line.cursor_blink = False
        line.can_focus = False
        yield Horizontal(Static("/", id="filter-sign", markup=False), line, id="filter-row")
        yield Static("", id="filter-below", markup=False)

    # --- what the screen uses ---------------------------------------------------------------------------------

    @property
    def line(self) -> FilterLine:
        """The input."""
        return self.query_one(FilterLine)

    @property
    def value(self) -> str:
        """The filter that holds."""
        return self._value

    @value.setter
    def value(self, text: str) -> None:
        self._value = self._told = text
        if self.is_mounted:
            with self.prevent(Input.Changed):
                self.line.value = text
            self._below(None)

    def open(self) -> None:
        """Puts the cursor into the line."""
        self.line.can_focus = True
        self.screen.set_focus(self.line)
        self.line.cursor_position = len(self.line.value)
        self._place = len(self._history)

    def complain(self, at: int, what: str) -> None:
        """Says what is wrong, with a caret under the place (index of a character)."""
        before = cell_len(clean(self.line.value[: max(0, at)]))
        # The line scrolls when it is long: the caret goes with it, and stays inside.
        column = min(max(0, before - self.line.scroll_offset.x), max(0, self.line.size.width - 1))
        text = Text(" " * column + "^", no_wrap=True)
        text.append("\n" + clean(what), style="")
        self._below(text, wrong=True)

    # --- typing -----------------------------------------------------------------------------------------------

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._offers, self._chosen = [], -1
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PREVIEW, self._preview)
        self._offer()

    def _offer(self) -> None:
        """Shows what Tab would put in."""
        self._typed = (self.line.value, self.line.cursor_position)
        self._offers = list(self._complete(*self._typed)) if self._complete is not None else []
        self._show_offers()

    def _show_offers(self) -> None:
        if not self._offers:
            self._below(None)
            return
        first = max(0, min(self._chosen - _SHOWN + 1, len(self._offers) - _SHOWN))
        shown = Text(no_wrap=True, overflow="ellipsis")
        for place, offer in enumerate(self._offers[first : first + _SHOWN], first):
            shown.append(
                f" {clean(offer.text.strip())} ", style="reverse" if place == self._chosen else "bold"
            )
            shown.append(" ")
        chosen = self._offers[max(0, self._chosen)]
        shown.append(clean(f"{chosen.kind}  {chosen.hint}"), style="dim")
        if len(self._offers) > first + _SHOWN:
            shown.append(f"  +{len(self._offers) - first - _SHOWN}{glyphs().ellipsis}", style="dim")
        self._below(shown)

    def complete(self, step: int) -> None:
        """Puts in the next completion; all of them replace what was typed, not each other."""
        if not self._offers:
            self._offer()
        if not self._offers:
            return
        self._chosen = (self._chosen + step) % len(self._offers) if self._chosen >= 0 or step > 0 else -1
        offer = self._offers[self._chosen]
        typed = self._typed[0]
        with self.prevent(Input.Changed):
            self.line.value = typed[: offer.start] + offer.text + typed[offer.end :]
            self.line.cursor_position = offer.start + len(offer.text)
        if len(self._offers) == 1:
            self._offers, self._chosen = [], -1
            self._below(None)
        else:
            self._show_offers()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PREVIEW, self._preview)

    def _wrong(self, text: str) -> tuple[int, str] | None:
        found = self._check(text) if self._check is not None and text.strip() else None
        if found is None or found is True:
            return None
        what = getattr(found, "what", None) or getattr(found, "message", None) or str(found)
        at = getattr(found, "at", getattr(found, "position", None))
        return (at if isinstance(at, int) else len(text)), what

    def _preview(self) -> None:
        """The list follows; while the text is no filter, it keeps the last good one."""
        text = self.line.value
        if text != self._told and self._wrong(text) is None:
            self._told = text
            self.post_message(self.Changed(self, text))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = self.line.value
        wrong = self._wrong(text)
        if wrong is not None:
            self.complain(*wrong)
            return
        if text.strip() and (not self._history or self._history[-1] != text):
            self._history.append(text)
        self._value = self._told = text
        self._close()
        self.post_message(self.Applied(self, text))

    def cancel(self) -> None:
        """The filter from before."""
        self.value = self._value
        self._close()
        self.post_message(self.Cancelled(self, self._value))

    def recall(self, step: int) -> None:
        """Goes through the filters that were used; past the last, back to what was being typed."""
        place = max(0, min(self._place + step, len(self._history)))
        if place == self._place:
            return
        if self._place == len(self._history):
            self._draft = self.line.value
        self._place = place
        self.line.value = self._history[place] if place < len(self._history) else self._draft
        self.line.cursor_position = len(self.line.value)

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._below(None)
        self.line.can_focus = False
        if self.line.has_focus:
            self.screen.set_focus(None)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Tab stops skip a line that nobody opened."""
        self.line.can_focus = False
        self._below(None)

    def _below(self, text: Text | None, wrong: bool = False) -> None:
        if text is None and not self.has_class("-below"):
            return
        self.update_classes({"-below": text is not None, "-wrong": wrong and text is not None})
        # The classes say how high it is: a text alone needs no layout of the screen.
        self.query_one("#filter-below", Static).update("" if text is None else text, layout=False)
