"""Reading the ledger."""

from __future__ import annotations

from mlops_store.index import ledger_log
from mlops_store.index.tx import Read
from mlops_store.ledger import Ledger
from mlops_store.ledger import verify as verify_chain
from mlops_tui.services.paging import page_of, start_of
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.ledger import Entry, LedgerList, LedgerReport, LedgerVerify

_NEWEST = 1 << 62


def list_(read: Read, request: LedgerList) -> Page[Entry]:
    """Entries, newest first, from the index; `--project` keeps those whose data names the project."""
    found = ledger_log.page(
        read,
        verb=request.verb,
        subject=request.subject,
        actor=request.actor,
        project=request.project,
        before=start_of(request.page, int, _NEWEST),
        limit=request.limit + 1,
    )
    items = [Entry(**row) for row in found]
    return page_of(items, request.limit, lambda entry: entry.seq)


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
