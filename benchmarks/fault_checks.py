"""What must hold after a fault round, held against the diaries of those who took part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mlops_store.home import Home
from mlops_store.index.database import Database, rows
from mlops_store.ledger import verify
from mlops_store.records import ENDED
from mlops_tui.daemon import offline

OF_THE_MACHINE = frozenset({"disk_space", "inotify", "logout_kills"})


@dataclass
class Kills:
    """Who was killed while it lived."""

    daemons: int = 0
    shims: set[str] = field(default_factory=set)
    trainers: set[str] = field(default_factory=set)


@dataclass
class Told:
    """A run, as its own diary and that of its client have it."""

    sdk: bool
    points: int = 0
    end: int | None = None
    """The exit code that it was about to end with (SDK: had recorded)."""
    stop_asked: bool = False


@dataclass
class Diaries:
    """All diaries of a home, read."""

    runs: dict[str, Told] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    """The exit code asked for, by label of the request."""
    answers: dict[str, str] = field(default_factory=dict)
    """The run id answered, by label."""
    refused: list[str] = field(default_factory=list)
    tags: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """By run and key: the last value that was answered for (0: none was), and the last that was asked for."""


def read_diaries(folder: Path) -> Diaries:
    """Reads them all; who was killed has simply stopped writing."""
    told = Diaries()
    for path in sorted(folder.iterdir()):
        lines = [line.split(" ") for line in path.read_text().splitlines()]
        kind, _, name = path.name.partition("-")
        if kind == "client":
            _read_client(lines, told)
            continue
        run = told.runs.setdefault(name, Told(sdk=kind == "sdk"))
        run.points = sum(words[0] == "point" for words in lines)
        run.end = next((int(words[1]) for words in lines if words[0] == "end"), None)
    return told


def _read_client(lines: list[list[str]], told: Diaries) -> None:
    for words in lines:
        match words:
            case ["asked", label, code]:
                told.codes[label] = int(code)
            case ["got", label, run_id]:
                told.answers[label] = run_id
                told.runs.setdefault(run_id, Told(sdk=False))
            case ["stopping", run_id]:
                told.runs.setdefault(run_id, Told(sdk=False)).stop_asked = True
            case ["tagging" | "tagged" as word, run_id, key, number]:
                answered = told.tags.get((run_id, key), (0, 0))[0]
                told.tags[run_id, key] = (int(number) if word == "tagged" else answered, int(number))
            case ["refused", *what] if what[1] != "run_ended":
                told.refused.append(" ".join(what))


def check_home(home: Home, told: Diaries, kills: Kills) -> tuple[list[str], Counter[str]]:
    """All that is wrong in a home whose daemon has ended, and how many runs ended in which state."""
    wrong = [f"ledger: {finding.what} ({finding.where})" for finding in verify(home.ledger)]
    health = offline.doctor(home)
    wrong += [
        f"doctor: {found.code} {found.subject}: {found.message}"
        for found in health.findings
        if found.code not in OF_THE_MACHINE
    ]
    database = Database.open(home.index, readonly=True)
    try:
        con = database.cursor()
        found = {row["run_id"]: row for row in rows(con, "SELECT * FROM runs")}
        points: dict[str, list[int]] = {}
        for row in rows(con, "SELECT run_id, step FROM metric_points WHERE key = 'x' ORDER BY run_id, step"):
            points.setdefault(row["run_id"], []).append(row["step"])
        submits = Counter(
            row["subject"] for row in rows(con, "SELECT subject FROM ledger WHERE verb = 'run.submit'")
        )
        tags = {
            (row["run_id"], row["key"]): int(row["value"])
            for row in rows(con, "SELECT run_id, key, value FROM tags")
        }
        con.close()
    finally:
        database.close()
    wrong += _tags(tags, told)
    wrong += _requests(found, told, submits)
    for run_id, row in found.items():
        run = told.runs.get(run_id) or Told(sdk=row["kind"] == "sdk")
        wrong += [
            f"run {run_id} ({row['name']}): {text}"
            for text in _run(row, run, points.get(run_id, []), kills, told)
        ]
    wrong += [f"run {run_id} is not there" for run_id in told.runs.keys() - found.keys()]
    rebuilt = offline.rebuild(home)
    wrong += [f"rebuild: {line}" for line in rebuilt.differences]
    if rebuilt.same is not True:
        wrong.append(
            "rebuild: the index before could not be compared"
            if rebuilt.same is None
            else "rebuild: not the same"
        )
    return wrong, Counter(row["state"] for row in found.values())


def _requests(found: dict[str, dict[str, object]], told: Diaries, submits: Counter[str]) -> list[str]:
    """Each answered request is one run and one ledger entry; each unanswered one is at most one."""
    labels = Counter(str(row["name"]) for row in found.values() if row["kind"] == "train")
    wrong = [f"{label} is there {count} times" for label, count in labels.items() if count > 1]
    wrong += [f"{label} was never asked for" for label in labels.keys() - told.codes.keys()]
    wrong += [f"run {run_id} was submitted {count} times" for run_id, count in submits.items() if count > 1]
    for label, run_id in told.answers.items():
        if found.get(run_id, {}).get("name") != label or not submits[run_id]:
            wrong.append(f"{label} was answered with run {run_id}, which is not there")
    return wrong


def _tags(found: dict[tuple[str, str], int], told: Diaries) -> list[str]:
    """What was answered for is there, or something that was asked for after it; nothing else is."""
    wrong = [
        f"tag {key} of run {run_id} was never asked for" for run_id, key in found.keys() - told.tags.keys()
    ]
    for place, (answered, asked) in told.tags.items():
        if not answered <= found.get(place, 0) <= asked:
            wrong.append(
                f"tag {place[1]} of run {place[0]} is {found.get(place)}, answered for was {answered}, asked for {asked}"
            )
    return wrong


def _run(row: dict[str, object], run: Told, steps: list[int], kills: Kills, told: Diaries) -> list[str]:
    wrong = []
    # one more than the diary has: the call returned, and its process died before it could say so
    if steps != list(range(len(steps))) or not run.points <= len(steps) <= run.points + 1:
        wrong.append(
            f"{run.points} points returned, {len(steps)} are there (steps {steps[:3]} to {steps[-3:]})"
        )
    if row["state"] not in ENDED:
        wrong.append(f"it is {row['state']}")
    if not run.sdk and row["settled"] is None:
        wrong.append("it is not settled")
    allowed = _ends(row, run, kills, told)
    end = (row["state"], row["exit_code"], row["signal"])
    if end not in allowed:
        wrong.append(
            f"it ended {end}, not one of {sorted(allowed, key=repr)}; diary: {run}, reason {row['reason']!r}"
        )
    return wrong


def _ends(
    row: dict[str, object], run: Told, kills: Kills, told: Diaries
) -> set[tuple[object, object, object]]:
    """(state, exit code, signal) that are true for what happened to a run."""
    run_id = str(row["run_id"])
    shim, trainer = run_id in kills.shims, run_id in kills.trainers
    lost: tuple[object, object, object] = ("LOST", None, None)
    if run.sdk:
        # who was killed after `finish` had written the record, and before the diary could, has ended all the same
        if run.end is not None:
            return {_of_code(run.end)}
        return {lost, *(_of_code(code) for code in (0, 1, 3))} if trainer else set()
    code = told.codes.get(str(row["name"]), -1)
    ends: set[tuple[object, object, object]] = set()
    if not trainer or run.end is not None:
        ends.add(_of_code(code))
    if trainer:
        ends.add(("FAILED", None, 9))
    if run.stop_asked:
        ends |= {("KILLED", None, 15), ("KILLED", None, None), ("KILLED", None, 9), ("KILLED", code, None)}
    if shim:
        ends.add(lost)
    return ends


def _of_code(code: int) -> tuple[object, object, object]:
    return ("FINISHED" if code == 0 else "FAILED", code, None)
