"""Saved views: filter, sort and columns of a list under a letter, kept with the home for each project."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.home import Home


class View(msgspec.Struct, kw_only=True):
    """How a list was looked at; no columns means those of the screen."""

    filter: str = ""
    sort: str = ""
    columns: list[str] = []


Views = dict[str, dict[str, dict[str, View]]]
"""project → screen → letter → view"""


def path_of(home: Home) -> Path:
    """Where they are kept."""
    return home.path / "tui" / "views.json"


def load(home: Home) -> Views:
    """All views; none where there is no file. Raises Problem where it cannot be read."""
    try:
        return msgspec.json.decode(path_of(home).read_bytes(), type=Views)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Problem("bad_views", f"{path_of(home)}: {error}", "correct or remove the file") from error


def save(home: Home, project: str, screen: str, letter: str, view: View) -> None:
    """Keeps a view. Raises Problem, OSError."""
    views = load(home)
    views.setdefault(project, {}).setdefault(screen, {})[letter] = view
    path_of(home).parent.mkdir(mode=0o700, exist_ok=True)
    write_json(path_of(home), views)


def recall(home: Home, project: str, screen: str, letter: str) -> View | None:
    """The view under a letter, or None. Raises Problem."""
    return load(home).get(project, {}).get(screen, {}).get(letter)
