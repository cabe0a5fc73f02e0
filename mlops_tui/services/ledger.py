"""Reading the ledger."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.index.tx import Read
from mlops_store.ledger import Ledger
from mlops_store.ledger import verify as verify_chain
from mlops_tui.services.paging import page_of, start_of
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.ledger import Entry, LedgerList, LedgerReport, LedgerVerify

_NEWEST = 1 << 62
# some entries name a run or a card, which belong to a project, instead of the project itself
_OF_PROJECT = (
    "(data ->> '$.project' = ? OR (starts_with(verb, 'project.') AND subject = ?) "
    "OR data ->> '$.run_id' IN (SELECT run_id FROM runs WHERE project = ?) "
    "OR data ->> '$.id' IN (SELECT id FROM proposals WHERE project = ?))"
)


def list_(read: Read, request: LedgerList) -> Page[Entry]:
    """Entries, newest first, from the index; `--project` keeps those whose data names the project."""
    where, params = ["seq < ?"], [start_of(request.page, int, _NEWEST)]
    conditions: list[tuple[str, Any]] = [
        ("subject = ?", request.subject),
        ("actor = ?", request.actor),
        (_OF_PROJECT, request.project),
        ("(verb = ? OR starts_with(verb, ? || '.'))", request.verb),
    ]
    for text, value in conditions:
        if value is not None:
            where.append(text)
            params += [value] * text.count("?")
    found = read.rows(
        "SELECT seq, time, actor, verb, subject, data, why, hash FROM ledger "
        f"WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?",
        [*params, request.limit + 1],
    )
    items = [Entry(**{**row, "data": msgspec.json.decode(row["data"])}) for row in found]
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
