"""Verbs that draw: the app itself, in a browser, and the small view of one run."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mlops_tui.verbs import TOP
from mlops_tui.verbs._declare import Input, Output, ProjectInput, Verb, arg, opt
from mlops_tui.verbs._shapes import RunDetail

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


class Watch(ProjectInput, kw_only=True):
    run_id: Annotated[str, arg("run id, or an unambiguous start of it", metavar="RUN")]
    metric: Annotated[
        str | None, opt("the metric to draw; default: the first with a curve", metavar="KEY")
    ] = None
    once: Annotated[bool, opt("print one frame and end")] = False
    height: Annotated[int, opt("rows of the curve"), Meta(ge=3, le=60)] = 10
    ascii: Annotated[bool, opt("draw with ASCII signs only")] = False


class Web(Input, kw_only=True):
    port: Annotated[int, opt("port to listen at; 0: any that is free"), Meta(ge=0, le=65535)] = 0
    address: Annotated[str, opt("loopback address to listen at")] = "127.0.0.1"
    read_only: Annotated[bool, opt("refuse everything that changes something")] = False


class Nothing(Output, kw_only=True):
    """An app leaves nothing to print."""


VERBS = [
    Verb("", "tui", Tui, Nothing, TOP["tui"], local=True, service=False,
         help="The whole life of your models by keyboard. Leaving it stops nothing that runs. ? shows the keys.",
         example="mlops-tui tui proposals --profile ssh"),
    Verb("", "web", Web, Nothing, TOP["web"], local=True, service=False,
         help="Prints an address with a token, good until the command ends; each visitor gets an app of its own. Only loopback addresses are "
         "served: from elsewhere, use ssh -L.", example="mlops-tui web --port 8000"),
    Verb("", "watch", Watch, RunDetail, TOP["watch"], local=True, service=False,
         help="State, stages, one curve and the end of the log, drawn again when something changes. It ends with the run, with its exit code; "
         "^C leaves the run going.", example="mlops-tui watch 0192f --metric loss"),
]  # fmt: skip
