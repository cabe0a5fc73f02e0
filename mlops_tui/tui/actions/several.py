"""Keys that do something else elsewhere, on purpose, and what they have in common there. Every other key does one thing wherever it does anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlops_tui.tui.actions._declare import Action

SEVERAL: dict[str, str] = {
    "0": "as it was at first: the sizes of a list's panes, the stretch of a chart",
    "<": "the one before of what stands side by side: metrics, kinds of things",
    ">": "the next one of what stands side by side: metrics, kinds of things",
    "a": "the main deed of the screen; always a plan or a form first",
    "ctrl+n": "something new of the screen's kind; in the palette's search field, where letters are text, the line below",
    "ctrl+p": "the palette; in its search field, where letters are text, the line above",
    "D": "gives up what is at the cursor; always with a word to type first",
    "down": "downwards; where one types a line, its later ones",
    "enter": "goes on with what is at the cursor: opens, takes, and leaves a text that was read",
    "escape": "one level up, leaving everything there as it was",
    "f1": "help; again: leaves it",
    "n": "the next one like this: of what was searched for, or of a tree's kind, where nothing is searched for; under a plan it says no",
    "N": "the one before like this: of what was searched for, or of a tree's kind",
    "q": "leaves what is in front: a dialog, or the app",
    "shift+tab": "tab, the other way around",
    "space": "in or out: marks a row, shows a column",
    "tab": "the next pane; where one types, the next completion",
    "up": "upwards; where one types a line, its earlier ones",
    "x": "ends what is at the cursor without deleting it: stops a run, rejects a card",
    "y": "yes under a plan, the common answer in terminals; elsewhere it begins to copy",
}


def meanings(actions: Iterable[Action], prefixes: Mapping[str, str]) -> dict[str, list[str]]:
    """What each key does, by the titles of its actions; a prefix begins others."""
    found: dict[str, list[str]] = {key: [f"{what} …"] for key, what in prefixes.items()}
    for action in actions:
        for key in action.keys.split():
            titles = found.setdefault(key, [])
            titles += [action.title] if action.title not in titles else []
    return found
