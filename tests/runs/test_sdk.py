"""The SDK in processes of its own: with and without a daemon, through forks, threads, full disks and sudden ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest
from run_box import Shims, environment, until

from mlops_store.home import Home
from mlops_store.run_folder import RunFolder
from mlops_tui.sdk import start_run


def run_script(home: Home, code: str, check: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {**environment(), "MLOPS_TUI_HOME": str(home.path), **extra}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not check or result.returncode == 0, result.stderr
    return result


def only_run(home: Home) -> RunFolder:
    [path] = [path for path in home.runs.glob("*/*") if path.parent.name != ".inbox"]
    return RunFolder(path)


def lines(folder: RunFolder, kind: str) -> list[list[Any]]:
    rows = [
        msgspec.json.decode(line) for path in folder.journals() for line in path.read_bytes().splitlines()
    ]
    return [row for row in rows if row[0] == kind]


def test_the_whole_of_it(home: Home, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"12345")
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.txt").write_text("a")
    run_script(
        home,
        f"""
        import mlops_tui
        with mlops_tui.start_run(project="p", experiment="e", name="n", params={{"lr": 0.1}}) as run:
            assert len(run.run_id) == 32
            run.log_metric("loss", 1.5, step=3)
            run.log_metric("loss", float("nan"), step=4)
            run.log_metric("auto", 1); run.log_metric("auto", 2)
            run.log_metrics({{"a": 1, "b": 2}}, step=7)
            run.log_params({{"depth": 3, "lr": 0.1}})
            run.set_tag("who", "me")
            run.log_artifact({str(tmp_path / "model.bin")!r})
            run.log_artifact({str(tmp_path / "plots")!r}, "figures")
        """,
    )
    folder = only_run(home)
    spec = folder.spec()
    assert (spec.kind, spec.project, spec.experiment, spec.name, spec.params) == (
        "sdk",
        "p",
        "e",
        "n",
        {"lr": 0.1},
    )
    assert folder.state()[0] == "FINISHED"
    found = [(row[1], row[2], row[4]) for row in lines(folder, "m")]
    assert found == [
        ("loss", 3, 1.5),
        ("loss", 4, "nan"),
        ("auto", 0, 1.0),
        ("auto", 1, 2.0),
        ("a", 7, 1.0),
        ("b", 7, 2.0),
    ]
    assert [(row[1], row[2]) for row in lines(folder, "p")] == [("lr", 0.1), ("depth", 3)]
    assert [(row[1], row[2]) for row in lines(folder, "a")] == [("model.bin", 5), ("figures/a.txt", 1)]
    assert (folder.artifacts / "figures" / "a.txt").read_text() == "a"
    assert (home.inbox / folder.run_id).exists()
    captured = json.loads(folder.capture.read_text())
    assert captured["interpreter"]["packages"]["msgspec"] and captured["hardware"]["cores"]


@pytest.mark.parametrize(
    ("code", "state", "exit_code", "number"),
    [
        ("raise ValueError('password=hunter2 is wrong')", "FAILED", 1, None),
        ("raise SystemExit(3)", "FAILED", 3, None),
        ("raise SystemExit", "FINISHED", 0, None),
        ("raise SystemExit('no')", "FAILED", 1, None),
        ("raise KeyboardInterrupt", "KILLED", None, signal.SIGINT),
    ],
)
def test_how_it_ends(home: Home, code: str, state: str, exit_code: int | None, number: int | None) -> None:
    run_script(
        home, f"import mlops_tui\nwith mlops_tui.start_run(project='p') as r:\n    {code}", check=False
    )
    folder = only_run(home)
    found, record = folder.state()
    assert record is not None and (found, record.exit_code, record.signal) == (state, exit_code, number)
    if code.startswith("raise ValueError"):
        error = folder.error(1)
        assert (
            error is not None and error["code"] == "exception" and error["message"].startswith("ValueError")
        )
        assert "hunter2" not in json.dumps(error) and "hunter2" not in folder.log.read_text()
        assert "Traceback" in folder.log.read_text()


def test_killed_leaves_no_end(home: Home) -> None:
    code = "import os, mlops_tui\nr = mlops_tui.start_run(project='p').__enter__()\nr.log_metric('x', 1)\nos.kill(os.getpid(), 9)"
    run_script(home, code, check=False)
    folder = only_run(home)
    assert folder.exit(1) is None and len(lines(folder, "m")) == 1


def test_without_with(home: Home) -> None:
    run_script(home, "import mlops_tui\nmlops_tui.start_run(project='p').log_metric('x', 1)")
    assert only_run(home).state()[0] == "FINISHED"


def test_without_with_and_an_uncaught_exception(home: Home) -> None:
    run_script(home, "import mlops_tui\nr = mlops_tui.start_run(project='p')\n1 / 0", check=False)
    assert only_run(home).state()[0] == "FAILED"


def test_forks_and_threads_lose_nothing(home: Home) -> None:
    run_script(
        home,
        """
        import os, threading, mlops_tui
        with mlops_tui.start_run(project="p") as run:
            def work(name):
                for i in range(500):
                    run.log_metric(name, i, step=i)
            children = []
            for n in range(3):
                pid = os.fork()
                if pid == 0:
                    work(f"fork{n}"); os._exit(0)
                children.append(pid)
            threads = [threading.Thread(target=work, args=(f"thread{n}",)) for n in range(3)]
            [t.start() for t in threads]; [t.join() for t in threads]
            [os.waitpid(pid, 0) for pid in children]
        """,
    )
    folder = only_run(home)
    counts: dict[str, int] = {}
    for row in lines(folder, "m"):
        counts[row[1]] = counts.get(row[1], 0) + 1
    assert counts == {f"{kind}{n}": 500 for kind in ("fork", "thread") for n in range(3)}
    assert len(folder.journals()) == 4


def test_a_forked_child_that_leaves_the_block_does_not_end_the_run(home: Home) -> None:
    run_script(
        home,
        """
        import os, sys, mlops_tui
        with mlops_tui.start_run(project="p") as run:
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
                assert not os.path.exists(run.path / "attempts/1/exit.json")
            else:
                run.log_metric("child", 1)
                sys.exit(4)
        """,
    )
    assert only_run(home).state()[0] == "FINISHED"


def test_full_disk_never_raises(home: Home) -> None:
    """A limit on file size stands in for the full disk: the kernel refuses the same way."""
    result = run_script(
        home,
        """
        import mlops_tui, resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with mlops_tui.start_run(project="p") as run:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
            for i in range(500):
                run.log_metric("x", i, step=i)
            run.set_tag("t", "v")
            run.log_artifact(__import__("sys").executable)
            assert run.dropped > 100, run.dropped
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        """,
    )
    assert result.stderr.count("a line of the run journal was dropped") == 1
    folder = only_run(home)
    assert folder.state()[0] == "FINISHED"
    good = []
    for line in b"".join(path.read_bytes() for path in folder.journals()).splitlines():
        try:
            good.append(msgspec.json.decode(line))
        except msgspec.DecodeError:
            continue
    assert [row for row in good if row[0] == "d"] and len([row for row in good if row[0] == "m"]) > 10


def test_joins_the_run_that_started_it(shims: Shims) -> None:
    code = (
        "import mlops_tui\nwith mlops_tui.start_run(project='other', params={'lr': 1}, tags={'a': 'b'}) as run:\n"
        "    print(run.run_id); run.log_metric('x', 1)"
    )
    folder = shims.python(code)
    until(lambda: folder.exit(1))
    assert folder.log.read_text().strip() == folder.run_id
    assert lines(folder, "p") and [
        row[1] for row in lines(folder, "m") if not row[1].startswith("system/")
    ] == ["x"]
    assert len([path for path in shims.home.runs.glob("*/*") if path.parent.name != ".inbox"]) == 1


def test_parameters_are_written_once(home: Home) -> None:
    run_script(
        home,
        """
        import mlops_tui
        from mlops_store.errors import Problem
        with mlops_tui.start_run(project="p", params={"a": 1}) as run:
            run.log_params({"a": 1})
            try:
                run.log_params({"b": 2, "a": 2})
            except Problem as problem:
                assert problem.code == "param_changed"
            else:
                raise AssertionError
        """,
    )
    assert [(row[1], row[2]) for row in lines(only_run(home), "p")] == [("a", 1)]


def test_secrets_and_hostile_names(home: Home, tmp_path: Path) -> None:
    hostile = tmp_path / "it's\n[bold].txt"
    hostile.write_text("x")
    run_script(
        home,
        f"""
        import mlops_tui
        with mlops_tui.start_run(project="p", name="x\\n[red]", params={{"api_key": "sekret-1"}}) as run:
            run.log_params({{"url": "postgres://me:sekret-2@db/x", "nested": {{"token": "sekret-3"}}}})
            run.set_tag("password", "sekret-4")
            run.log_artifact({str(hostile)!r})
            for name in ("../up", "/abs", "a/../../b", ""):
                try:
                    run.log_artifact({str(hostile)!r}, name or ".")
                except ValueError:
                    continue
                raise AssertionError(name)
        """,
        MY_TOKEN="sekret-5",
    )
    folder = only_run(home)
    for path in folder.path.rglob("*"):
        if path.is_file():
            assert b"sekret" not in path.read_bytes(), path
    assert (folder.artifacts / hostile.name).exists()
    assert sorted(path.name for path in folder.artifacts.iterdir()) == [hostile.name]


@pytest.mark.parametrize("project", ["../x", "Über", "", "a" * 64])
def test_bad_project(home: Home, project: str) -> None:
    code = f"import mlops_tui\nmlops_tui.start_run(project={project!r})"
    result = run_script(home, code, check=False)
    assert result.returncode == 1 and "cannot be the name of a project" in result.stderr


def test_project_of_the_folder(home: Home, tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text('[project]\nname = "here"\n')
    (tmp_path / "deep").mkdir()
    run_script(
        home, f"import os; os.chdir({str(tmp_path / 'deep')!r})\nimport mlops_tui\nmlops_tui.start_run()"
    )
    assert only_run(home).spec().project == "here"


def test_imports_nothing_heavy(home: Home) -> None:
    run_script(
        home,
        """
        import sys, mlops_tui
        assert "msgspec" not in sys.modules, "importing the package alone costs nothing"
        mlops_tui.start_run(project="p")
        heavy = {"duckdb", "polars", "numpy", "sklearn", "textual", "click", "pydantic", "starlette", "scipy", "rich"}
        assert not heavy & {name.split(".")[0] for name in sys.modules}
        """,
    )


def test_logging_is_cheap(home: Home) -> None:
    """About 2 µs of CPU a point on a quiet machine; the bound leaves room for a busy one."""
    code = """
    import time, mlops_tui
    with mlops_tui.start_run(project="p") as run:
        log, best = run.log_metric, 1e9
        for _ in range(5):
            start = time.process_time()
            for i in range(20000):
                log("loss", i * 0.5, step=i)
            best = min(best, (time.process_time() - start) / 20000 * 1e6)
    print(best)
    """
    assert float(run_script(home, code).stdout) < 8.0
    assert os.path.getsize(only_run(home).journals()[0]) > 100_000 * 35


def test_any_parameter_is_recorded_and_none_ends_the_training(home: Home) -> None:
    run_script(
        home,
        """
        import pathlib
        import numpy as np
        import mlops_tui

        class Broken:
            def __str__(self):
                raise ValueError("no")

        odd = {"rate": np.float64(0.5), "n": np.int64(3), "where": pathlib.Path("/x"), "huge": 10**400, "broken": Broken(),
               "nan": float("nan"), "long": "x" * 1_000_000, "units": [1, 2], "bytes": b"\\xff", "half": "\\ud800", 7: True}
        with mlops_tui.start_run(project="p", params=odd) as run:
            run.log_params({f"late.{key}": value for key, value in odd.items()})
        """,
    )
    folder = only_run(home)
    params, late = folder.spec().params, {key: value for _, key, value in lines(folder, "p")}
    assert (params["rate"], params["n"], params["where"], params["7"]) == (0.5, 3, "/x", True)
    assert (params["nan"], params["units"]) == ("nan", [1, 2])
    assert len(params["long"]) <= 65536 and params["long"].endswith("characters]")
    assert params["broken"] == "<Broken: ValueError>" and params["half"] == "\\ud800"
    assert (late["late.rate"], late["late.n"], late["late.where"]) == (0.5, 3, "/x")
    assert len(late) == 22 and late["late.huge"] == params["huge"] == hex(10**400)


def test_a_run_that_ended_is_on_the_disk_whole_in_nine_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file has its content before its name, and its name before the run is over."""
    done: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        done.append(("sync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def renamed(source: Path, target: Path) -> None:
        done.append((os.fspath(source), os.fspath(target)))
        replace(source, target)

    home = Home(tmp_path / "home").create()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    with start_run(project="p", home=home.path) as run:
        run.log_metric("loss", 0.5)
    moves = {place: (source, target) for place, (source, target) in enumerate(done) if source != "sync"}
    assert sorted(os.path.basename(target) for _, target in moves.values()) == sorted(
        [run.run_id, "child.json", "capture.json", "spec.json", "exit.json"]
    )
    for place, (source, target) in moves.items():
        assert ("sync", source) in done[:place], target
        assert ("sync", os.path.dirname(target)) in done[place:], target
    (journal,) = (run.path / "journal").iterdir()
    assert ("sync", str(journal)) in done
    assert len(done) - len(moves) == 9
