"""How soon things begin, and what waiting costs: commands, the daemon, a run, a pipeline with nothing to do, an idle daemon.

CPU seconds of whole processes, medians over `--repeats` turns in which all measures take part one after the other, so that what else the machine does
hits them alike; `least` is the turn that was disturbed least. Wall times stand beside the load.

Our modules are compiled beforehand, as those of an installed program are; in a checkout under `PYTHONDONTWRITEBYTECODE` each process compiles them anew.

- `python`: the interpreter alone; `--help`, `run list` (a daemon is there): all of the command's process
- `daemon`: from the start of its process to its first answer
- `first line`: from the question `run start` to the first line of the recipe, through daemon, queue, shim and worker; `bare import`: a new Python that only imports
  the packages that the worker had imported by then
- `no-op`: a training all of whose stages are in the cache, as a process; `ours` begins when the packages that it uses are imported. `dvc repro` of five stages without changes beside it (`--dvc`)
- `idle`: the daemon with one watched project, per cent of a core

    python benchmarks/startup.py --dvc PEERS/bin/dvc --write docs/benchmarks/startup.md
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import mlops_store
import mlops_tui
from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.run_folder import RunFolder
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect

Found = dict[str, list[float]]
TOML = """[project]
name = "series"
[source.days]
path = "data/*.csv"
key = ["id"]
event_time = "at"
[model.m]
spine = "days"
recipe = "recipe.py"
target = "y"
task = "regression"
metric = "rmse"
columns = ["x"]
[model.m.search]
trials = 1
families = ["ridge"]
cv_folds = 2
[model.m.gate]
checks = ["rmse < 100"]
"""
FIRST_LINE = """import json, os, sys, time
_ = __spec__ and open(os.environ["MLOPS_TUI_RUN_DIR"] + "/first-line.json", "x").write(json.dumps([time.perf_counter(), time.process_time(), sorted(sys.modules)]))
"""
NO_OP = """import contextlib, importlib, json, os, sys, time
names = json.load(open(sys.argv[3])) if os.path.exists(sys.argv[3]) else []
for name in names:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
imported = time.process_time()
from mlops_tui.worker.main import main
code = main(sys.argv[1:3])
print(json.dumps([imported, time.process_time(), sorted(sys.modules)]))
sys.exit(code)
"""
BUDGETS = {
    "--help, CPU s": 0.1,
    "run list, CPU s": 0.18,
    "daemon, wall s": 0.6,
    "first line / bare import, CPU": 1.5,
    "first line / bare import, wall": 1.5,
    "no-op ours, CPU s": 0.25,
    "idle, % of a core": 0.5,
}


def compiled() -> None:
    """Both packages as pip leaves them."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for package in (mlops_tui, mlops_store):
        compileall.compile_dir(Path(package.__file__ or "").parent, quiet=1)


def process(argv: list[str], **options: Any) -> tuple[float, float]:
    """(CPU seconds with its children, wall seconds) of a command. Raises CalledProcessError."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - started


def threads_cpu(pid: int) -> float:
    """CPU seconds of a process by the scheduler's own count, which is finer than ticks."""
    return (
        sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    )


def project(folder: Path) -> Path:
    """A small project: four months of rows in two files."""
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "mlops.toml").write_text(TOML)
    (folder / "recipe.py").write_text(FIRST_LINE)
    for file in range(2):
        rows = [f"{file}-{i},2024-0{2 * file + 1 + i // 60}-{i % 28 + 1:02d} 10:00,{i % 7}.5,{i % 7 * 2 + i % 3}" for i in range(120)]  # fmt: skip
        (data / f"{file}.csv").write_text("\n".join(["id,at,x,y", *rows]) + "\n")
    return folder


