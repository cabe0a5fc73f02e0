"""Runs that were archived, deleted and brought back."""

from __future__ import annotations

from mlops_tui.pages.parts import plural
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short
from mlops_tui.verbs.run import RunMarks


def _marked(what: str, hint: str = "") -> object:
    def show(found: RunMarks, screen: Surface) -> None:
        for run in found.changed:
            screen.line(f"{run.run_id}  {run.kind}  {short(run.name, 60)}  {run.state}")
        already = f"; {plural(len(found.unchanged), 'run')} already so" if found.unchanged else ""
        screen.text(f"{plural(len(found.changed), 'run')} {what}{already}")
        if hint and found.changed and screen.terminal:
            screen.text(hint.format(run=found.changed[0].run_id))

    return show


RENDERERS = {
    "archive": _marked("archived", "`mlops-tui run list --archived` shows them too"),
    "unarchive": _marked("listed again"),
    "delete": _marked("deleted", "undo: mlops-tui run restore {run}"),
    "restore": _marked("brought back"),
    "adopt": _marked("taken up"),
}
