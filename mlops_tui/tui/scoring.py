"""Scoring a file with a model, from the app: its form and its plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.suggester import Suggester

from mlops_store.errors import Problem
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.verbs._shapes import Run

if TYPE_CHECKING:
    from mlops_tui.tui.screens.room import Room

_MODELS = 200
"""Models that are offered; others can be typed."""


async def score(room: Room, model: str = "") -> Run | None:
    """Asks for a model and files; scores in the background. None where it was left."""
    try:
        registered = (await room.link.ask("model list", {"limit": _MODELS})).items
    except Problem as problem:
        room.mlops.complain(problem)
        return None
    offers = [
        f"{each.name}@{which}"
        for each in registered
        for which in [*sorted(each.aliases), *(version.version for version in reversed(each.versions))]
    ]
    paths = Paths()
    fields = [
        Field("model", "model", model, hint="MODEL, MODEL@3 or MODEL@alias", offers=tuple(offers), check=_needed,
              help="a registered model: MODEL@3 or MODEL@alias; without @ the champion"),
        Field("input", "rows", hint="CSV or Parquet file", complete=paths, check=_input_wrong, help="file with the rows to score, CSV or Parquet"),
        Field("output", "scores", hint="CSV or Parquet file", complete=paths, check=_output_wrong, help="file to write, CSV or Parquet"),
        Field("force", "replace", "no", choices=("no", "yes"), help="whether a file of that name is replaced"),
    ]  # fmt: skip

    def asked(values: Values) -> tuple[dict[str, Any], Sequence[str]]:
        files = {name: str(Path(values[name]).expanduser().absolute()) for name in ("input", "output")}
        return {"model": values["model"], **files, "force": values["force"] == "yes"}, []

    form = Form("Score a file", fields, yes="Plan", stays=True)
    started: Run | None = await room.fill(form, "predict", asked, yes="Score")
    return started


class Paths(Suggester):
    """Completes a path by what is in its folder."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        folder, _, begun = value.rpartition("/")
        try:
            with os.scandir(os.path.expanduser(f"{folder}/" if "/" in value else ".")) as found:
                names = sorted((each.name, each.is_dir()) for each in found if each.name.startswith(begun))
        except OSError:
            return None  # a folder that is not there completes nothing; the field says so when it is left
        shown = [(name, is_dir) for name, is_dir in names if begun or not name.startswith(".")]
        if not shown:
            return None
        name, is_dir = shown[0]
        return f"{value[: len(value) - len(begun)]}{name}{'/' * is_dir}"


def _needed(text: str) -> str:
    return "" if text else "this is needed"


def _input_wrong(text: str) -> str:
    return _needed(text) or _path_wrong(text, file=True)


def _output_wrong(text: str) -> str:
    return _needed(text) or _path_wrong(text, file=False)


def _path_wrong(text: str, *, file: bool) -> str:
    try:
        path = Path(text).expanduser()
        found = path.is_file() if file else path.absolute().parent.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        return str(error)
    return "" if found else f"there is no {'file' if file else 'folder for'} {path}"
