"""What can be asked of the system, declared once."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_tui.verbs._declare import Verb

NOUNS = {
    "run": "Runs: training and every other job, each in its own process.",
    "model": "Models: versions, aliases, verdicts.",
    "proposal": "Proposals: evidence that asks for a decision.",
    "data": "Data: sources, their versions, what was not admitted.",
    "monitor": "Monitoring: how the data and the champion have done, batch by batch.",
    "feature": "Features: views over sources, correct at every point in time.",
    "project": "Projects: folders that this home looks after.",
    "home": "The home: what it takes, collecting, copies of it.",
    "daemon": "The daemon: the process that keeps all this going.",
    "ledger": "The ledger: every decision, who made it and why.",
}
TOP = {
    "tui": "Open the app (also without a command).",
    "web": "Open the app in a browser on this machine.",
    "watch": "A small live view of one run, in place.",
    "init": "Write a working project by looking at the data.",
    "demo": "Show the whole life of a model on real data.",
    "predict": "Score a file with a registered model.",
    "status": "Show a project, or the whole home, at a glance.",
    "lineage": "Show what a thing was made from, and what was made from it.",
    "find": "Find runs, models, data, views, cards and projects by name.",
    "wait": "Wait for a run to end.",
    "events": "Print changes as JSON lines.",
    "sql": "Ask the index in SQL, read-only.",
    "doctor": "Name what is wrong with the home and this machine.",
    "rebuild": "Make the index anew from ledger, journals and snapshots.",
}
"""The verbs without a noun and their summaries: here, so that a list of all commands needs no declaration."""

SCHEMA = 1
"""Version of the shapes of all answers. Within one, fields and values of enumerations are added; anything else makes the next."""

__all__ = ["NOUNS", "SCHEMA", "TOP", "Verb", "all_verbs", "find", "of_noun"]


@cache
def of_noun(noun: str) -> tuple[Verb, ...]:
    """The verbs of a noun, in order of their help; the empty noun holds the top-level verbs."""
    return tuple(importlib.import_module(f"mlops_tui.verbs.{noun or 'top'}").VERBS)


@cache
def all_verbs() -> tuple[Verb, ...]:
    """Every verb; imports every noun, so clients that know what they want use `find`."""
    return tuple(verb for noun in (*NOUNS, "") for verb in of_noun(noun))


@cache
def find(key: str) -> Verb:
    """The verb for `run list` or `sql`. Raises KeyError."""
    noun = key.split(" ", 1)[0] if " " in key else ""
    if noun and noun not in NOUNS:
        raise KeyError(key)
    for verb in of_noun(noun):
        if verb.key == key:
            return verb
    raise KeyError(key)


def __getattr__(name: str) -> Any:
    """`Verb`, imported when asked for: the names of all commands are there without msgspec."""
    if name == "Verb":
        from mlops_tui.verbs._declare import Verb

        return Verb
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
