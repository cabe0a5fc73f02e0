"""Verbs that draw: the app itself, in a browser, and the small view of one run."""

from __future__ import annotations

from typing import Annotated, Literal

from mlops_tui.verbs._declare import Input, Output, Verb, arg, opt

ScreenName = Literal[
    "home", "runs", "models", "features", "data", "monitoring", "proposals", "queue", "ledger"
]


class Tui(Input, kw_only=True):
    screen: Annotated[ScreenName, arg("screen to begin with", metavar="SCREEN")] = "home"
    profile: Annotated[
        Literal["local", "ssh"] | None,
        opt("ssh: ANSI colours, no mouse, fewer repaints; default: by looking at the terminal"),
    ] = None
    theme: Annotated[str | None, opt("name of a theme")] = None
    ascii: Annotated[bool, opt("draw with ASCII signs only")] = False
    read_only: Annotated[bool, opt("refuse everything that changes something")] = False


class Nothing(Output, kw_only=True):
    """An app leaves nothing to print."""


VERBS = [
    Verb("", "tui", Tui, Nothing, "Open the app (also without a command).", local=True, service=False,
         help="The whole life of your models by keyboard. Leaving it stops nothing that runs. ? shows the keys.",
         example="mlops-tui tui proposals --profile ssh"),
]  # fmt: skip
