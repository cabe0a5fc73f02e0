"""Where a client stands: the project of its folder, and the environment that its runs get."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mlops_store.errors import Problem
from mlops_tui.verbs import Verb
from mlops_tui.verbs._shapes import ClientContext

CONFIG = "mlops.toml"
_LONGEST = 32_768
_LARGEST = 1 << 20  # a larger mlops.toml is refused by the daemon too

T = TypeVar("T")
Project = tuple[str | None, str | None]
"""(name, folder); the folder is None where the name was given, both where there is no project."""


def project_here(named: str | None = None) -> Project:
    """`named`, else the project of the mlops.toml in the current folder or above. Raises Problem."""
    if named is not None:
        return named, None
    folder = find_project(Path.cwd())
    return (None, None) if folder is None else (project_name(folder), str(folder))


def find_project(start: Path) -> Path | None:
    """The nearest folder with an mlops.toml, here or above."""
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder
    return None


def project_name(folder: Path) -> str:
    """[project].name alone; all else of the file is the daemon's to judge. Raises Problem with all that is wrong where the name cannot be read."""
    import tomllib

    try:
        with open(folder / CONFIG, encoding="utf-8-sig") as file:
            name = tomllib.loads(file.read(_LARGEST)).get("project", {}).get("name")
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError, AttributeError):
        name = None
    if isinstance(name, str) and name:
        return name
    from mlops_tui.project.load import load  # it costs more than most commands, and only who is wrong pays

    try:
        return load(folder).name
    except Problem as problem:
        raise Problem(
            "bad_config", problem.message, f"correct {folder / CONFIG}, or name a --project", status=2
        ) from problem


def of_project(verb: Verb) -> bool:
    """Whether the verb is asked in a project."""
    return "project" in verb.input.__struct_fields__


def does_without(verb: Verb) -> bool:
    """Whether the verb has an answer that is right though the project of the folder cannot be known: it is about a run that is
    named, or about the whole home."""
    of_run = verb.noun in ("run", "") and "run_id" in verb.input.__struct_fields__
    return of_run or verb.key in ("ledger list", "project list")


def filled(verb: Verb, fields: dict[str, Any], project: Project) -> Any:
    """The verb's input: what was given, and what no one types. Raises Problem `usage`."""
    names = {info.name for info in msgspec.structs.fields(verb.input)}
    if verb.key == "project show" and fields.get("name"):
        # it is about another one than the folder's, which would be added where that is not known
        project = (None, None)
    if "project" in names and "project" not in fields:
        fields = {**fields, "project": project[0], "project_dir": project[1]}
    if "client" in names:
        fields = {**fields, "client": msgspec.to_builtins(environment())}
    try:
        return msgspec.convert(fields, verb.input)
    except msgspec.ValidationError as error:
        raise Problem("usage", f"{verb.key}: {error}", f"`mlops-tui {verb.key} --help`", status=2) from error


def with_project(request: Any, ask: Callable[[], T], add: Callable[[str], None]) -> T:
    """Asks; where the daemon does not know the project yet, `add(folder)` adds it, and it is asked again. Raises Problem."""
    try:
        return ask()
    except Problem as problem:
        folder = getattr(request, "project_dir", None)
        if problem.code != "project_not_added" or folder is None:
            raise
    add(folder)
    return ask()


_OF_THE_APP = frozenset(["ESCDELAY", "TEXTUAL_ANIMATIONS", "TEXTUAL_SMOOTH_SCROLL", "TEXTUAL_FPS"])
"""What the app sets for its own drawing."""


def environment() -> ClientContext:
    """The environment that a submitted run gets: that of this terminal."""
    umask = os.umask(0o077)
    os.umask(umask)
    variables = {
        key: value
        for key, value in os.environ.items()
        if key not in _OF_THE_APP and len(value) < _LONGEST and _is_text(key + value)
    }
    return ClientContext(
        cwd=os.getcwd(), python=sys.executable, env=variables, umask=umask,
        argv=[word.encode("utf-8", errors="replace").decode() for word in sys.argv],
    )  # fmt: skip


def _is_text(value: str) -> bool:
    """Variables that are not UTF-8 cannot go into JSON, nor into a record."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
