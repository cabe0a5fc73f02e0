"""A broken mlops.toml in the working folder stops what needs it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_store.errors import Problem
from mlops_tui.cli.session import Session
from mlops_tui.verbs import find


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    (tmp_path / "mlops.toml").write_text("[project\n")
    monkeypatch.chdir(tmp_path)
    return Session(str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("run show", {"run_id": "0192f"}),
        ("run logs", {"run_id": "0192f"}),
        ("run stop", {"run_id": "0192f"}),
        ("wait", {"run_id": "0192f"}),
        ("ledger list", {}),
        ("home backup", {"target": "/b"}),
        ("sql", {"query": "SELECT 1"}),
        ("doctor", {}),
        ("project list", {}),
    ],
)
def test_what_needs_no_project_goes_on(session: Session, key: str, fields: dict[str, str]) -> None:
    request = session.filled(find(key), fields)
    assert getattr(request, "project", None) is None


@pytest.mark.parametrize(
    ("key", "fields"), [("run list", {}), ("run start", {"model": "m"}), ("status", {}), ("model list", {})]
)
def test_what_is_of_the_project_refuses(session: Session, key: str, fields: dict[str, str]) -> None:
    with pytest.raises(Problem, match=r"mlops\.toml"):
        session.filled(find(key), fields)


def test_a_named_project_needs_no_file(session: Session) -> None:
    session.project_option = "lab"
    assert session.filled(find("run list"), {}).project == "lab"


def test_what_refuses_names_all_that_is_wrong(session: Session, tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text('[project]\nnam = "p"\n[source.a]\npth = "*.csv"\n')
    with pytest.raises(Problem) as raised:
        session.filled(find("project show"), {})
    assert [line.split(": ")[1] for line in raised.value.message.splitlines()] == [
        "project.name", "project.nam", "source.a.path", "source.a.pth",
    ]  # fmt: skip
    assert str(tmp_path / "mlops.toml") in raised.value.hint


def test_a_project_that_is_named_is_not_that_of_the_folder(session: Session, tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text('[project]\nname = "p"\n')
    shown = session.filled(find("project show"), {"name": "q"})
    assert (shown.name, shown.project, shown.project_dir) == ("q", None, None)
    assert session.filled(find("project show"), {}).project_dir == str(tmp_path)
