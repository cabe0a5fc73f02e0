"""Starting the app: the streams are looked at, and the environment is set, before Textual is loaded."""

from __future__ import annotations

import os
import sys

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client.here import Project
from mlops_tui.tui.remembering import answers_file, remembered
from mlops_tui.tui.settings import Look, config_file, look, read


class Wish(msgspec.Struct, frozen=True):
    """What was asked for on the command line."""

    screen: str = "home"
    profile: str | None = None
    theme: str | None = None
    ascii: bool = False
    read_only: bool = False


def launch(home: Home, project: Project, wish: Wish | None = None) -> int:
    """Runs the app until it is left; returns the exit code. Raises Problem where there is no terminal to draw on."""
    wish = wish or Wish()
    _check_terminal()
    found = look(
        read(config_file()),
        profile=wish.profile,
        remembered=remembered(answers_file()),
        theme=wish.theme,
        ascii=wish.ascii,
        read_only=wish.read_only,
    )
    prepare(found)
    from mlops_tui.tui import keymap

    keymap.check(found.settings.keys)
    from mlops_tui.tui.app import MlopsApp
    from mlops_tui.tui.terminal import outlive_terminals

    outlive_terminals()
    app = MlopsApp(home, project, found, screen=wish.screen)
    app.run(mouse=found.mouse)
    return app.return_code or 0


def prepare(found: Look) -> None:
    """What Textual reads when it is imported."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    os.environ.setdefault("ESCDELAY", "50")
    if not os.environ.get("NO_COLOR"):  # to Textual it would count although it is empty
        os.environ.pop("NO_COLOR", None)
    if found.profile == "ssh":
        os.environ.setdefault("TEXTUAL_FPS", "15")


def _check_terminal() -> None:
    """Raises Problem where there is nothing to draw on; a browser (`mlops-tui web`) has no terminal and needs none."""
    if os.environ.get("TEXTUAL_DRIVER", "").endswith("WebDriver"):
        return
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise Problem(
            "no_terminal",
            "the app needs a terminal, and one of stdin, stdout and stderr (which it draws on) is none",
            "scripts use the commands: `mlops-tui --help`",
            status=2,
        )
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise Problem(
            "no_terminal",
            "TERM says that this terminal cannot move its cursor",
            "set TERM, or use the commands",
            status=2,
        )
