"""What keys do in what stands over a screen: plans, forms, choices, texts, help, palette, the command line. Nothing below hears a key meanwhile."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import MOVE, VIEW, Action

DIALOGS = ("plan", "form", "field", "choice", "reader", "help", "palette", "command", "find", "jump")
"""Contexts that are alone in force while they are there."""

ACTIONS = [
    Action("plan.yes", "Yes", "Do what the plan says.", "y", "plan", reason="confirms another action"),
    Action("plan.no", "No", "Leave everything as it is.", "n escape", "plan", reason=MOVE),
    Action("plan.left", "Left", "The button or field before.", "left h", "plan", reason=MOVE),
    Action("plan.right", "Right", "The next button or field.", "right l", "plan", reason=MOVE),
    Action("plan.down", "Down", "One line down.", "j down", "plan", reason=MOVE),
    Action("plan.up", "Up", "One line up.", "k up", "plan", reason=MOVE),
    Action("form.send", "Go on", "With what was typed.", "f2", "form", reason="leads to a plan"),
    Action("form.leave", "Leave", "Nothing is sent.", "escape", "form", reason=MOVE),
    Action("field.complete", "Complete", "Take the grey text; where there is none, on to the next field.", "tab", "field", reason=VIEW),
    Action("field.next", "Next value", "The next one of those that a field offers.", "down", "field", reason=VIEW),
    Action("field.before", "Value before", "The one before.", "up", "field", reason=VIEW),
    Action("choice.down", "Down", "One line down.", "j", "choice", reason=MOVE),
    Action("choice.up", "Up", "One line up.", "k", "choice", reason=MOVE),
    Action("choice.leave", "Leave", "Nothing is chosen.", "escape q", "choice", reason=MOVE),
    Action("reader.leave", "Leave", "Back to what is below.", "escape q enter", "reader", reason=MOVE),
    Action("reader.raw", "Raw", "As it is recorded, in JSON; again: as a page.", "=", "reader", reason=VIEW),
    Action("help.down", "Down", "One line down.", "down", "help", reason=MOVE),
    Action("help.up", "Up", "One line up.", "up", "help", reason=MOVE),
    Action("help.page-down", "Page down", "A page down.", "pagedown", "help", reason=MOVE),
    Action("help.page-up", "Page up", "A page up.", "pageup", "help", reason=MOVE),
    Action("help.leave", "Leave", "Back to what is below.", "escape f1", "help", reason=MOVE),
    Action("palette.down", "Down", "One line down.", "down ctrl+n", "palette", reason=MOVE, priority=True),
    Action("palette.up", "Up", "One line up.", "up ctrl+p", "palette", reason=MOVE, priority=True),
    Action("palette.leave", "Leave", "Nothing is chosen.", "escape", "palette", reason=MOVE),
    Action("command.complete", "Complete", "As far as all completions agree.", "tab", "command", reason=VIEW, priority=True),
    Action("command.earlier", "Earlier", "A line that was typed before.", "up", "command", reason=VIEW, priority=True),
    Action("command.later", "Later", "Forward again.", "down", "command", reason=VIEW, priority=True),
    Action("command.leave", "Leave", "Nothing is done.", "escape", "command", reason=MOVE),
    Action("jump.leave", "Leave", "Stay where one is.", "escape", "jump", reason=MOVE),
    Action("find.leave", "Leave", "The search stays as it was.", "escape", "find", reason=MOVE),
]  # fmt: skip