def until(what: str, ready: Callable[[], Any], seconds: float = 300.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not after {seconds:g} s")
        time.sleep(0.02)
    return found


def foreign(modules: list[str]) -> list[str]:
    """Of the modules that a worker had imported those of other packages, which it uses."""
    tops = sys.stdlib_module_names | {"mlops_tui", "mlops_store", "__main__", "recipe"}
    return [name for name in modules if name.split(".")[0] not in tops and not name.startswith("_")]


def bare_import(modules: list[str]) -> tuple[float, float]:
    code = "import sys, importlib, contextlib\nfor m in sys.argv[1:]:\n  with contextlib.suppress(ImportError): importlib.import_module(m)"
    return process([sys.executable, "-P", "-c", code, *modules])


class Stand:
    """A home with a project whose data is in, and a daemon."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home").create()
        self.project = project(folder / "project")
        self.env = {**os.environ, "MLOPS_TUI_HOME": str(self.home.path)}
        self.runs: list[str] = []
        self.client: Client = connect(self.home)
        self.client.call("project add", {"dir": str(self.project)})
        until(
            "the data",
            lambda: self.sql("SELECT count(*) FROM runs WHERE kind = 'ingest' AND settled IS NOT NULL"),
        )
        until("quiet", lambda: not self.sql("SELECT count(*) FROM runs WHERE settled IS NULL"))

    def sql(self, query: str) -> int:
        return int(self.client.call("sql", {"query": query}).rows[0][0])

    def close(self) -> None:
        self.client.close()
        stop_daemon(self.home, 30.0)

    def first_line(self) -> tuple[float, float, list[str]]:
        """(CPU of the worker, wall since the question, modules) at the first line of the recipe; waits for the end."""
        begin = time.perf_counter()
        answer = self.client.call(
            "run start", {"model": "m", "project": "series", "project_dir": str(self.project)}
        )
        run_id = answer.run_id
        note = self.home.run_dir(run_id) / "first-line.json"
        until("the first line", lambda: note.exists() and note.stat().st_size)
        at, cpu, modules = json.loads(note.read_text())
        until(
            "the end",
            lambda: self.sql(f"SELECT count(*) FROM runs WHERE run_id = '{run_id}' AND settled IS NOT NULL"),
        )
        self.runs.append(run_id)
        return cpu, at - begin, modules

    def no_op(self) -> tuple[float, float]:
        """(CPU, CPU of ours alone) of one more attempt of the last training: every stage is in the cache. What it uses is imported before ours begins."""
        folder = RunFolder(self.home.run_dir(self.runs[-1]))
        attempt, listing = folder.latest() + 1, self.home.path / "modules.json"
        context = folder.context(1)
        assert context is not None
        folder.attempt_dir(attempt).mkdir(parents=True)
        write_json(
            folder.attempt_dir(attempt) / "context.json", msgspec.structs.replace(context, attempt=attempt)
        )
        (folder.path / "first-line.json").unlink(missing_ok=True)
        argv = [sys.executable, "-c", NO_OP, str(folder.path), str(attempt), str(listing)]
        env = {**self.env, "MLOPS_TUI_RUN_DIR": str(folder.path)}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
        imported, all_of_it, modules = json.loads(done.stdout.splitlines()[-1])
        shutil.rmtree(folder.attempt_dir(attempt))
        if not listing.exists():
            listing.write_text(json.dumps(foreign(modules)))
            return self.no_op()
        return all_of_it, all_of_it - imported


def daemon_start(folder: Path) -> tuple[float, float]:
    """(CPU of the daemon, wall) from `connect` in an empty home to the answer."""
    home = Home(folder).create()
    begin = time.perf_counter()
    try:
        with connect(home) as client:
            pid = client.ping().pid
            wall = time.perf_counter() - begin
            return threads_cpu(pid), wall
    finally:
        stop_daemon(home, 30.0)


def dvc_repository(dvc: str, folder: Path) -> Path:
    """Five stages that copy a file, reproduced once."""
    folder.mkdir()
    quiet = {**os.environ, "DVC_NO_ANALYTICS": "true"}
    stages, before = ["stages:"], "in.txt"
    for i in range(5):
        stages += [
            f"  s{i}:",
            f"    cmd: cp {before} out{i}.txt",
            f"    deps: [{before}]",
            f"    outs: [out{i}.txt]",
        ]
        before = f"out{i}.txt"
    (folder / "in.txt").write_text("start\n")
    (folder / "dvc.yaml").write_text("\n".join(stages) + "\n")
    for argv in (
        ["git", "init", "-q", "."],
        [dvc, "init", "-q"],
        [dvc, "config", "core.analytics", "false"],
        [dvc, "repro", "-q"],
    ):
        process(argv, cwd=folder, env=quiet)
    return folder


def idle(stand: Stand, seconds: float) -> float:
    """Per cent of a core, with nobody connected."""
    pid = stand.client.ping().pid
    stand.client.close()
    time.sleep(3.0)
    before, begin = threads_cpu(pid), time.perf_counter()
    time.sleep(seconds)
    return (threads_cpu(pid) - before) / (time.perf_counter() - begin) * 100


def turn(
    stand: Stand, folder: Path, number: int, parsed: argparse.Namespace, dvc: Path | None, found: Found
) -> None:
    """All measures once."""
    command = str(Path(sys.executable).parent / "mlops-tui")

    def note(name: str, cpu: float, wall: float) -> None:
        found[f"{name}, CPU s"].append(cpu)
        found[f"{name}, wall s"].append(wall)

    note("python", *process([sys.executable, "-c", "pass"]))
    note("--help", *process([command, "--help"], env=stand.env))
    note("run list", *process([command, "run", "list"], env=stand.env, cwd=stand.project))
    note("daemon", *daemon_start(folder / f"empty-{number}"))
    cpu, wall, modules = stand.first_line()
    note("first line", cpu, wall)
    bare, bare_wall = bare_import(foreign(modules))
    note("bare import", bare, bare_wall)
    found["first line / bare import, CPU"].append(cpu / bare)
    found["first line / bare import, wall"].append(wall / bare_wall)
    cpu, own = stand.no_op()
    found["no-op, CPU s"].append(cpu)
    found["no-op ours, CPU s"].append(own)
    if dvc is not None:
        note(
            "dvc repro",
            *process([parsed.dvc, "repro", "-q"], cwd=dvc, env={**os.environ, "DVC_NO_ANALYTICS": "true"}),
        )


def page(rows: dict[str, tuple[float, float, float]], parsed: argparse.Namespace, load: str) -> str:
    about = (__doc__ or "").split("\n\n")
    lines = ["# How soon things begin", "", f"`python benchmarks/startup.py --repeats {parsed.repeats} --dvc PEERS/bin/dvc` on {os.cpu_count()} cores ({platform.machine()}, Python {platform.python_version()}), load {load}.",
             "", "| measure | median | least | most | budget |", "|---|--:|--:|--:|---|"]  # fmt: skip
    for name, (median, least, most) in rows.items():
        budget = BUDGETS.get(name)
        met = (
            ""
            if budget is None
            else f"≤ {budget:g}: {'met' if median <= budget else '**missed**' if least > budget else '**missed**, met in the least disturbed turn'}"
        )
        lines.append(f"| {name} | {median:.3g} | {least:.3g} | {most:.3g} | {met} |")
    return "\n".join([*lines, "", about[1], "", about[2], "", about[3], ""])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=20.0, help="of watching the idle daemon")
    parser.add_argument("--dvc", help="the command dvc")
    parser.add_argument("--write", type=Path, help="where to put the table")
    parsed = parser.parse_args()
    compiled()
    found: Found = defaultdict(list)
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="mlops-tui-bench-") as name:
        folder = Path(name)
        stand = Stand(folder)
        try:
            dvc = dvc_repository(parsed.dvc, folder / "dvc") if parsed.dvc else None
            for number in range(parsed.repeats):
                turn(stand, folder, number, parsed, dvc, found)
                loads.append(os.getloadavg()[0])
            found["idle, % of a core"].append(idle(stand, parsed.seconds))
        finally:
            stand.close()
    rows = {name: (statistics.median(values), min(values), max(values)) for name, values in found.items()}
    for measure, (median, least, most) in rows.items():
        print(
            json.dumps(
                {
                    "measure": measure,
                    "median": round(median, 4),
                    "least": round(least, 4),
                    "most": round(most, 4),
                    "repeats": len(found[measure]),
                }
            )
        )
    if parsed.write:
        parsed.write.write_text(page(rows, parsed, f"{min(loads):.1f} to {max(loads):.1f}"), encoding="utf-8")
    return 1 if any(rows[name][0] > limit for name, limit in BUDGETS.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
