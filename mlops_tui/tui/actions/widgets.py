"""What keys do in the parts that many screens have: tables, logs, the filter line, the choice of columns."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import MOVE, VIEW, Action


def _moves(where: str, end: str) -> list[Action]:
    """Moving over lines, the same in tables, logs and texts."""
    return [
        Action(f"{where}.down", "Down", "One line down.", "j down", where, reason=MOVE),
        Action(f"{where}.up", "Up", "One line up.", "k up", where, reason=MOVE),
        Action(f"{where}.half-down", "Half a page down", "Half a page down.", "ctrl+d", where, reason=MOVE),
        Action(f"{where}.half-up", "Half a page up", "Half a page up.", "ctrl+u", where, reason=MOVE),
        Action(f"{where}.page-down", "Page down", "A page down.", "pagedown", where, reason=MOVE),
        Action(f"{where}.page-up", "Page up", "A page up.", "pageup", where, reason=MOVE),
        Action(f"{where}.top", "Top", "To the first line.", "home gg", where, reason=MOVE),
        Action(f"{where}.bottom", "Bottom", end, "G end", where, reason=MOVE),
    ]  # fmt: skip


def _finds(where: str) -> list[Action]:
    """Looking for a text, the same in tables and logs."""
    return [
        Action(f"{where}.find", "Find", "Find a text in what is loaded.", "ctrl+f", where, reason=VIEW),
        Action(f"{where}.find-next", "Next match", "To the next line with the text.", "n", where, reason=VIEW),
        Action(f"{where}.find-previous", "Previous match", "To the line before with the text.", "N", where, reason=VIEW),
    ]  # fmt: skip


ACTIONS = [
    *_moves("table", "To the last line."),
    *_finds("table"),
    Action("table.column-left", "Left", "The column that sorts and is copied.", "h left", "table", reason=MOVE),
    Action("table.column-right", "Right", "The column that sorts and is copied.", "l right", "table", reason=MOVE),
    Action("table.open", "Open", "What the row is about.", "enter", "table", reason=MOVE, hint=True),
    Action("table.mark", "Mark", "Mark the row, or unmark it.", "space", "table", reason=VIEW, hint=True),
    Action("table.range", "Mark a range", "From here; again: to here.", "v", "table", reason=VIEW),
    Action("table.mark-all", "Mark all", "All that the filter finds, loaded or not.", "*", "table", reason=VIEW),
    Action("table.mark-none", "Mark none", "Marks nothing.", "\\", "table", reason=VIEW),
    Action("table.sort", "Sort", "By this column; again: the other way.", "s", "table", reason="--sort of every list"),
    *_moves("doc", "To the last line."),
    Action("board.down", "Down", "To the next line that can be opened.", "j down", "board", reason=MOVE),
    Action("board.up", "Up", "To the one before.", "k up", "board", reason=MOVE),
    Action("board.top", "Top", "To the first line.", "home gg", "board", reason=MOVE),
    Action("board.bottom", "Bottom", "To the last line.", "G end", "board", reason=MOVE),
    Action("board.open", "Open", "What the line is about.", "enter", "board", reason=MOVE, hint=True),
    *_moves("log", "To the end, and follow it."),
    *_finds("log"),
    Action("log.left", "Left", "The beginning of long lines.", "h left", "log", reason=MOVE),
    Action("log.right", "Right", "The rest of long lines.", "l right", "log", reason=MOVE),
    Action("log.follow", "Follow", "Go with the end of the log.", "F", "log", reason=VIEW),
    Action("log.wrap", "Wrap", "Break long lines, or cut them.", "W", "log", reason=VIEW),
    Action("filter.complete", "Complete", "The next completion of the word.", "tab", "filter", reason=VIEW),
    Action("filter.complete-back", "Complete backwards", "The completion before.", "shift+tab", "filter", reason=VIEW),
    Action("filter.earlier", "Earlier", "A filter that was used before.", "up", "filter", reason=VIEW),
    Action("filter.later", "Later", "Forward again.", "down", "filter", reason=VIEW),
    Action("filter.cancel", "Restore", "The filter as it was.", "escape", "filter", reason=VIEW),
    Action("picker.down", "Down", "The next column.", "j", "picker", reason=MOVE),
    Action("picker.up", "Up", "The column before.", "k", "picker", reason=MOVE),
    Action("picker.toggle", "Show or hide", "The column at the cursor.", "space", "picker", reason=VIEW),
    Action("picker.carry-down", "Move down", "The column one place down.", "J shift+down", "picker", reason=VIEW),
    Action("picker.carry-up", "Move up", "The column one place up.", "K shift+up", "picker", reason=VIEW),
    Action("picker.take", "Take", "Show these columns.", "enter", "picker", reason=VIEW, priority=True),
    Action("picker.leave", "Leave", "Leave the columns as they were.", "escape", "picker", reason=VIEW),
]  # fmt: skip
