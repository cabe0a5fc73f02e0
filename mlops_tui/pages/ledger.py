"""The ledger."""

from __future__ import annotations

from mlops_tui.pages.parts import BULLET, minute
from mlops_tui.pages.surface import Surface
from mlops_tui.text import when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.ledger import Entry, LedgerReport, Undone


def list_(page: Page[Entry], screen: Surface) -> None:
    rows = [
        (
            str(e.seq),
            minute(e.time) if screen.width is not None else when(e.time),
            e.actor,
            e.verb,
            e.subject,
            e.why or "-",
        )
        for e in page.items
    ]
    screen.table(
        ("entry", "when", "who", "what", "subject", "why"),
        rows,
        drop=("why",),
        middle=("subject",),
    )


def verify(report: LedgerReport, screen: Surface) -> None:
    for finding in report.findings:
        screen.text(finding, "  ! ")
    screen.title(
        f"{report.entries:,} entries, {'whole' if report.ok else 'DAMAGED'}; head {report.head or '-'}"
    )


def undo(found: Undone, screen: Surface) -> None:
    screen.title(found.title)
    for step in found.steps[:20]:
        screen.text(step, BULLET)
    if len(found.steps) > 20:
        screen.text(f"and {len(found.steps) - 20} more", BULLET)
    screen.commands([(f"mlops-tui ledger undo {found.seq}", "does it again")])


RENDERERS = {"list": list_, "undo": undo, "verify": verify}
