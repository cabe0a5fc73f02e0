"""The ledger: every decision, who made it, when and why."""

from __future__ import annotations

from typing import Annotated, Any

from mlops_tui.verbs._declare import (
    Input,
    ListInput,
    Natural,
    Output,
    Page,
    ProjectInput,
    Reason,
    Verb,
    arg,
    opt,
)


class LedgerList(ListInput, kw_only=True):
    verb: Annotated[str | None, opt("only this verb, or all that start with it: `alias`, `alias.move`")] = (
        None
    )
    subject: Annotated[str | None, opt("only this subject")] = None
    actor: Annotated[str | None, opt("only entries of this actor")] = None


class Entry(Output, kw_only=True):
    """One line of the ledger."""

    seq: int
    time: int
    actor: str
    verb: str
    subject: str
    data: dict[str, Any] = {}
    why: str = ""
    hash: str = ""


class LedgerVerify(Input, kw_only=True):
    pass


class LedgerReport(Output, kw_only=True):
    """`findings` names each broken line; `head` is the last hash: note it elsewhere to detect a cut tail."""

    ok: bool
    entries: int
    head: str
    findings: list[str] = []


class LedgerUndo(ProjectInput, kw_only=True):
    seq: Annotated[
        Natural | None, arg("number of the entry; default: your last decision that can be undone")
    ] = None
    reason: Reason = ""


class Undone(Output, kw_only=True):
    """`seq` is the new entry that makes good for entry `undoes`; `verb` and `subject` are those of the latter. Undoing `seq` does it again."""

    seq: int
    undoes: int
    verb: str
    subject: str
    title: str
    steps: list[str] = []


REVERSIBLE = {
    "model promote": "alias.move", "model rollback": "alias.move", "model waive": "gate.waive",
    "proposal reject": "proposal.decide", "proposal snooze": "proposal.decide",
    "run tag": "run.tag", "run note": "run.note", "run delete": "run.delete", "run archive": "run.archive", "run unarchive": "run.unarchive",
    "project add": "project.add", "project remove": "project.remove",
}  # fmt: skip
"""Commands that `ledger undo` takes back, and what each puts into the ledger."""


VERBS = [
    Verb("ledger", "list", LedgerList, Page[Entry], "List entries, newest first.",
         empty="no ledger entries yet: `mlops-tui project add DIR` is the first decision",
         example="mlops-tui ledger list --verb alias"),
    Verb("ledger", "undo", LedgerUndo, Undone, "Undo a decision by another one.",
         help="Nothing is erased: an entry is made that takes the other back. Without a number it is your last decision that can be undone, in the "
         "project of the folder. Moves of aliases, rejections and snoozes of cards, waivers, tags, notes, adding and removing projects can; what cannot, says why.",
         example="mlops-tui ledger undo 118 --reason 'wrong version'", writes=True, danger=True, plans=True),
    Verb("ledger", "verify", LedgerVerify, LedgerReport, "Check the chain of hashes from the first entry."),
]  # fmt: skip
