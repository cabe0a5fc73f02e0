"""Keys that act with the next one: `g r`, `y c`. Nothing happens by time-out: a slow line must not change what keys mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.dom import DOMNode

from mlops_tui.tui.actions import PREFIXES, Chord, chords, shown_key

if TYPE_CHECKING:
    from textual.screen import Screen

    from mlops_tui.tui.app import MlopsApp


def known(screen: Screen[Any]) -> dict[tuple[str, str], list[Chord]]:
    """All chords, the user's own among them."""
    return chords(cast("MlopsApp", screen.app).look.settings.keys)


def meaning(screen: Screen[Any], prefix: str, key: str) -> tuple[DOMNode, Chord] | None:
    """The first widget from the focus outwards that can do what prefix and key mean."""
    for chord in known(screen).get((prefix, key), []):
        node: DOMNode | None = screen.focused or screen
        while node is not None:
            if hasattr(node, f"action_{chord.action.method}"):
                return node, chord
            node = node.parent
    return None


def unknown(screen: Screen[Any], prefix: str, key: str) -> str:
    """What to say of a key that means nothing here."""
    some = ", ".join(
        f"{meanings[0].key} {meanings[0].action.title.lower()}"
        for (first, _), meanings in known(screen).items()
        if first == prefix
    )
    return f"{prefix}{shown_key(key)} means nothing here; after {prefix} ({PREFIXES[prefix]}): {some}"
