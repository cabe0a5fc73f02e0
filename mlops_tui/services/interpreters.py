"""`python = …` of a model with a command: which interpreter that is, found when the run is submitted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_store.errors import Problem
from mlops_tui.verbs._shapes import ClientContext

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig

_NAMES = frozenset({"python", "python3"})


def interpreter_of(model: ModelConfig, folder: str, client: ClientContext | None) -> str:
    """The absolute path of the interpreter that a model names; "" where it names none.

    A path is relative to the project's `folder`; a bare name is looked up in the PATH of whoever submits. Links are not
    followed: an interpreter knows its environment by the place it is called at. Raises Problem `no_python`.
    """
    named = model.python
    if not named:
        return ""
    if os.sep in named:
        found: str | None = os.path.normpath(os.path.join(folder, os.path.expanduser(named)))
        what, fix = f"{found} is", "write the path of an interpreter, such as .venv/bin/python"
    else:
        found = shutil.which(named, path=search_path(client))
        what, fix = (
            f"{named!r} is not in PATH, or",
            "write the path of an interpreter, or add its folder to PATH",
        )
    if found is None or not os.path.isfile(found) or not os.access(found, os.X_OK):
        raise Problem(
            "no_python",
            f"model {model.name!r} has python = {named!r}: {what} not an executable file",
            fix,
            status=2,
        )
    return os.path.abspath(found)


def with_interpreter(argv: Sequence[str], python: str) -> list[str]:
    """The command; where it begins with plain `python` or `python3`, with the interpreter in its place."""
    return [python, *argv[1:]] if python and argv[0] in _NAMES else list(argv)


def runs_by(argv: Sequence[str], python: str, client: ClientContext | None) -> str:
    """The interpreter to record for a command: the one named, else the one that its first word means; "" = unknown."""
    return python or (shutil.which(argv[0], path=search_path(client)) or "" if argv[0] in _NAMES else "")


def search_path(client: ClientContext | None) -> str:
    return (client.env.get("PATH") if client else None) or os.environ.get("PATH", os.defpath)
