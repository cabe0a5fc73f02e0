"""`python = …` of a model with a command: that interpreter runs it and is what the run records."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from run_box import Box, environment

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.project.load import load
from mlops_tui.services import run as service
from mlops_tui.verbs._shapes import ClientContext
from mlops_tui.verbs.run import RunRef, RunStart


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with one package, whose program is a link to ours."""
    folder = tmp_path_factory.mktemp("other") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "quux-7.5.dist-info").mkdir()
    (site / "quux-7.5.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: quux\nVersion: 7.5\n")
    return folder


@pytest.fixture
def project(home: Home, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "where.py").write_text(
        "import os, shutil, sys\nprint(sys.prefix)\nprint(shutil.which('python'))\n"
    )
    return folder


def write(folder: Path, python: str, command: str = "python3 where.py") -> None:
    line = f'python = "{python}"\n' if python else ""
    (folder / "mlops.toml").write_text(f'[project]\nname = "shop"\n[model.m]\ncommand = "{command}"\n{line}')


def asked(path: str = "") -> RunStart:
    env = environment(**({"PATH": path} if path else {}))
    return RunStart(project="shop", model="m", client=ClientContext(cwd="/", python=sys.executable, env=env))


def start(box: Box, folder: Path, path: str = "") -> Any:
    box.writer.call(lambda tx: tx.append("project.add", "shop", {"name": "shop", "dir": str(folder)}))
    made = box.writer.call(lambda tx: service.start(tx, asked(path)), actor="ann")
    box.wait_settled(made.run_id)
    return box.writer.read(lambda read: service.show(read, RunRef(run_id=made.run_id)))


@pytest.mark.parametrize("named", ["path", "relative", "name"])
def test_the_named_interpreter_runs_the_command_and_is_recorded(
    box: Box, project: Path, other: Path, named: str
) -> None:
    (project / "env").symlink_to(other)
    there = project / "env" / "bin" / "python" if named == "relative" else other / "bin" / "python"
    write(project, {"path": str(there), "relative": "env/bin/python", "name": "python"}[named])
    path = f"{other}/bin:{environment()['PATH']}" if named == "name" else ""
    found = start(box, project, path)
    assert found.state == "FINISHED"
    assert found.command == [str(there), "where.py"] and found.python == str(there)
    prefix, plain = box.folder(found.run_id).log.read_text().splitlines()
    assert (prefix, plain) == (str(there.parent.parent), str(there))
    interpreter = found.environment["interpreter"]
    assert interpreter["path"] == str(there) and interpreter["packages"] == {"quux": "7.5"}


def test_without_one_the_first_word_is_recorded_as_what_it_means(
    box: Box, project: Path, other: Path
) -> None:
    write(project, "")
    found = start(box, project, f"{other}/bin:{environment()['PATH']}")
    assert found.command == ["python3", "where.py"] and found.python == f"{other}/bin/python3"
    assert found.environment["interpreter"]["packages"] == {"quux": "7.5"}


@pytest.mark.parametrize("named", ["/no/such/python", "./where.py", "no-such-python-3.99"])
def test_one_that_is_not_there_is_refused_at_the_start(box: Box, project: Path, named: str) -> None:
    write(project, named)
    box.writer.call(lambda tx: tx.append("project.add", "shop", {"name": "shop", "dir": str(project)}))
    for ask in (
        lambda: box.writer.call(lambda tx: service.start(tx, asked())),
        lambda: box.writer.read(lambda read: service.plan_start(read, asked())),
    ):
        with pytest.raises(Problem) as caught:
            ask()
        assert (caught.value.code, caught.value.status) == ("no_python", 2)
        assert named in caught.value.message
    assert not list(box.home.runs.glob("2*/*"))


def test_recipes_name_no_interpreter(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text(
        '[project]\nname = "p"\n[source.s]\npath = "*.csv"\nkey = ["id"]\n'
        '[model.m]\nspine = "s"\ntarget = "y"\ntask = "regression"\npython = "python3"\n'
    )
    with pytest.raises(Problem) as caught:
        load(tmp_path)
    assert "mlops.toml:10" in str(caught.value) and "models with a command" in str(caught.value)
