"""A text that is looked for in the rows of a table that are here."""

from __future__ import annotations

import re

from mlops_tui.text import clean
from mlops_tui.tui.dialogs.find import ask_for_text
from mlops_tui.tui.widgets.table.moving import MovedTable


class FoundTable(MovedTable, can_focus=True, inherit_bindings=False):
    """The part of QueryTable that is searched."""

    def find(self, text: str, forward: bool = True) -> bool:
        """Highlights a text in the rows that are here and moves to the next one that has it; "" ends it.

        False when no row that is loaded has it.
        """
        self._needle = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._lines.clear()
        self.refresh()
        return bool(text) and self._next_match(forward, here=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of a search are the screen's own while nothing is searched for."""
        return self._needle is not None or not action.startswith("table_find_")

    def action_table_find(self) -> None:
        """Asks for a text and goes to the next line that has it."""
        ask_for_text(self, self.find)

    def action_table_find_next(self) -> None:
        """To the next row that has the text."""
        self._next_match(True)

    def action_table_find_previous(self) -> None:
        """To the previous row that has the text."""
        self._next_match(False)

    def _next_match(self, forward: bool, here: bool = False) -> bool:
        """Moves to the next loaded row whose visible columns have the text, around the end; `here` counts too."""
        if self._needle is None:
            return False
        rows = list(self._rows.loaded())
        step = 1 if forward else -1
        after = [
            found
            for found in rows
            if (found[0] - self._cursor) * step > 0 or (here and found[0] == self._cursor)
        ]
        before = [found for found in rows if (found[0] - self._cursor) * step <= 0]
        for index, row in [*after[::step], *before[::step]]:
            cells = (self._columns[placed.index].cell(row) for placed in self._placed())
            if any(self._needle.search(clean(str(cell))) for cell in cells):
                self.move_to(index)
                return True
        return False
