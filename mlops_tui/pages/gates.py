"""A gate's verdict with the evidence of each check."""

from __future__ import annotations

from typing import Any

from mlops_tui.pages.parts import BULLET, Record, count, interval, level, plural, records, score
from mlops_tui.pages.surface import Surface
from mlops_tui.text import number, short

_WIDE = 120
"""From here on there is room for reasons beside the checks."""


def gate(found: Record, screen: Surface) -> None:
    """The checks as a table; where one did not pass, why in full."""
    screen.heading("GATE", f"{short(found.get('verdict') or '-', 20)}  {_basis(found)}")
    checks = records(found.get("checks"))
    rows = [
        (check.get("verdict"), check.get("check"), _estimate(check), short(check.get("reason") or "-", 300))
        for check in checks
    ]
    columns = ("verdict", "check", "estimate", "reason")
    wide = 4 if screen.width is None or screen.width >= _WIDE else 3
    screen.table(columns[:wide], [row[:wide] for row in rows], "no checks")
    for check in checks:
        if check.get("verdict") != "PASS" and check.get("reason"):
            screen.text(f"{short(check.get('check'), 100)}: {short(check['reason'], 300)}", BULLET)
    difference = found.get("difference")
    if isinstance(difference, dict):
        screen.text(
            f"difference to {short(found.get('champion') or 'the champion', 100)}: {interval(difference, difference=True)}, "
            f"{level(difference.get('level'))} interval; positive is better"
        )


def _basis(found: Record) -> str:
    """On how many rows, and how strictly."""
    parts = []
    if found.get("evaluation_rows") is not None:
        parts.append(
            f"{plural(count(found['evaluation_rows']), 'row')} in {plural(count(found.get('clusters')), 'cluster')}"
        )
    if found.get("look") is not None:
        again = ", not spent again" if found.get("repeats") else ""
        parts.append(f"look {score(found['look'])} at them{again}, alpha {number(found.get('alpha'))}")
    return ", ".join(parts)


def _estimate(check: Record) -> str:
    """A check against another model is of a difference, and has a sign."""
    text = str(check.get("check") or "")
    against: Any = any(f" {name}" in text for name in ("champion", "naive"))
    return interval({**check, "value": check.get("estimate")}, difference=bool(against))
