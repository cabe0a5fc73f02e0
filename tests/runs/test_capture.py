"""What a run depended on, recorded without hanging, without secrets and without trusting the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_tui import capture


def git(folder: Path, *arguments: str) -> str:
    env = {
        **os.environ,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a",
    }
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, env=env
    ).stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "a.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def test_clean_and_dirty(repo: Path) -> None:
    clean = capture.git_state(str(repo))
    assert clean["commit"] == git(repo, "rev-parse", "HEAD").strip() and clean["branch"] == "trunk"
    assert not clean["dirty"] and not clean["diff"]
    (repo / "a.py").write_text("x = 2\npassword = 'hunter2hunter2'\n")
    (repo / "new\nfile.py").write_text("")
    dirty = capture.git_state(str(repo))
    assert dirty["dirty"] and "+x = 2" in dirty["diff"] and "hunter2" not in dirty["diff"]
    assert dirty["untracked"] == ["new\nfile.py"] and not dirty["diff_truncated"]


def test_a_huge_diff_is_cut(repo: Path) -> None:
    (repo / "a.py").write_text("line\n" * 200_000)
    found = capture.git_state(str(repo))
    assert found["diff_truncated"] and len(found["diff"]) <= capture.DIFF_CAP


def test_programs_named_by_the_repository_do_not_run(repo: Path) -> None:
    mark = repo.parent / "ran"
    script = repo.parent / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager", "diff.x.textconv"):
        git(repo, "config", key, str(script))
    (repo / ".gitattributes").write_text("*.py diff=x\n")
    (repo / "a.py").write_text("x = 3\n")
    assert "+x = 3" in capture.git_state(str(repo))["diff"]
    assert not mark.exists()


def test_no_repository_no_git_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    assert "not a git repository" in capture.git_state(str(tmp_path / "empty"))["unknown"]
    git(tmp_path / "empty", "init", "-q")
    assert "unknown" in capture.git_state(str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git" in capture.git_state(str(tmp_path))["unknown"]


def test_a_git_that_hangs_is_given_up_with_all_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "git"
    script.write_text(f"#!/bin/sh\n(echo $$ > {tmp_path}/pid; sleep 600) & wait\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(capture, "_GIT_SECONDS", 1.0)
    start = time.monotonic()
    assert "no answer" in capture.git_state(str(tmp_path))["unknown"]
    assert time.monotonic() - start < 10
    pid = int((tmp_path / "pid").read_text())
    assert not os.path.exists(f"/proc/{pid}") or " Z " in Path(f"/proc/{pid}/stat").read_text()


def test_interpreters(tmp_path: Path) -> None:
    own = capture.interpreter(sys.executable)
    assert own["version"] == sys.version and own["packages"]["msgspec"]
    assert "unknown" in capture.interpreter("/no/python")
    odd = tmp_path / "python"
    odd.write_text("#!/bin/sh\necho '[]'\n")
    odd.chmod(0o755)
    assert "unknown" in capture.interpreter(str(odd))


def test_everything_is_redacted(tmp_path: Path) -> None:
    found = capture.capture(
        str(tmp_path), ["train", "--api-key=sekret1", "--token", "sekret2"],
        {"AWS_SECRET_ACCESS_KEY": "sekret3", "DATABASE_URL": "postgres://u:sekret4@h/d", "PLAIN": "seen"}, sys.executable, 3,
        ["cli", "--password", "sekret5"],
    )  # fmt: skip
    assert "sekret" not in repr(found) and found["environment"]["PLAIN"] == "seen" and found["seed"] == 3


def test_a_change_between_two_runs_of_a_process_is_seen(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert capture.git_state(str(repo))["diff"] == ""
    for value in (2, 3):
        (repo / "a.py").write_text(f"x = {value}\n")
        assert f"+x = {value}" in capture.git_state(str(repo))["diff"]
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(str(place))
    assert "fresh-made" not in capture.packages()
    (place / "fresh_made-1.dist-info").mkdir()
    (place / "fresh_made-1.dist-info" / "METADATA").write_text("Name: fresh-made\nVersion: 1\n\n")
    assert capture.packages()["fresh-made"] == "1"
