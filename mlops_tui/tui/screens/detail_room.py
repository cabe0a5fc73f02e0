"""One thing, in panes behind tabs; a pane is made when it is first looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, cast

import msgspec
from rich.cells import cell_len
from rich.text import Text
from textual import events, on, work
from textual.containers import Container
from textual.geometry import Offset
from textual.widget import Widget

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.exporting import export_rows
from mlops_tui.tui.formats import clean
from mlops_tui.tui.jumping import Landing
from mlops_tui.tui.screens.table_keys import TableKeys
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.lines import Line
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.tui.widgets.split import Split


@dataclass(frozen=True)
class Tab:
    """A pane: `make` gives its widget, which gets the id `pane-<id>`."""

    id: str
    title: str
    make: Callable[[], Widget] = Doc


class DetailRoom(TableKeys):
    """A subclass names its tabs and draws the one in front in `draw()`, from what `load()` has asked for."""

    TABS: ClassVar[tuple[Tab, ...]] = ()
    BINDINGS: ClassVar[list[Any]] = bindings("detail")

    def __init__(self, tab: str = "") -> None:
        super().__init__()
        self.tabs = self.TABS
        self.tab = tab or self.TABS[0].id
        self._tab_places: dict[str, int] = {}

    def body(self) -> Iterable[Widget]:
        yield Line(id="tabs")
        yield Container(id="panes")

    def on_mount(self) -> None:
        self.show_tab(self.tab)

    def draw(self) -> None:
        """Draws the pane in front, where its facts have come."""

    def pane(self, id: str = "") -> Widget | None:
        """The widget of a tab (the one in front), None while it has not been looked at."""
        found = self.query(f"#pane-{id or self.tab}")
        return found.first() if found else None

    def table_in_front(self) -> QueryTable | None:
        pane = self.pane()
        return pane.table if isinstance(pane, Split) else pane if isinstance(pane, QueryTable) else None

    def listed(self) -> Sequence[Any]:
        """All rows of the table in front, as they are exported."""
        pane = self.pane()
        return pane.rows if isinstance(pane, Split) else ()

    @work(exclusive=True, group="export")
    async def action_list_export(self) -> None:
        if self._table() is not None:
            await export_rows(self, self.tab, [msgspec.to_builtins(row) for row in self.listed()])

    @property
    def doc(self) -> Doc:
        """The pane in front, where it is a text."""
        return cast("Doc", self.pane())

    def show_tab(self, id: str) -> None:
        """Brings a tab to the front."""
        self.tab = id
        if self.pane() is None:
            tab = next(each for each in self.TABS if each.id == id)
            made = tab.make()
            made.id = f"pane-{id}"
            self.query_one("#panes").mount(made)
        for each in self.query("#panes > *"):
            each.display = each.id == f"pane-{id}"
        self.call_after_refresh(self._focus_and_draw)
        self._draw_tabs()
        self.show_frame()

    def _focus_and_draw(self) -> None:
        pane = self.pane()
        if pane is None:
            return
        target = pane if pane.can_focus else next((each for each in pane.query("*") if each.can_focus), None)
        if target is not None:
            target.focus()
        self.draw()

    def leave_out(self, ids: Collection[str]) -> None:
        """Tabs that can have nothing to show here are not offered; the one in front stays until it is left."""
        self.tabs = tuple(each for each in self.TABS if each.id not in ids or each.id == self.tab)
        if not self.gone:
            self._draw_tabs()

    def _draw_tabs(self) -> None:
        """The titles; where they do not all fit, those before the one in front give way."""
        line = self.query_one("#tabs", Line)
        titles = [f" {clean(each.title)} " for each in self.tabs]
        front = next(place for place, each in enumerate(self.tabs) if each.id == self.tab)
        first = 0
        # the one in front and the one after it, with a mark at either end
        while (
            first < front
            and sum(map(cell_len, titles[first : front + 2])) + front - first + 5 > self.app.size.width
        ):
            first += 1
        shown = Text(no_wrap=True).append("<" if first else " ", style="bright_black")
        self._tab_places = {}
        for place, title in enumerate(titles[first:], first):
            self._tab_places[self.tabs[place].id] = shown.cell_len
            shown.append(title, style="bold reverse" if place == front else "bright_black")
            shown.append(" ")
        line.show(shown)

    def jumps(self) -> Iterable[Landing]:
        """The titles of the tabs."""
        line = self.query_one("#tabs", Line).region
        for id, x in self._tab_places.items():
            if x < line.width:
                yield Landing(Offset(x, line.y), partial(self.show_tab, id))

    @on(events.Click, "#tabs")
    def _clicked(self, event: events.Click) -> None:
        """The tab under the mouse."""
        found = [id for id, x in self._tab_places.items() if x <= event.x]
        if found:
            self.show_tab(found[-1])

    def _step(self, direction: int) -> None:
        ids = [each.id for each in self.tabs]
        self.show_tab(ids[(ids.index(self.tab) + direction) % len(ids)])

    def action_tab_next(self) -> None:
        self._step(1)

    def action_tab_previous(self) -> None:
        self._step(-1)
