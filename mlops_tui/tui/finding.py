"""What the palette offers, and what it does with what was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.dom import DOMNode

from mlops_store.errors import Problem
from mlops_tui.tui.actions import ACTIONS, Action, shown_key
from mlops_tui.tui.actions.dialogs import DIALOGS
from mlops_tui.tui.dialogs.palette import Entry, Finder
from mlops_tui.tui.link import Link
from mlops_tui.tui.places import place

if TYPE_CHECKING:
    from mlops_tui.tui.overlays import Overlays
    from mlops_tui.tui.screens.room import Room


KINDS = {"version": "model", "source": "data", "view": "feature"}


def entries(room: Room, own: Mapping[str, str]) -> list[Entry]:
    """All actions; those that cannot be done here say why."""
    found = []
    for action in (each for each in ACTIONS.values() if not set(each.contexts) & set(DIALOGS)):
        here = who_can(room, action) is not None
        why = room.refusal(action.id) if here and action.danger else ""
        why = why if here else f"only in: {', '.join(action.contexts)}"
        keys = " ".join(shown_key(key) for key in own.get(action.id, action.keys).split())
        found.append(Entry("action", action.id, action.title, action.help, keys, why))
    return found


def who_can(room: Room, action: Action) -> DOMNode | None:
    """The first node from the focus outwards, then anywhere on the screen, that carries an action out."""
    name = f"action_{action.method}"
    node: DOMNode | None = room.focused or room
    while node is not None:
        if hasattr(node, name):
            return node
        node = node.parent
    return next((each for each in room.walk_children() if each.display and hasattr(each, name)), None)


def finder(link: Link) -> Finder:
    """Asks the daemon for entities."""

    async def find(text: str) -> Sequence[Entry]:
        try:
            found = await link.ask("find", {"text": text})
        except Problem as problem:
            return [Entry("problem", "", problem.message, why=problem.hint or problem.code)]
        return [
            Entry(each.kind, each.id, each.title, f"{each.state.lower()} {each.detail}".strip())
            for each in found.items
        ]

    return find


async def carry_out(app: Overlays, room: Room, chosen: Entry) -> None:
    """Does the action, or opens the entity."""
    if chosen.kind == "action":
        action = ACTIONS[chosen.value]
        node = who_can(room, action)
        if node is not None:
            await app.run_action(action.method, node)
        return
    if chosen.kind == "project":
        app.choose_project(chosen.value)
        return
    found = place(KINDS.get(chosen.kind, chosen.kind), chosen.value, app.link.project[0] or "")
    if found is not None:
        app.open(*found)
    elif chosen.kind in ("source", "view"):
        app.go_with_filter("data" if chosen.kind == "source" else "features", chosen.value)
