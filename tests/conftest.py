"""Fixtures for tests that need a real daemon, which always ends with the test."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mlops_store.home import Home
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client.presence import held

# property tests look for new examples on a developer's machine, and for the same ones in CI: there a red run has to mean the change
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


LONG = ("tui/test_story.py", "e2e/", "tui/test_acceptance.py")
"""What waits most for other processes: begun first, so that no worker is left alone with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    items.sort(key=lambda item: not item.path.relative_to(here).as_posix().startswith(LONG))


def end(home: Home) -> None:
    """No daemon of a test outlives it, also where the test broke it. The threads of an app that ran in this process finish first: they
    would start the daemon again."""
    for thread in threading.enumerate():
        if thread.name.startswith(("news", "ask")):
            thread.join(60)
    try:
        stop_daemon(home, 20.0)
    finally:
        if held(home):
            os.kill(int(home.daemon_file.read_text().split('"pid":')[1].split(",")[0]), signal.SIGKILL)
        home.socket.unlink(missing_ok=True)
        if home.socket.parent.is_dir():
            home.socket.parent.rmdir()


@pytest.fixture
def served_home(tmp_path: Path) -> Iterator[Home]:
    """A home of the test's own; a daemon that is started for it ends with the test."""
    home = Home(tmp_path / "served")
    yield home
    end(home)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One home for all tests that only ask, or that bear what others did."""
    home = Home(tmp_path_factory.mktemp("shared") / "home")
    yield home
    end(home)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Makes the folder of a project whose model is a program that runs at once."""

    def make(name: str = "quick", code: str = "print('trained')") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "train.py").write_text(code)
        (folder / "mlops.toml").write_text(
            f'[project]\nname = "{name}"\n\n[model.fast]\ncommand = "python train.py"\nmetric = "score"\n'
        )
        return folder

    return make
