"""Names of Textual's inside: all that are used are written down with their reason, exist in the installed version, and are used in few places."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

import pytest

import mlops_tui.tui
from mlops_tui.tui.inside import PRIVATE

TUI = Path(mlops_tui.tui.__file__).parent
INSIDE = {"inside.py", "painting.py", "terminal.py", "css.py", "web/server.py"}
"""The modules that may use them."""
LOOKED_AT = ("app", "screen", "widget", "dom", "message_pump", "driver", "scroll_view", "binding", "_compositor", "css.stylesheet", "widgets._input",
             "widgets._option_list", "drivers.linux_driver", "drivers._writer_thread", "events", "message", "timer")  # fmt: skip
NAMES = [(owner, name) for owner, names in PRIVATE.items() for name in names]


@pytest.mark.parametrize(("owner", "name"), NAMES, ids=[f"{owner}.{name}" for owner, name in NAMES])
def test_every_name_is_there(owner: str, name: str) -> None:
    """Where this fails after an upgrade: read what the name was for, and look for what does it now."""
    module, _, class_name = owner.partition(":")
    where = importlib.import_module(module)
    if not class_name:
        assert hasattr(where, name), PRIVATE[owner][name]
        return
    found = getattr(where, class_name)
    made = re.search(rf"\bself\.{name}\b.*?(:.*?)?=", inspect.getsource(found.__init__))
    assert name in vars(found) or made, PRIVATE[owner][name]


def test_the_version_is_pinned() -> None:
    assert f"textual=={version('textual')}" in (requires("mlops-tui") or [])


def _of_others() -> set[str]:
    """The private names of the parts of Textual and asyncio that an app has to do with."""
    modules = [f"textual.{name}" for name in LOOKED_AT] + [
        "asyncio.base_events",
        "asyncio.tasks",
        "asyncio.futures",
    ]
    text = "\n".join(inspect.getsource(importlib.import_module(name)) for name in modules)
    return set(re.findall(r"\bself\.(_[a-z]\w*)", text)) | set(re.findall(r"\bdef (_[a-z]\w*)", text))


def _own(tree: ast.AST) -> Iterator[str]:
    """Private names that a module of ours makes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_no_other_name_is_used_and_none_elsewhere() -> None:
    trees = {str(path.relative_to(TUI)): ast.parse(path.read_text()) for path in TUI.rglob("*.py")}
    own = {place: set(_own(tree)) for place, tree in trees.items()}
    registered = {name for names in PRIVATE.values() for name in names}
    ours = set().union(*(names for place, names in own.items() if place not in INSIDE))
    private = (_of_others() - ours) | registered
    found: list[str] = []
    for place, tree in trees.items():
        allowed = (registered if place in INSIDE else set()) | own[place]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                named = any(owner.startswith(f"{node.module}:") for owner in PRIVATE)
                if re.match(r"(textual|asyncio)\b.*\._", node.module or "") and not (
                    place in INSIDE and named
                ):
                    found.append(f"{place}:{node.lineno} imports {node.module}")
            elif isinstance(node, ast.Attribute) and node.attr in private and node.attr not in allowed:
                found.append(f"{place}:{node.lineno} uses {ast.unparse(node)}")
    assert not found, found
