"""The ledger: every decision, who made it, when and why."""

from __future__ import annotations

from typing import Annotated, Any

from mlops_tui.verbs._declare import Input, ListInput, Output, Page, Verb, opt


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


VERBS = [
    Verb("ledger", "list", LedgerList, Page[Entry], "List entries, newest first.",
         example="mlops-tui ledger list --verb alias"),
    Verb("ledger", "verify", LedgerVerify, LedgerReport, "Check the chain of hashes from the first entry."),
]  # fmt: skip
