"""Writing the mlops.toml of a new project, with the reason of each line beside it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mlops_tui.project.values import METRICS

_BARE = re.compile(r"^[A-Za-z0-9_-]+$")
_MAX_EXPECTED = 40
_MAX_CATEGORIES = 20
_MAX_NAMED = 4000


@dataclass
class Draft:
    """All that is decided about a new project. `why` explains by topic."""

    project: str
    source: str
    model: str
    path: str
    target: str
    task: str
    metric: str
    key: list[str]
    event_time: str
    cluster: str
    min_new_rows: int
    split_key: list[str] = field(default_factory=list)
    columns: list[str] | None = None
    late_columns: list[str] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def text(value: Any) -> str:
    """A TOML value; also safe inside a comment, since no line break or control character is left in it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return (
            json.dumps(value, ensure_ascii=False)
            .replace("\x7f", "\\u007f")
            .replace("\u2028", "\\u2028")
            .replace("\u2029", "\\u2029")
        )
    if isinstance(value, list):
        return "[" + ", ".join(text(item) for item in value) + "]"
    return repr(value)


def key(name: str) -> str:
    """A TOML key, quoted where it has to be."""
    return name if _BARE.match(name) else text(name)


def comment(words: str) -> str:
    """Words as one comment."""
    return "# " + " ".join("".join(c if c.isprintable() else " " for c in words).split())


def render(draft: Draft, expectations: list[tuple[str, str]]) -> str:
    """The whole file."""
    lines = [
        comment("Written by `mlops-tui init` from what it found in the data. Change what it got wrong."),
        *(comment(note) for note in draft.notes),
        "",
        "[project]",
        f"name = {text(draft.project)}",
        "",
        f"[source.{key(draft.source)}]",
        f"path = {text(draft.path)}  # watched: a new or changed file is a new data version",
    ]
    lines += _source(draft)
    if expectations:
        lines += ["", comment("as seen in the data, with room; only warnings: take severity out to refuse files that break a line"),
                  f"[source.{key(draft.source)}.expect]"]  # fmt: skip
        lines += [
            f'{key(column)} = {{ {predicates}, severity = "warn" }}' for column, predicates in expectations
        ]
    return "\n".join([*lines, "", *_model(draft), ""])


def _source(draft: Draft) -> list[str]:
    lines = [comment(f"key: {draft.why['key']}")]
    if draft.key:
        lines.append(f"key = {text(draft.key)}")
    lines.append(comment(f"event_time: {draft.why['event_time']}"))
    if draft.event_time:
        lines.append(f"event_time = {text(draft.event_time)}")
        lines.append(
            '# label_delay = "1d"  # how long after the event the target is known; rows younger than that are not used'
        )
    if draft.late_columns:
        lines.append(comment(f"late_columns: {draft.why['late_columns']}"))
        lines.append(f"late_columns = {text(draft.late_columns)}")
    return lines


def _model(draft: Draft) -> list[str]:
    name = f"model.{key(draft.model)}"
    op = ">" if METRICS[draft.task][draft.metric] == "max" else "<"
    lines = [
        f"[{name}]",
        '# recipe = "recipe.py"  # optional: prepare(frame), feature views, estimator(params), evaluate(…)',
        f"spine = {text(draft.source)}",
        f"target = {text(draft.target)}",
        f"task = {text(draft.task)}  {comment(draft.why['task'])}",
        f"metric = {text(draft.metric)}",
    ]
    if draft.columns is not None:
        lines += [comment(f"columns: {draft.why['columns']}"), f"columns = {text(draft.columns)}"]
    lines += [
        "",
        f"[{name}.search]",
        "trials = 10",
        'timeout = "60s"',
        "",
        f"[{name}.split]",
        comment(draft.why["split"]),
    ]
    if draft.split_key:
        lines.append(f"key = {text(draft.split_key)}")
    lines += [
        "test_share = 0.2  # where no newest batch in time can judge",
        "",
        f"[{name}.gate]",
        f"checks = {text([f'{draft.metric} {op} champion', f'{draft.metric} {op} naive'])}",
    ]
    if draft.cluster:
        lines.append(f"cluster = {text(draft.cluster)}  {comment(draft.why['cluster'])}")
    lines += [
        "",
        f"[{name}.retrain]  # when to propose training again; nothing happens without approval",
        f"on_new_data = {{ min_new_rows = {draft.min_new_rows} }}",
        'on_drift = { k_of_n = "1/2" }',
        "auto_approve = false",
        'auto_promote = "never"',
    ]
    return lines


def expectations(frame: pl.DataFrame, target: str, key_columns: list[str]) -> list[tuple[str, str]]:
    """(column, predicates as inline TOML) for what the data show; ranges get half their width of room on both sides."""
    found: list[tuple[str, str]] = []
    for name in frame.columns:
        if len(found) >= _MAX_EXPECTED or name in key_columns or name.startswith("__"):
            continue
        values = frame[name]
        said = [] if values.null_count() else ["not_null = true"]
        said += _domain(values, name == target)
        if said:
            found.append((name, ", ".join(said)))
    return found


def _domain(values: pl.Series, is_target: bool) -> list[str]:
    present = values.drop_nulls()
    if present.is_empty():
        return []
    if values.dtype == pl.String:
        kinds = present.unique()
        if kinds.len() <= _MAX_CATEGORIES and kinds.len() <= max(2, present.len() // 10):
            named = f"in = {text(sorted(kinds.to_list()))}"
            # names, not letters: a project file is to be read
            return [named] if len(named) <= _MAX_NAMED else []
        return []
    if not values.dtype.is_numeric():
        return []
    present = present.drop_nans() if values.dtype.is_float() else present
    if values.dtype.is_integer() and (
        present.n_unique() <= 2 or (is_target and present.n_unique() <= _MAX_CATEGORIES)
    ):
        return [f"in = {text(sorted(present.unique().to_list()))}"]
    low, high = float(present.min() or 0), float(present.max() or 0)  # type: ignore[arg-type]
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return []
    room = (high - low) / 2
    floor = 0.0 if low >= 0 and low - room < 0 else low - room
    return [f"min = {_round(floor, math.floor)}", f"max = {_round(high + room, math.ceil)}"]


def _round(value: float, towards: Any) -> str:
    """Two significant digits, rounded away from the data."""
    if value == 0:
        return "0"
    scale = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = towards(value / scale) * scale
    return (
        str(int(rounded))
        if abs(rounded) >= 1 and abs(rounded) < 1e15 and float(rounded).is_integer()
        else repr(float(f"{rounded:.6g}"))
    )
