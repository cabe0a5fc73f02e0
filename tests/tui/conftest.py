"""The app in a terminal over a home of the test's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pty_app import PtyApp
from tmux_driver import Terminal

from mlops_store.home import Home
from mlops_tui.tui.formats import use_ascii
from mlops_tui.tui.own_keys import use_keys


@pytest.fixture(autouse=True)
def usual_signs_and_keys() -> Iterator[None]:
    """An app chooses the signs and keys of its whole process, also for the tests after it: without a locale, ASCII."""
    use_ascii(False)
    use_keys({})
    yield
    use_ascii(False)
    use_keys({})


@pytest.fixture
def app_home(request: pytest.FixtureRequest) -> Home:
    """A home of the test's own, unless the test asks for the shared one: its daemon runs already."""
    found: Home = request.getfixturevalue(
        "shared_home" if "shared_home" in request.fixturenames else "served_home"
    )
    return found


@pytest.fixture
def surroundings(tmp_path: Path, app_home: Home) -> dict[str, str]:
    """The environment of someone who uses the app for the first time."""
    return {
        "MLOPS_TUI_HOME": str(app_home.path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "HISTFILE": "",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip


@pytest.fixture
def open_terminal(tmp_path: Path, surroundings: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals with a shell in a folder: `open_terminal(folder, width=80, height=24)`."""
    opened: list[Terminal] = []

    def open_one(cwd: Path, **rest: int) -> Terminal:
        opened.append(Terminal(tmp_path / f"terminal{len(opened)}", cwd=cwd, env=surroundings, **rest))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def open_app(surroundings: dict[str, str]) -> Iterator[Callable[..., PtyApp]]:
    """Starts the app on a bare pseudo-terminal: `open_app(folder, "--theme", "ansi-dark", NO_COLOR="1")`."""
    opened: list[PtyApp] = []

    def open_one(cwd: Path, *words: str, **env: str) -> PtyApp:
        opened.append(PtyApp(*words, cwd=cwd, env={**surroundings, **env}))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()
