"""A model card in Markdown: recorded facts only. What was not recorded is said to be not recorded."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from mlops_tui.verbs.model import VersionDetail

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def plain(value: Any) -> str:
    """A recorded value as text that Markdown shows literally, on one line."""
    return _MARKUP.sub(r"\\\1", _CONTROL.sub(" ", str(value)))


def when(ms: int | None) -> str:
    """A time as UTC text."""
    return (
        "not recorded"
        if ms is None
        else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    )


def number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "—" if value is None else plain(value)


def interval(record: dict[str, Any] | None) -> str:
    """`0.7312 (0.7201 to 0.7423)`."""
    if not record:
        return "—"
    shown = number(record.get("value", record.get("estimate")))
    low, high = record.get("low"), record.get("high")
    return shown if low is None or high is None else f"{shown} ({number(low)} to {number(high)})"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def markdown(
    project: str, name: str, detail: VersionDetail, row: dict[str, Any], moves: list[dict[str, Any]]
) -> str:
    """`row` is the version as registered, `moves` the alias moves that touch it."""
    manifest = row["manifest"] or {}
    parts = [
        [f"# {plain(name)} version {detail.version}", ""],
        _identity(project, detail, manifest, row),
        _data(manifest, detail),
        _features(detail, manifest),
        _training(manifest),
        _metrics(detail),
        _gate(detail),
        _history(moves),
        _environment(manifest),
    ]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _identity(
    project: str, detail: VersionDetail, manifest: dict[str, Any], row: dict[str, Any]
) -> list[str]:
    facts = [
        ["Project", plain(project)],
        ["Task", plain(manifest.get("task", "not recorded"))],
        ["Target", plain(manifest.get("target", "not recorded"))],
        ["Aliases", plain(", ".join(detail.aliases) or "none")],
        ["Verdict", plain(detail.verdict or "not judged")],
        ["Registered", f"{when(detail.created)} by {plain(row.get('actor') or 'unknown')}"],
        ["Run", plain(detail.run_id)],
        ["Digest", plain(detail.digest)],
    ]
    return table(["", ""], facts)


def _data(manifest: dict[str, Any], detail: VersionDetail) -> list[str]:
    training = manifest.get("training", {})
    lines = [
        "## Data",
        "",
        f"Trained on {detail.training_rows:,} rows of `{plain(training.get('source', 'not recorded'))}`"
        f" from {when(training.get('min_event_time'))} to {when(training.get('max_event_time'))}"
        f", {len(training.get('batches', []))} batches, window {plain(training.get('window', 'not recorded'))}.",
        "",
    ]
    rows = [
        [plain(source), str(pin.get("version")), plain(pin.get("snapshot", ""))[:16]]
        for source, pin in sorted(manifest.get("snapshots", {}).items())
    ]
    return lines + table(["Source", "Version", "Snapshot"], rows)


def _features(detail: VersionDetail, manifest: dict[str, Any]) -> list[str]:
    lines = ["## Features", "", *(f"- {plain(feature)}" for feature in detail.feature_service), ""]
    assumed = sorted(view["name"] for view in manifest.get("views", []) if view.get("knowledge") == "assumed")
    if assumed:
        lines += [
            f"Knowledge time is **assumed** (equal to event time) for: {plain(', '.join(assumed))}.",
            "",
        ]
    return lines


def _training(manifest: dict[str, Any]) -> list[str]:
    params = [[plain(key), plain(value)] for key, value in sorted(manifest.get("params", {}).items())]
    head = f"Algorithm: {plain(manifest.get('family', 'not recorded'))}, seed {plain(manifest.get('seed', 'not recorded'))}."
    return ["## Training", "", head, "", *(table(["Parameter", "Value"], params) if params else [])]


def _metrics(detail: VersionDetail) -> list[str]:
    gate = detail.gate or {}
    champion, naive = gate.get("champion_metrics") or {}, gate.get("naive_metrics") or {}
    rows = []
    for name, value in sorted(detail.metrics.items()):
        record = value if isinstance(value, dict) else {"value": value}
        beside = [
            interval(
                other.get(name)
                if isinstance(other.get(name), dict)
                else {"value": other[name]}
                if name in other
                else None
            )
            for other in (champion, naive)
        ]
        rows.append([plain(name), interval(record), *beside])
    rowcount = gate.get("evaluation_rows")
    note = (
        f"On {rowcount:,} rows in {gate.get('clusters')} clusters that training has not seen; intervals by cluster bootstrap."
        if rowcount
        else "The evaluation rows are not recorded."
    )
    return [
        "## Performance",
        "",
        note,
        "",
        *table(
            ["Metric", "This version", f"Champion ({plain(gate.get('champion') or 'none')})", "Naive"], rows
        ),
    ]


def _gate(detail: VersionDetail) -> list[str]:
    gate = detail.gate
    if not gate:
        return ["## Gate", "", "Not judged.", ""]
    rows = [
        [plain(c["check"]), plain(c["verdict"]), interval(c), plain(c.get("reason") or "")]
        for c in gate.get("checks", [])
    ]
    lines = [
        "## Gate",
        "",
        f"Verdict **{plain(gate['verdict'])}** at look {gate.get('look')} on these rows (error budget {number(gate.get('alpha'))}).",
        "",
    ]
    lines += table(["Check", "Verdict", "Estimate", "Note"], rows)
    for waiver in detail.waivers:
        lines.append(
            f"- Waived: {plain(waiver.get('check'))} until {when(waiver.get('expires'))}: {plain(waiver.get('reason'))}"
        )
    return [*lines, ""] if detail.waivers else lines


def _history(moves: list[dict[str, Any]]) -> list[str]:
    if not moves:
        return ["## History", "", "No alias has pointed to this version.", ""]
    rows = [
        [
            when(m["time"]),
            plain(m["alias"]),
            f"{m['from_version'] or 'none'} → {m['to_version'] or 'none'}",
            plain(m["actor"]),
            plain(m["why"] or ""),
        ]
        for m in moves
    ]
    return ["## History", "", *table(["When", "Alias", "Move", "Who", "Why"], rows)]


def _environment(manifest: dict[str, Any]) -> list[str]:
    environment = manifest.get("environment", {})
    packages = environment.get("packages", {})
    shown = ", ".join(
        f"{name} {packages[name]}"
        for name in ("scikit-learn", "polars", "numpy", "duckdb")
        if name in packages
    )
    return [
        "## Environment",
        "",
        f"Python {plain(environment.get('python', 'not recorded'))} on {plain(environment.get('platform', 'not recorded'))}; {plain(shown or 'packages not recorded')}.",
        "",
    ]
