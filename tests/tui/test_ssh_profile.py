"""Over SSH the app asks once how it shall look, and remembers the answer for the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from whole_app import frame, play, until

from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.choose import Choose
from mlops_tui.tui.remembering import answers_file, machine, remember, remembered
from mlops_tui.tui.settings import Settings, look

SSH = {"SSH_TTY": "/dev/pts/1", "LANG": "C.UTF-8"}


def test_who_has_said_something_is_not_asked() -> None:
    assert look(Settings(), environ=SSH).asks and look(Settings(), environ=SSH).profile == "ssh"
    for found, profile in [
        (look(Settings(), environ={}), "local"),
        (look(Settings(), environ={}, remembered="ssh"), "local"),
        (look(Settings(), environ=SSH, remembered="local"), "local"),
        (look(Settings(), environ=SSH, remembered="ssh"), "ssh"),
        (look(Settings(), environ=SSH, profile="local"), "local"),
        (look(Settings(profile="local"), environ=SSH, remembered="ssh"), "local"),
    ]:
        assert (found.profile, found.asks) == (profile, False)
    assert look(Settings(), environ=SSH, remembered="local").theme == look(Settings(), environ={}).theme


def test_answers_are_kept_by_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = answers_file({"XDG_STATE_HOME": str(tmp_path)})
    assert remembered(path) == ""
    remember(path, "local")
    monkeypatch.setattr("mlops_tui.tui.remembering.machine", lambda: "another")
    assert remembered(path) == ""
    remember(path, "ssh")
    assert remembered(path) == "ssh"
    monkeypatch.undo()
    assert remembered(path) == "local"
    path.write_text("[broken")
    assert remembered(path) == ""


@pytest.mark.parametrize(
    ("keys", "kept", "theme"), [(["j", "enter"], "local", "mlops-dark"), (["escape"], "ssh", "ansi-dark")]
)
def test_it_asks_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: list[str], kept: str, theme: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: isinstance(app.screen, Choose) and machine() in frame(app))
        await pilot.press(*keys)
        await until(pilot, lambda: "kept for this machine" in frame(app))
        assert (app.theme, app.look.profile, remembered(answers_file())) == (theme, kept, kept)

    play(tmp_path, {}, steps, like=look(Settings(), environ=SSH))
