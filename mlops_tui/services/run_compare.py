"""Runs side by side: what came out of them first, then what went into them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import read_json_if, sha256_bytes
from mlops_store.errors import Problem
from mlops_store.ids import RUN_ID
from mlops_store.index.tx import Read
from mlops_store.run_folder import RunFolder
from mlops_tui.services import run_rows
from mlops_tui.services.run_code import code_files
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.run import CompareRow, Comparison, JudgedOn, RunCompare

_MAX_RUNS = 100
_SESSION = (
    "_", "COLORFGBG", "COLORTERM", "COLUMNS", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "EDITOR", "GPG_TTY", "HISTFILE", "INVOCATION_ID",
    "JOURNAL_STREAM", "LESSCLOSE", "LESSOPEN", "LINES", "LS_COLORS", "MAIL", "OLDPWD", "PAGER", "PS1", "PWD", "SHLVL", "STY", "TERM", "VISUAL",
    "WAYLAND_DISPLAY", "WINDOW", "WINDOWID", "XAUTHORITY",
)  # fmt: skip
_SESSIONS = (
    "ALACRITTY_", "ITERM_", "KITTY_", "KONSOLE_", "LC_TERMINAL", "SSH_", "TERMINFO", "TERM_", "TMUX", "VSCODE_", "VTE_", "WEZTERM_", "XDG_",
    "ZELLIJ",
)  # fmt: skip
"""Names, and beginnings of names, of variables that tell terminals and logins apart and no training."""
_OF_OTHERS = ("search/", "naive/", "champion/")
"""What the names begin with of metrics that are not of the run's own model."""
Table = Mapping[str, Any]


def compare(read: Read, request: RunCompare) -> Comparison:
    """Metrics, parameters, data and tags of all; of code and environment only what differs. Raises Problem."""
    ids = list(dict.fromkeys(_id(read, text, request.project) for text in request.runs))
    if not 2 <= len(ids) <= _MAX_RUNS:
        raise Problem(
            "bad_compare",
            f"{len(ids)} runs cannot be compared",
            f"name 2 to {_MAX_RUNS} different runs",
            status=2,
        )
    _check_there(read, ids)
    runs = run_rows.runs_of(read, ids)
    folders = [RunFolder(read.home.run_dir(run_id)) for run_id in ids]
    captures = [read_json_if(folder.capture, dict[str, Any]) or {} for folder in folders]
    found_outcomes = _outcomes(read, ids)
    outcomes = [outcome.get("training") or {} for outcome in found_outcomes]
    data = [_data(folder) for folder in folders]
    judged = [_judged_on(read, *each) for each in zip(runs, found_outcomes, data, strict=True)]
    main = {run.metric for run in runs}
    rows = [
        *_section("evaluation", _evaluations(judged), order=lambda key: key != "rows"),
        *_section(
            "metrics", [_metrics(run) for run in runs], order=lambda key: (_rank(key), key not in main)
        ),
        *_section("params", [run.params for run in runs]),
        *_section("data", data),
        *_section("features", [_features(outcome) for outcome in outcomes]),
        *_section(
            "code",
            [_code(folder, found) for folder, found in zip(folders, captures, strict=True)],
            only_differing=True,
        ),
        *_section("run", [_about(run) for run in runs]),
        *_section("tags", [run.tags for run in runs]),
        *_section(
            "environment",
            [_environment(found) for found in captures],
            only_differing=True,
            order=lambda key: key.startswith("env "),
        ),
    ]
    return Comparison(runs=ids, rows=rows, judged=judged)


def _id(read: Read, text: str, project: str | None) -> str:
    """A whole id is taken as it is: a list that compares a hundred runs has it from us."""
    return text if RUN_ID.match(text) else run_rows.find_run(read, text, project)


def _check_there(read: Read, ids: Sequence[str]) -> None:
    """Raises the Problem of the first that is unknown or deleted."""
    there = read.rows(
        "SELECT run_id FROM runs WHERE deleted IS NULL AND run_id IN (SELECT unnest(?::VARCHAR[]))",
        [list(ids)],
    )
    for run_id in set(ids) - {row["run_id"] for row in there}:
        run_rows.row_of(read, run_id)


def _section(
    name: str,
    tables: Sequence[Table],
    *,
    only_differing: bool = False,
    order: Callable[[str], Any] = lambda _key: 0,
) -> list[CompareRow]:
    """What the runs have under each key; by `order`, and by name within it."""
    rows = []
    for key in sorted({key for table in tables for key in table}, key=lambda key: (order(key), key)):
        values = [table.get(key) for table in tables]
        first = msgspec.json.encode(values[0])
        differs = any(msgspec.json.encode(value) != first for value in values[1:])
        if differs or not only_differing:
            rows.append(CompareRow(section=name, key=key, values=values, differs=differs))
    return rows


