"""Every answer can be drawn, whatever is in it, on a terminal and in a pipe."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.verbs import Verb, all_verbs
from mlops_tui.verbs._declare import Plan

HOSTILE = "it's \x1b[2J [red]\n東京"


def sample(kind: Any, full: bool) -> Any:
    """A value of a type: all that can be there, with hostile text, or as little as possible."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return sample(parts[0], full)
    if origin in (Union, types.UnionType):
        return sample(next(part for part in parts if part is not type(None)), full) if full else None
    if origin is Literal:
        return parts[0]
    if origin is list:
        return [sample(parts[0], full)] * 2 if full else []
    if origin is tuple:
        if parts[-1] is ...:
            return (sample(parts[0], full),) * 2 if full else ()
        return tuple(sample(part, full) for part in parts)
    if origin is dict:
        return (
            {HOSTILE: sample(parts[1], full), "value": 0.5}
            if full and parts[1] is Any
            else {HOSTILE: sample(parts[1], full)}
            if full
            else {}
        )
    if kind is Any:
        return {"value": 0.5, "low": None, HOSTILE: HOSTILE}
    if isinstance(origin or kind, type) and issubclass(origin or kind, msgspec.Struct):
        info = msgspec.inspect.type_info(kind)
        assert isinstance(info, msgspec.inspect.StructType)
        hints = {field.name: field for field in msgspec.structs.fields(kind)}
        return kind(**{
            name: sample(field.type, full) for name, field in hints.items() if full or field.required
        })  # fmt: skip
    return {str: HOSTILE if full else "", int: 1_700_000_000_000, float: 0.123456, bool: True}[kind]


@pytest.mark.parametrize("full", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize(
    "verb", [verb for verb in all_verbs() if verb.key != "events"], ids=lambda verb: verb.key
)
def test_answers_can_be_drawn(
    verb: Verb, terminal: bool, full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    value = sample(verb.output, full)
    render(verb, value, Screen(terminal))
    shown = capsys.readouterr().out
    raw = verb.key in ("run logs", "daemon logs", "model card", "init") and not terminal
    assert "\x1b[2J" not in shown or raw
    msgspec.json.encode(value)


def test_a_plan_says_what_would_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    render(all_verbs()[0], Plan(title="Do it", steps=["first", "then"], undo="undo it"), Screen(False))
    assert capsys.readouterr().out == "Do it\n  - first\n  - then\nundo: undo it\n"


def test_a_daemon_that_watches_does_not_say_that_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    from mlops_tui.pages.daemon import status
    from mlops_tui.verbs.daemon import DaemonStatus

    def told(busy: str | None) -> str:
        screen = Screen(False)
        status(DaemonStatus(running=True, home="/h", pid=1, busy=busy, idle_exit=600), screen)
        return capsys.readouterr().out

    assert "not while it is busy; after 600 s without work" in told("watching for data and schedules")
    assert "not while" not in told(None)
