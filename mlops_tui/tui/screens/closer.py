"""A list whose preview shows all of what the row at the cursor stands for."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from rich.text import Text
from textual import work

from mlops_store.errors import Problem
from mlops_tui.tui.screens.list_room import ListRoom


class CloserRoom(ListRoom):
    """Where the cursor rests, its row's detail is asked for; until it has come, and where it cannot be had, the preview is of the row alone."""

    def __init__(self, filter: str = "", sort: str = "") -> None:
        super().__init__(filter, sort)
        self._detail: tuple[Any, Any] = (None, None)

    @abstractmethod
    def closer(self, row: Any) -> tuple[str, dict[str, Any]] | None:
        """The verb and fields of a row's detail; None where it has none."""

    def preview(self, row: Any, width: int) -> Text:
        asked, detail = self._detail
        return self.summary(row, detail if asked == row else None, width)

    @abstractmethod
    def summary(self, row: Any, detail: Any, width: int) -> Text:
        """Writes about a row; `detail` is the answer to `closer`, None before it has come."""

    def load(self) -> None:
        super().load()
        self._look_closer()

    def rested(self) -> None:
        super().rested()
        self._look_closer()

    def draw_preview(self) -> None:
        super().draw_preview()
        if self._detail[0] not in (None, self.table.row_at_cursor):  # the row has changed under the cursor
            self._look_closer()

    @work(exclusive=True, group="closer")
    async def _look_closer(self) -> None:
        row = self.table.row_at_cursor
        question = self.closer(row) if row is not None else None
        if question is None:
            return
        try:
            found = await self.link.ask(*question)
        except Problem:  # the row went meanwhile, or the line did: what is known of the row stands
            found = None
        self._detail = (row, found)
        if not self.gone:
            super().draw_preview()
