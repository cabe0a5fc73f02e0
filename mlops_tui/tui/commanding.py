"""What a line typed after `:` does in the app: a screen, a setting, or any command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_store.errors import Problem
from mlops_tui.commandline.parse import completions, parse, split, usage
from mlops_tui.tui.actions import SCREENS
from mlops_tui.tui.dialogs.reader import Reader
from mlops_tui.tui.pages import page
from mlops_tui.tui.places import LISTS, TABS
from mlops_tui.verbs import Verb

if TYPE_CHECKING:
    from mlops_tui.tui.overlays import Overlays
    from mlops_tui.tui.screens.room import Room

OWN = {
    "set theme": "choose the colours: set theme mlops-dark", "quit": "leave the app", "help": "the keys", **{name: f"to the screen {name}" for name in SCREENS},
}  # fmt: skip


def complete(line: str, themes: list[str]) -> list[tuple[str, str]]:
    """Whole lines that a beginning may become."""
    if line.startswith("set theme "):
        return [
            (f"set theme {name}", "") for name in themes if name.startswith(line.removeprefix("set theme "))
        ]
    own = [(name, what) for name, what in OWN.items() if name.startswith(line)]
    return [*own, *completions(line)]


async def carry_out(app: Overlays, room: Room, line: str) -> None:
    """Does what a line says; call it in a worker. Problems are said on the screen."""
    try:
        words = split(line)
        if _own(app, words):
            return
        asked = usage(line)
        if asked is not None:
            app.push_screen(Reader(*asked))
            return
        verb, fields = parse(line)
        await _verb(app, room, verb, fields)
    except Problem as problem:
        app.complain(problem)


def _own(app: Overlays, words: list[str]) -> bool:
    """Words that only the app has. `runs state=FAILED` goes to a screen with a filter."""
    if not words:
        return True
    if words[0] in SCREENS:
        app.go_with_filter(words[0], " ".join(words[1:]) or None)
    elif words[:2] == ["set", "theme"] and len(words) == 3:
        app.choose_theme(words[2])
    elif words in (["quit"], ["q"]):
        app.exit(0)
    elif words == ["help"]:
        app.action_app_help()
    else:
        return False
    return True


async def _verb(app: Overlays, room: Room, verb: Verb, fields: dict[str, Any]) -> None:
    if not verb.service:
        raise Problem(
            "not_here", f"`{verb.key}` works in a shell only", f"leave with q, then: mlops-tui {verb.key}"
        )
    if verb.writes:
        done = await room.perform(verb.key, fields, yes="Do it", title=verb.summary)
        if done is not None:
            room.load()
        return
    if "project" in fields:
        await app.link.ask("project show", {"name": fields["project"]})
    answer: Any = None
    if verb.key in TABS:
        await app.link.ask("run show", {"run_id": fields["run_id"]})
    elif verb.key not in LISTS:  # what is not there has no screen
        answer = await app.link.ask(verb.key, fields)
    if app.open_by_command(verb.key, fields):
        return
    if answer is None:
        answer = await app.link.ask(verb.key, fields)
    app.push_screen(Reader(verb.key, lambda width: page(verb.key, answer, width)))
