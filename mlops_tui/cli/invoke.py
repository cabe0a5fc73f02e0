"""Carrying a typed command out: ask, wait where that is wanted, show, and the exit code."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.records import ENDED
from mlops_tui.cli import diagnostics
from mlops_tui.cli.screen import Screen
from mlops_tui.cli.session import Session
from mlops_tui.pages import render
from mlops_tui.verbs import Verb
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._find import FoundList
from mlops_tui.verbs._shapes import RunDetail

_NO_CHOICE = frozenset(["limit", "sort", "fields", "all_kinds", "archived"])
"""Options of lists that leave nothing out."""


@dataclass(frozen=True)
class How:
    """Options that are not part of a verb's input."""

    dry_run: bool = False
    wait: bool = False
    follow: bool = False


class Shown(Exception):
    """Raised by local commands that have printed everything themselves."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


def invoke(session: Session, verb: Verb, fields: dict[str, Any], how: How) -> int:
    """Returns the exit code; problems are raised."""
    request = session.filled(verb, fields)
    if verb.local:
        return _local(session, verb, request)
    if how.dry_run:
        show(session, verb, session.plan(verb, request))
        return diagnostics.OK
    if how.follow and verb.key == "run logs":
        from mlops_tui.cli.commands.logs import follow

        return follow(session, request)
    value = session.call(verb, request)
    if not how.wait or verb.waits == "no":
        show(session, verb, value)
        wrong_config = verb.key == "project show" and value.problems
        return diagnostics.USAGE if wrong_config else _code_of(value)
    if value.run_id is None:
        raise Problem("nothing_to_wait_for", f"{verb.key} has started no run", "")
    if len(several := getattr(value, "changed", [])) > 1:
        return _wait_for_all(session, verb, [mark.run_id for mark in several])
    detail = wait(session, value.run_id)
    if verb.noun == "proposal":
        show(
            session, verb, session.client().call("proposal show", {"id": value.id, "project": value.project})
        )
    else:
        show(session, verb, detail)
    return exit_code(detail)


def _wait_for_all(session: Session, verb: Verb, ids: list[str]) -> int:
    """Waits for one run after the other and shows each; the code is that of the first that did not go well."""
    codes = []
    for run_id in ids:
        detail = wait(session, run_id)
        show(session, verb, detail)
        codes.append(exit_code(detail))
    return next((code for code in codes if code), diagnostics.OK)


def _local(session: Session, verb: Verb, request: Any) -> int:
    """A verb whose body is here: `mlops_tui/cli/commands/<noun or name>.py`."""
    module: Any = importlib.import_module(f"mlops_tui.cli.commands.{verb.module}")
    try:
        if verb.key == "demo":
            value = module.run(dir=request.dir, json_output=session.json)
        elif verb.key == "init":
            value = module.run(request, lambda folder: session.client().call("project add", {"dir": folder}))
        else:
            value = getattr(module, verb.function if verb.noun else "run")(session, request)
    except Shown as shown:
        return shown.code
    if isinstance(value, dict):
        value = msgspec.convert(value, verb.output)
    show(session, verb, value)
    return exit_code(value) if isinstance(value, RunDetail) else _code_of(value)


def show(session: Session, verb: Verb, value: Any) -> None:
    """The answer on standard output: one JSON document, or for people."""
    if session.json:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    elif isinstance(value, Page | FoundList) and not value.items:
        diagnostics.say(_nothing(verb, session) if isinstance(value, Page) else verb.empty)
    else:
        of, asked = session.asked or (verb, None)
        render(verb, value, Screen(), asked if of is verb else None)
    sys.stdout.flush()


def _nothing(verb: Verb, session: Session) -> str:
    """What to say of an empty list: that there is nothing yet, or nothing like what was asked for."""
    from mlops_tui.commandline.params import parameters

    asked = session.asked[1] if session.asked is not None else None
    given = [
        parameter.shown
        for parameter in parameters(verb.input)
        if not parameter.fill
        and not parameter.required
        and parameter.name not in _NO_CHOICE
        and getattr(asked, parameter.name, parameter.default) != parameter.default
    ]
    if not given:
        return verb.empty
    from mlops_store.filter_fields import NOUNS

    list_ = verb.key.removesuffix(" list")
    return f"no {NOUNS[list_].plural} found with {', '.join(given)}: leave it out to see more"


def wait(session: Session, run_id: str, until: str | None = None, timeout: float | None = None) -> RunDetail:
    """Waits for a run; ^C leaves it running."""
    from mlops_tui.cli.progress import Progress
    from mlops_tui.client.waiting import Condition, wait_for_run

    condition = Condition.parse(until) if until is not None else None
    progress = Progress(session.interactive)
    try:
        return wait_for_run(session.client(), run_id, until=condition, timeout=timeout, seen=progress.seen)
    except KeyboardInterrupt:
        if not session.json:
            diagnostics.say(f"\nno longer waiting; run {run_id} goes on: `mlops-tui wait {run_id}`")
        raise


def exit_code(run: RunDetail) -> int:
    """0 where the run finished and its gate, if any, passed; 4 where the gate did not, 1 where the run did not finish.
    A run that still goes on, as its `--until` holds, is fine."""
    if run.state not in ENDED:
        return diagnostics.OK
    if run.state != "FINISHED":
        return diagnostics.FAILED
    if run.kind == "ingest" and (run.result or {}).get("rejected"):
        return diagnostics.FAILED
    return diagnostics.GATE if run.verdict in ("FAIL", "INCONCLUSIVE") else diagnostics.OK


def _code_of(value: Any) -> int:
    """Reports of health: 1 where they found an error."""
    return diagnostics.FAILED if getattr(value, "ok", True) is False else diagnostics.OK
