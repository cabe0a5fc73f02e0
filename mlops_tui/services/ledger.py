"""Reading the ledger."""

from __future__ import annotations

import msgspec

from mlops_store.index import ledger_log
from mlops_store.index.filter_sql import Sql
from mlops_store.index.listings import LEDGER, Row
from mlops_store.index.tx import Read
from mlops_store.ledger import Ledger
from mlops_store.ledger import verify as verify_chain
from mlops_tui.services.listing import listed
from mlops_tui.services.undo import plan_undo, undo
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.ledger import Entry, LedgerList, LedgerReport, LedgerVerify

__all__ = ["list_", "plan_undo", "undo", "verify"]


def list_(read: Read, request: LedgerList) -> Page[Entry]:
    """Entries, newest first unless sorted otherwise; `--project` keeps those whose data names the project. Raises Problem."""
    also: list[Sql] = []
    if request.project is not None:
        also.append(ledger_log.of_project(request.project))
    if request.verb is not None:
        also.append(ledger_log.of_verb(request.verb))
    options = {"subject": request.subject, "actor": request.actor}
    return listed(read, LEDGER, request, _entries, options, also)


def _entries(rows: list[Row]) -> list[Entry]:
    return [Entry(**{**row, "data": msgspec.json.decode(row["data"])}) for row in rows]


def verify(read: Read, _request: LedgerVerify) -> LedgerReport:
    """Checks every line of the ledger's files."""
    findings = verify_chain(read.home.ledger)
    ledger = Ledger.open(read.home.ledger, readonly=True)
    return LedgerReport(
        ok=not any(finding.severity == "error" for finding in findings),
        entries=ledger.seq,
        head=ledger.head,
        findings=[f"{finding.where}: {finding.what}" for finding in findings],
    )
