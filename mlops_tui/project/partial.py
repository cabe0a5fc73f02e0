"""What else is wrong in a file some of whose keys cannot be read: so that nobody corrects one error to be told of the next.

The keys that are wrong are taken out, and what is left is checked, but for all that may follow from their absence.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlops_tui.project.checks import Finding, cross_check
from mlops_tui.project.schema import ProjectConfig

_ROUNDS = 5  # a table that loses a key it needs is taken out in the next
_TYPES = frozenset({"int", "float", "bool", "str", "datetime", "date"})
_STAND_IN = "x"


def place(detail: ErrorDetails) -> tuple[str, ...]:
    """The path of the key that an error is about. Pydantic adds the tried type of a union; people know nothing of it."""
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    while len(path) > 1 and path[-1] in _TYPES:
        path = path[:-1]
    return path


def rest(document: dict[str, Any], error: ValidationError, directory: Path) -> Iterator[Finding]:
    """What the cross checks find in the parts of a file that can be read."""
    wrong = [place(detail) for detail in error.errors(include_url=False)]
    config = _readable(copy.deepcopy(document), error)
    if config is None:
        return
    named = document.get("source", {})
    known = list(named) if isinstance(named, dict) else None
    for path, message, fix in cross_check(config, directory, {path[:2] for path in wrong}, known):
        if not any(path[: len(place)] == place for place in wrong):
            yield path, message, fix


def _readable(document: dict[str, Any], error: ValidationError) -> ProjectConfig | None:
    for _ in range(_ROUNDS):
        for detail in error.errors(include_url=False):
            _take_out(document, place(detail), missing=detail["type"] == "missing")
        try:
            return ProjectConfig.model_validate(document)
        except ValidationError as again:
            error = again
    return None


def _take_out(document: dict[str, Any], path: tuple[str, ...], *, missing: bool) -> None:
    """Removes a key, or the list or table that an element of it spoils. What is missing is put in where nothing else hangs on it."""
    if missing and path == ("project",):
        document["project"] = {"name": _STAND_IN}
        return
    if path == ("project", "name") and isinstance(document.get("project"), dict):
        document["project"]["name"] = _STAND_IN
        return
    if missing and path[-1:] == ("path",) and len(path) == 3:
        if path[1] in document["source"]:  # it went a moment ago, where its name is none either
            document["source"][path[1]]["path"] = _STAND_IN
        return
    table, wanted = document, list(path[:-1] if missing else path)
    while len(wanted) > 1 and isinstance(table.get(wanted[0]), dict):
        table = table[wanted.pop(0)]
    if wanted:
        table.pop(wanted[0], None)
