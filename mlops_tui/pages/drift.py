"""Drift: the new rows beside those of the champion's training, column by column, worst first."""

from __future__ import annotations

from typing import Any

from mlops_tui.pages.parts import (
    Record,
    batch_said,
    count,
    day,
    items,
    names,
    nulls,
    plural,
    real,
    record,
    records,
    score,
    share,
)
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short

_SHOWN = 8
_MOST = 20
_QUIET = ("COMPARED", "TOO_FEW_ROWS")
"""Statuses that are no news by themselves."""
_RANK = {"major": 0, "alert": 1}


def drift(evidence: Record, screen: Surface) -> None:
    """The columns that alert, or the nearest to it, and how many more there are."""
    if "drift" not in evidence:
        return
    found = record(evidence["drift"])
    columns = sorted(records(found.get("columns")), key=_order)
    loud = [column for column in columns if _loud(column)]
    major = sum(column.get("severity") == "major" for column in columns)
    said = "ALARM" if found.get("alarm") else "no alarm"
    if found.get("cannot_tell"):
        screen.heading(
            "DRIFT", f"cannot tell: {short(found['cannot_tell'], 60)}; below that no column can alarm"
        )
    else:
        screen.heading(
            "DRIFT", f"{said}: {len(loud)} of {plural(len(columns), 'column')} changed, {major} majorly"
        )
    shown = columns[: min(max(_SHOWN, len(loud)), _MOST)]
    if shown:
        screen.table(
            ("", "column", "PSI", "noise band", "finding", "adjusted p", "KS D", "NULLs", "W1"),
            [_row(column) for column in shown],
            drop=("W1", "NULLs", "noise band"), middle=("column",),
        )  # fmt: skip
    _rest(columns[len(shown) :], screen)
    definition = next((column["definition"] for column in shown if column.get("definition")), None)
    if definition:
        screen.text(short(definition, 300))
    _chunks(records(found.get("chunks")), screen)


def _order(column: Record) -> tuple[int, bool, float]:
    psi = real(column.get("psi"))
    return _RANK.get(str(column.get("severity")), 2), not _loud(column), -(psi if psi is not None else -1.0)


def _loud(column: Record) -> bool:
    return bool(column.get("alert")) or column.get("status", "COMPARED") not in _QUIET


def _row(column: Record) -> tuple[Any, ...]:
    status = str(column.get("status", "COMPARED"))
    verdict = "MAJOR" if column.get("severity") == "major" else "alert" if column.get("alert") else "-"
    mark = {"MAJOR": "!!", "alert": "!"}.get(verdict, "!" if _loud(column) else "")
    return (
        mark, short(column.get("name"), 200), _places(column.get("psi")), _places(column.get("band")),
        verdict if status == "COMPARED" else status.lower().replace("_", " "), p_value(column.get("p_adjusted")),
        _places(column.get("ks")), nulls(column.get("reference_null_share"), column.get("current_null_share")),
        _places(column.get("wasserstein")),
    )  # fmt: skip


def _rest(columns: list[Record], screen: Surface) -> None:
    if not columns:
        return
    loud = sum(_loud(column) for column in columns)
    noise = sum(_within(column) for column in columns)
    inside = "all within the noise" if noise == len(columns) else f"{noise} of them within the noise"
    changed = f"{loud} of them changed, " if loud else "none alerts, "
    screen.text(f"and {len(columns)} more: {changed}{inside}")


def _within(column: Record) -> bool:
    psi, band = real(column.get("psi")), real(column.get("band"))
    return psi is not None and band is not None and psi <= band


def _chunks(chunks: list[Record], screen: Surface) -> None:
    """Where there is more than one: which of them alarmed."""
    if len(chunks) < 2:
        return
    screen.line()
    rows = [
        ("ALARM" if chunk.get("alarm") else "cannot tell" if chunk.get("cannot_tell") else "-", short(batch_said(str(chunk.get("label") or "-")), 200), count(chunk.get("rows")), day(chunk.get("start")),
         day(chunk.get("end")), names(items(chunk.get("columns")), 3) or "-")
        for chunk in chunks[-_MOST:]
    ]  # fmt: skip
    screen.table(
        ("", "chunk", "rows", "from", "to", "columns"), rows, drop=("to", "columns"), middle=("chunk",)
    )


def changes(evidence: Record, screen: Surface) -> None:
    """What became of the predictions and the labels, and whether new rows can be told from old ones."""
    if any(evidence.get(name) for name in ("prediction", "label", "domain_classifier")):
        screen.line()
    screen.facts([
        ("predictions", _shift(record(evidence.get("prediction")), shares=False)),
        ("labels", _shift(record(evidence.get("label")), shares=True)),
        ("new against old", _domain(record(evidence.get("domain_classifier")))),
    ])  # fmt: skip


def _shift(found: Record, shares: bool) -> str:
    if not found:
        return ""
    verdict = {"major": "MAJOR change", "alert": "alert"}.get(str(found.get("severity")), "no alert")
    said = f"{verdict}: {short(found.get('reason') or '-', 120)}"
    parts = _shares(found) if shares else ""
    return f"{said}; {parts}" if parts else said


def _shares(found: Record) -> str:
    """`1: 20.4 % → 23.0 %` for the values that occur."""
    triples = zip(
        items(found.get("bin_names")), items(found.get("reference_shares")), items(found.get("current_shares")), strict=False
    )  # fmt: skip
    seen = [
        (name, before, now) for name, before, now in triples if (real(before) or 0) + (real(now) or 0) > 0
    ]
    return ", ".join(f"{short(name, 40)}: {share(before)} → {share(now)}" for name, before, now in seen[:5])


def _domain(found: Record) -> str:
    auc = real(found.get("auc"))
    if auc is None:
        return short(found.get("reason"), 200) if found.get("reason") else ""
    top = [
        f"{short(pair[0], 60)} ({score(pair[1])})"
        for pair in items(found.get("top"))
        if isinstance(pair, list | tuple) and len(pair) == 2
    ]
    by = f", told apart by {names(top, 3)}" if top else ""
    return f"AUC {score(auc)} of telling them apart (0.5: cannot){by}"


def p_value(value: Any) -> str:
    """A probability, not more precise than it can be."""
    number = real(value)
    if number is None:
        return "-"
    return "<0.0001" if number < 1e-4 else f"{number:.4f}" if number < 0.01 else f"{number:.2f}"


def _places(value: Any) -> str:
    number = real(value)
    return "-" if number is None else f"{number:.3f}"
