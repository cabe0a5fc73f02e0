"""The eight processes of a fault round: four log with the SDK, four start, stop and wait for runs; and the program that those runs are.

Each says in a file of its own what had *returned* when it went on (`Diary`): that, and nothing else, is what a kill must not cost.
"""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.run_folder import RunFolder
from mlops_tui.client import connect
from mlops_tui.client.here import environment
from mlops_tui.sdk.start import start_run

PROJECT = "faults"
CODES = (0, 0, 0, 1, 3)
STOPPED = 0.3
"""Share of the runs that their client stops."""
MARKED = 0.5
"""Share of the rounds of a client in which it says something of a run, its own or that of a script."""
_PATIENCE = 20.0

TRAIN = """
import os, sys, time
from mlops_tui.sdk.start import start_run

code, points, name = int(sys.argv[1]), int(sys.argv[2]), os.environ["MLOPS_TUI_RUN_ID"]
diary = os.open(os.path.join(os.environ["FAULTS_DIARY"], "run-" + name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
with start_run() as run:
    for step in range(points):
        run.log_metric("x", step * 0.5, step=step)
        os.write(diary, b"point %d\\n" % step)
        if step % 5 == 4:
            time.sleep(0.02)
os.write(diary, b"end %d\\n" % code)
sys.exit(code)
"""


@dataclass(frozen=True)
class Round:
    """When it begins for all, and that it is over (a barrier and an event of multiprocessing)."""

    ready: Any
    over: Any


class Diary:
    """One file, one line and one write at a time: it survives what its writer does not."""

    def __init__(self, folder: Path, name: str) -> None:
        self._fd = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def say(self, *words: object) -> None:
        os.write(self._fd, " ".join(map(str, words)).encode() + b"\n")

    def close(self) -> None:
        os.close(self._fd)


def make_project(folder: Path, models: int) -> None:
    """A project with one model for each client, since two trainings of one model never run at once."""
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    tables = "".join(
        f'\n[model.m{number}]\ncommand = "python train.py {{code}} {{points}}"\nmetric = "x"\n'
        for number in range(models)
    )
    (folder / "mlops.toml").write_text(f'[project]\nname = "{PROJECT}"\n{tables}')


def log_runs(home: Path, diaries: Path, seed: int, round_: Round) -> None:
    """Scripts of one's own, one after the other: each a process that logs and ends itself, unless it is killed."""
    rng = random.Random(seed)
    round_.ready.wait()
    while not round_.over.is_set():
        code, points = rng.choice(CODES), rng.randrange(1, 400)
        pid = os.fork()
        if pid == 0:
            os._exit(_script(home, diaries, code, points))
        os.waitpid(pid, 0)


def _script(home: Path, diaries: Path, code: int, points: int) -> int:
    run = start_run(PROJECT, home=home)
    diary = Diary(diaries, f"sdk-{run.run_id}")
    for step in range(points):
        run.log_metric("x", step * 0.5, step=step)
        diary.say("point", step)
        if step % 10 == 9:
            time.sleep(0.005)
    run.finish(code)
    diary.say("end", code)
    return code


def start_runs(home: Path, diaries: Path, seed: int, round_: Round, model: str) -> None:
    """Runs of the queue, one after the other: started, now and then stopped, waited for by their folder."""
    rng = random.Random(seed)
    diary = Diary(diaries, f"client-{model}")
    os.environ["FAULTS_DIARY"] = str(diaries)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    context = environment()
    number = 0
    round_.ready.wait()
    while not round_.over.is_set():
        number += 1
        label = f"{model}-{seed}-{number}"
        code, points = rng.choice(CODES), rng.randrange(1, 800)
        request = {"project": PROJECT, "model": model, "name": label, "client": context,
                   "params": {"code": code, "points": points}}  # fmt: skip
        diary.say("asked", label, code)
        run = _ask(home, diary, "run start", request)
        if run is None:
            continue
        diary.say("got", label, run.run_id)
        if rng.random() < MARKED:
            scripts = [path.name.removeprefix("sdk-") for path in diaries.glob("sdk-*")]
            _mark(home, diary, rng.choice([run.run_id, *scripts[-5:]]), model, number)
        if rng.random() < STOPPED:
            time.sleep(rng.random() * 0.6)
            diary.say("stopping", run.run_id)
            if _ask(home, diary, "run stop", {"run_id": run.run_id}) is not None:
                diary.say("stopped", run.run_id)
        _wait(RunFolder(Home(home).run_dir(run.run_id)), round_)
    diary.close()


def _mark(home: Path, diary: Diary, run_id: str, key: str, number: int) -> None:
    """A tag that only this client sets, to numbers that grow."""
    diary.say("tagging", run_id, key, number)
    if _ask(home, diary, "run tag", {"run_id": run_id, "tags": {key: str(number)}}) is not None:
        diary.say("tagged", run_id, key, number)


def _ask(home: Path, diary: Diary, verb: str, request: dict[str, Any]) -> Any:
    """The answer; None where there was none, which the diary says with the reason."""
    try:
        with connect(Home(home)) as client:
            return client.call(verb, request)
    except (Problem, OSError) as error:
        diary.say("refused", verb.replace(" ", "-"), getattr(error, "code", type(error).__name__), error)
        return None


def _wait(folder: RunFolder, round_: Round) -> None:
    """Until the run has ended, or the round."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and not round_.over.is_set() and folder.exit(1) is None:
        time.sleep(0.02)
