"""A list with a preview: the class of all list screens, which differ in verb, columns and actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual import work
from textual.containers import Container
from textual.widget import Widget

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.screens.list_views import ListViews
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.filter_bar import FilterBar
from mlops_tui.tui.widgets.query_table import Column, QueryTable


class ListRoom(ListViews):
    """The filter above, the rows, and the preview of one of them; and how large each is."""

    BINDINGS: ClassVar[list[Any]] = bindings("list")
    share = 0
    """Per cent of the split that the preview was given by hand; 0: as the layout has it."""

    def body(self) -> Iterable[Widget]:
        self._project = self.link.project[0]
        yield FilterBar(
            value=self.filter_text,
            complete=self._completions,
            check=self._what_is_wrong,
            id="filter",
        )
        with_preview = Container(id="split")
        with_preview.compose_add_child(
            QueryTable(self._named(self.columns()), row_key=self.row_key, empty=self.empty_text(), id="table")
        )
        with_preview.compose_add_child(Doc(id="preview"))
        yield with_preview

    def on_mount(self) -> None:
        self.show_order()
        self.show_frame()
        self.set_focus(self.table)

    @work(exclusive=True, group="export")
    async def action_list_export(self) -> None:
        from mlops_tui.tui.exporting import export

        await export(self)

    # --- sizes ---

    def action_list_preview(self) -> None:
        self.toggle_class("-drawer")

    def action_list_grow(self) -> None:
        self._resize_preview(5)

    def action_list_shrink(self) -> None:
        self._resize_preview(-5)

    def action_list_reset(self) -> None:
        self.share = 0
        self._apply_share()

    def _resize_preview(self, step: int) -> None:
        """More or less of the split for the preview, in per cent of its longer side."""
        pane, split = self.query_one("#preview"), self.query_one("#split")
        beside = pane.size.height >= split.size.height
        now = self.share or round(
            100 * (pane.size.width / split.size.width if beside else pane.size.height / split.size.height)
        )
        self.share = min(max(now + step, 10), 85)
        self._apply_share()

    def _apply_share(self) -> None:
        """Sizes by hand hold until they are reset or the terminal's shape changes the layout."""
        pane, split = self.query_one("#preview"), self.query_one("#split")
        beside = pane.size.height >= split.size.height
        pane.styles.width = f"{self.share}%" if self.share and beside else None
        pane.styles.height = f"{self.share}%" if self.share and not beside else None


__all__ = ["Column", "ListRoom"]
