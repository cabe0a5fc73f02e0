"""Answers for people: one module for each noun, one function for each verb, in `RENDERERS` by the verb's name."""

from __future__ import annotations

import importlib
from typing import Any

import msgspec

from mlops_tui.pages.surface import Surface
from mlops_tui.text import number, short
from mlops_tui.verbs import Verb
from mlops_tui.verbs._declare import Page, Plan


def render(verb: Verb, value: Any, screen: Surface, asked: Any = None) -> None:
    """Prints an answer. What a module does not know is printed as names and values. `asked` is the verb's input: lists that are `SHAPED`
    by it show what it asks for."""
    if isinstance(value, Plan):
        plan(value, screen)
        return
    if isinstance(value, Page) and not value.items:
        screen.text(verb.empty)
        return
    module = importlib.import_module(f"mlops_tui.pages.{verb.noun or 'top'}")
    found = module.RENDERERS.get(verb.name, generic)
    if asked is not None and verb.name in getattr(module, "SHAPED", ()):
        found(value, screen, asked)
    else:
        found(value, screen)
    if isinstance(value, Page) and value.next is not None and screen.terminal:
        screen.line(f"more: --page {value.next}")


def plan(value: Plan, screen: Surface) -> None:
    screen.line(value.title)
    for step in value.steps:
        screen.line(f"  - {step}")
    if value.undo:
        screen.line(f"undo: {value.undo}")


def generic(value: Any, screen: Surface) -> None:
    """Any struct."""
    screen.facts(
        (name, number(item) if isinstance(item, float) else short(item))
        for name, item in msgspec.structs.asdict(value).items()
    )
