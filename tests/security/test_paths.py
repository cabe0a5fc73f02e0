"""No name from data, records or requests leads out of the folder it belongs to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import mlops_tui
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.objects import Objects, canonical
from mlops_tui.client import connect
from mlops_tui.project.load import ConfigError, parse_config

ESCAPES = ["../x", "..", "/etc/passwd", "a/../../x", "a/b", ".", "", "x\x00y", "..\\x", "~root", "%2e%2e%2f"]


@pytest.mark.parametrize("name", ESCAPES)
def test_names_of_a_project_are_no_paths(tmp_path: Path, name: str) -> None:
    quoted = msgspec.json.encode(name).decode()
    for text in (
        f"[project]\nname = {quoted}\n",
        f'[project]\nname = "p"\n[source.{quoted}]\npath = "*.csv"\nkey = ["k"]\n',
        f'[project]\nname = "p"\n[model.{quoted}]\ncommand = "true"\n',
    ):
        with pytest.raises(ConfigError):
            parse_config(text.encode(), tmp_path)


@pytest.mark.parametrize("name", [*ESCAPES, "0" * 31, "g" * 32, "../" + "0" * 29])
def test_ids_of_runs_and_digests_are_no_paths(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home").create()
    with pytest.raises(Problem):
        home.run_dir(name)
    with pytest.raises(Problem):
        Objects(home).path(name)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "data/../../x", ".."])
def test_a_record_that_names_a_file_outside_is_refused(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home").create()
    with pytest.raises(Problem, match="leads out"):
        home.resolve(name)
    objects = Objects(home)
    blob = objects.put_bytes(b"x")
    tree = objects.put_bytes(canonical({name: {"sha256": blob, "size": 1, "mode": 0o600}}))
    with pytest.raises(Problem):
        objects.checkout(tree, home.cache / "versions" / "v")


@pytest.mark.parametrize("name", ["../x", "/abs", "a/../../x", "..", "x\x00"])
def test_artifacts_stay_in_their_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MLOPS_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    with mlops_tui.start_run(project="p") as run:
        with pytest.raises(ValueError, match="artifact"):
            run.log_artifact(tmp_path / "file", name)
        assert not list((run.path / "artifacts").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home"]


def test_links_in_a_project_do_not_bring_other_folders_into_the_home(
    served_home: Home, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key.py").write_text("PRIVATE = 'do-not-copy-me'\n")
    folder = make_project()
    (folder / "id_rsa").symlink_to(outside / "key.py")  # a link to code is code; this name is none
    (folder / "more").symlink_to(outside, target_is_directory=True)
    with connect(served_home) as client:
        client.call("project add", {"dir": str(folder)})
        run = client.call("run start", {"project": "quick", "model": "fast"})
        code = served_home.run_dir(run.run_id) / "code"
        assert (code / "train.py").is_file()
        assert not any(b"do-not-copy-me" in path.read_bytes() for path in served_home.path.rglob("*.py"))


def test_names_that_lie_are_shown_as_they_are_and_followed_nowhere(served_home: Home, tmp_path: Path) -> None:
    """A journal may name any artifact: nothing opens it."""
    secret = tmp_path / "secret"
    secret.write_text("do-not-read-me")
    code = (
        "import mlops_tui\n"
        "with mlops_tui.start_run(project='p') as run:\n"
        f"    run._journal.artifact('../../../../../../..{secret}', 5, '0' * 64)\n"
        "    run._journal.artifact('\\x1b[31mred', 5, '0' * 64)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={
            "MLOPS_TUI_HOME": str(served_home.path),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(path for path in sys.path if path),
        },
        check=True,
    )
    with connect(served_home) as client:
        [run] = client.call("run list").items
        detail = client.call("run show", {"run_id": run.run_id})
    assert "do-not-read-me" not in repr(detail)
    words = [
        sys.executable,
        "-P",
        "-m",
        "mlops_tui.cli.main",
        "--home",
        str(served_home.path),
        "run",
        "show",
        run.run_id,
    ]
    shown = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "\x1b[31mred" not in shown.stdout and "do-not-read-me" not in shown.stdout
