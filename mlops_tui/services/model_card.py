"""A model card in Markdown: recorded facts only. What was not recorded is said to be not recorded."""

from __future__ import annotations

from typing import Any

from mlops_store.index.models import Row
from mlops_tui.services.markdown import estimate, listed, literal, number, table, when
from mlops_tui.services.pinned import Evaluation, Pinned
from mlops_tui.services.versions import Named

_PACKAGES = ("scikit-learn", "polars", "numpy", "duckdb", "scipy")


def markdown(
    version: Named,
    facts: Pinned,
    measured: Evaluation,
    aliases: list[str],
    waivers: list[Row],
    moves: list[Row],
) -> str:
    """`waivers` and `moves` are those of the version, oldest first."""
    row = version.row
    gate = row["gate"] or {}
    parts = [
        [f"# {literal(version.model)} version {version.version}", ""],
        _identity(version, facts, aliases),
        _data(row, facts),
        _features(row, facts),
        _training(facts),
        _metrics(row, gate),
        _slices(measured),
        _gate(row, gate, waivers),
        _history(moves),
        _environment(facts),
    ]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _identity(version: Named, facts: Pinned, aliases: list[str]) -> list[str]:
    row = version.row
    pairs = [
        ["Project", literal(version.project)],
        ["Task", literal(facts.task)],
        ["Target", literal(facts.target)],
        ["Aliases", literal(", ".join(aliases) or "none")],
        ["Verdict", literal(row["verdict"] or "not judged")],
        ["Registered", f"{when(row['created'])} by {literal(row['actor'])}"],
        ["Run", literal(row["run_id"])],
        ["Recipe", literal(facts.recipe_hash)],
        ["Code", literal(facts.code)],
        ["Digest", literal(row["digest"])],
    ]
    return table(["Fact", "Value"], pairs)


def _data(row: Row, facts: Pinned) -> list[str]:
    training = facts.training
    lines = [
        "## Data",
        "",
        f"Trained on {row['training_rows'] or 0:,} rows of {literal(training.source)}, event times from "
        f"{when(training.min_event_time)} to {when(training.max_event_time)}, {len(training.batches)} batches, "
        f"window {literal(training.window)}.",
        "",
    ]
    rows = [
        [literal(source), number(pin.version), literal(pin.snapshot)]
        for source, pin in sorted(facts.snapshots.items())
    ]
    return lines + (table(["Source", "Version", "Snapshot"], rows) if rows else [])


def _features(row: Row, facts: Pinned) -> list[str]:
    """Each feature once: those of views under their view, then the columns of the model's own rows."""
    views: dict[str, list[str]] = {}
    for entry in row["feature_service"] or []:
        view, _, feature = entry.partition(":")
        views.setdefault(view, []).append(feature or entry)
    # the model reads a view's feature as view__feature
    looked_up = {f"{view.partition('@')[0]}__{name}" for view, names in views.items() for name in names}
    own = [name for name in facts.feature_columns if name not in looked_up and name not in views]
    rows = [[literal(view), str(len(names)), listed(names)] for view, names in views.items()]
    if own:
        rows.append(["own columns", str(len(own)), listed(own)])
    head = ["From", "Count", "Features"]
    lines = ["## Features", "", *(table(head, rows) if rows else ["None are recorded.", ""])]
    assumed = sorted(view.name for view in facts.views if view.knowledge == "assumed")
    if assumed:
        lines += [
            f"Knowledge time is **assumed** to be the event time for: {literal(', '.join(assumed))}.",
            "",
        ]
    return lines


def _training(facts: Pinned) -> list[str]:
    params = [[literal(key), literal(value)] for key, value in sorted(facts.params.items())]
    head = f"Algorithm: {literal(facts.family)}, seed {literal(facts.seed)}."
    return ["## Training", "", head, "", *(table(["Parameter", "Value"], params) if params else [])]


def _metrics(row: Row, gate: dict[str, Any]) -> list[str]:
    champion, naive = gate.get("champion_metrics") or {}, gate.get("naive_metrics") or {}
    metrics = row["metrics"] or {}
    rows = [
        [literal(name), estimate(metrics[name]), estimate(champion.get(name)), estimate(naive.get(name))]
        for name in sorted(metrics)
    ]
    count = gate.get("evaluation_rows")
    note = (
        f"On {count:,} rows in {gate.get('clusters')} clusters that training has not seen; intervals by a bootstrap of clusters."
        if isinstance(count, int)
        else "The evaluation rows are not recorded."
    )
    head = [
        "Metric",
        "This version",
        f"Champion then ({literal(gate.get('champion') or 'none')})",
        "Naive baseline",
    ]
    difference = gate.get("difference")
    lines = [
        "## Performance",
        "",
        note,
        "",
        *(table(head, rows) if rows else ["No metrics are recorded.", ""]),
    ]
    if difference:
        level = difference.get("level")
        at = f" at level {number(level)}" if level is not None else ""
        lines += [
            f"Difference to that champion in {literal(row['metric'])}, positive where this version is better: "
            f"{estimate(difference)}{at}.",
            "",
        ]
    return lines


def _slices(measured: Evaluation) -> list[str]:
    if not measured.slices:
        return []
    rows = [
        [literal(one.slice), number(one.rows), estimate({"value": one.value, "low": one.low, "high": one.high}),
         number(one.champion), number(one.naive)]
        for one in measured.slices
    ]  # fmt: skip
    return [
        "## Slices",
        "",
        *table(["Slice", "Rows", "This version", "Champion then", "Naive baseline"], rows),
    ]


def _gate(row: Row, gate: dict[str, Any], waivers: list[Row]) -> list[str]:
    lines = ["## Gate", ""]
    if not gate:
        lines += ["Not judged.", ""]
    else:
        lines += [
            f"Verdict **{literal(row['verdict'] or gate.get('verdict'))}** at look {number(gate.get('look'))} at these rows "
            f"(error level {number(gate.get('alpha'))}).",
            "",
        ]
        checks = [
            [
                literal(check.get("check")),
                literal(check.get("verdict")),
                estimate(check),
                literal(check.get("reason") or ""),
            ]
            for check in gate.get("checks") or []
        ]
        lines += table(["Check", "Verdict", "Estimate", "Note"], checks) if checks else []
    lines += [
        f"- Waived by {literal(one['name'])} until {when(one['expires'])}: {literal(one['check'])}, because {literal(one['reason'])}"
        for one in waivers
    ]
    return [*lines, ""] if waivers else lines


def _history(moves: list[Row]) -> list[str]:
    if not moves:
        return ["## History", "", "No alias has named this version.", ""]
    rows = [
        [
            when(move["time"]),
            literal(move["alias"]),
            f"{number(move['from_version'])} → {number(move['to_version'])}",
            literal(move["actor"]),
            literal(move["why"] or ""),
        ]
        for move in moves
    ]
    return ["## History", "", *table(["When", "Alias", "Move", "Who", "Why"], rows)]


def _environment(facts: Pinned) -> list[str]:
    environment = facts.environment
    shown = ", ".join(
        f"{name} {environment.packages[name]}" for name in _PACKAGES if name in environment.packages
    )
    python = environment.version or environment.python
    return [
        "## Environment",
        "",
        f"Python {literal(python)} on {literal(environment.platform)}; packages: {literal(shown or None)}.",
        "",
    ]