def _about(run: Run) -> Table:
    took = run.ended - run.started if run.ended is not None and run.started is not None else None
    return {
        "name": run.name, "kind": run.kind, "model": run.model, "experiment": run.experiment, "state": run.state, "created": run.created,
        "duration_ms": took, "model_version": run.model_version, "verdict": run.verdict,
    }  # fmt: skip


def _data(folder: RunFolder) -> Table:
    context = folder.context(folder.latest()) if folder.latest() else None
    if context is None:
        return {}
    return {name: f"version {pin.version} ({pin.snapshot[:12]})" for name, pin in context.sources.items()}


def _outcomes(read: Read, ids: Sequence[str]) -> list[dict[str, Any]]:
    found = read.rows(
        "SELECT run_id, json -> '$.training' AS training, json -> '$.evaluation' AS evaluation FROM outcomes "
        "WHERE run_id IN (SELECT unnest(?::VARCHAR[]))",
        [list(ids)],
    )
    by_run = {
        row["run_id"]: {name: run_rows.decode(row[name]) for name in ("training", "evaluation")}
        for row in found
    }
    return [by_run.get(run_id, {}) for run_id in ids]


def _judged_on(read: Read, run: Run, outcome: dict[str, Any], pins: Table) -> JudgedOn | None:
    """By the gate or the evaluation of a run; of a program of one's own nothing is known but its data versions."""
    data = ", ".join(f"{source} {version}" for source, version in sorted(pins.items()))
    judged = (outcome.get("training") or {}).get("gate") or outcome.get("evaluation")
    if not judged:
        return JudgedOn(key=data, data=data) if data else None
    rows = judged.get("evaluation_rows")
    # the same files may hold more mature rows as of a later time
    batches = (outcome.get("training") or judged).get("evaluation_batches") or []
    return JudgedOn(
        key=f"{judged.get('evaluation_key')} {rows} {judged.get('clusters')}",
        rows=rows,
        data=data,
        files=_files(read, run.project, batches),
    )


def _files(read: Read, project: str, batches: Sequence[str]) -> list[str]:
    """The names under which batches were delivered."""
    found = read.rows(
        "SELECT DISTINCT path FROM batches WHERE project = ? AND sha256 IN (SELECT unnest(?::VARCHAR[])) ORDER BY path",
        [project, list(batches)],
    )
    return [str(row["path"]) for row in found]


def _evaluations(judged: Sequence[JudgedOn | None]) -> list[Table]:
    """Which rows each was judged on, as far as that is recorded: how many, of which files, from the folder that all are in."""
    folders = {os.path.dirname(file) for each in judged if each is not None for file in each.files}
    shared = os.path.commonpath(folders) if len({os.path.isabs(folder) for folder in folders}) == 1 else ""
    found: list[Table] = []
    for each in judged:
        told: dict[str, Any] = {}
        if each is not None and each.rows is not None:
            told["rows"] = each.rows
            if each.files:
                told["files"] = ", ".join(
                    os.path.relpath(file, shared) if shared else file for file in each.files
                )
        found.append(told)
    return found


def _features(outcome: dict[str, Any]) -> Table:
    return {str(name): "yes" for name in outcome.get("feature_service") or []}


def _code(folder: RunFolder, capture: dict[str, Any]) -> Table:
    git = capture.get("git") or {}
    found: dict[str, Any] = {
        f"git {key}": git.get(key) for key in ("commit", "branch", "dirty") if key in git
    }
    return found | (_digests(folder.code) if folder.code.is_dir() else {})


@lru_cache(maxsize=1000)
def _digests(code: Path) -> dict[str, str]:
    """Of each file of a run's copy of the code, which never changes."""
    return {name: sha256_bytes(content)[:12] for name, content in code_files(code).items()}


def _environment(capture: dict[str, Any]) -> Table:
    interpreter = capture.get("interpreter") or {}
    found: dict[str, Any] = {"python": interpreter.get("version"), "interpreter": interpreter.get("path")}
    found |= {f"package {name}": version for name, version in (interpreter.get("packages") or {}).items()}
    found |= {f"hardware {name}": value for name, value in (capture.get("hardware") or {}).items()}
    found |= {
        f"env {name}": value
        for name, value in (capture.get("environment") or {}).items()
        if name not in _SESSION and not name.startswith(_SESSIONS)
    }
    found["seed"] = capture.get("seed")
    return found


def _rank(metric: str) -> int:
    """What the rows say of the model, then what they say of others and the search of its trials, then what the run cost the machine."""
    return 2 if metric.startswith("system/") else int(metric.startswith(_OF_OTHERS))


def _metrics(run: Run) -> Table:
    return {key: summary.best for key, summary in run.metrics.items()}
