"""The code of a feature view, as a model version that uses it has pinned it. It is read, never run."""

from __future__ import annotations

import ast

from mlops_store.errors import Problem
from mlops_store.index import models
from mlops_store.index.tx import Read
from mlops_store.objects import Objects
from mlops_tui.services.code_diff import text_of
from mlops_tui.services.pinned import pinned

_MAX_LINES = 200


def view_code(read: Read, project: str, view: str, model: str, version: int) -> str:
    """The statement that defines the view in the code of a model version; empty where it is not found, or not there any more."""
    row = models.version(read, project, model, version)
    objects = Objects(read.home)
    try:
        digest = pinned(read.home, row).code if row is not None else None
        files = objects.tree(digest) if digest else {}
    except Problem:  # `doctor` names what is missing; the view is shown without its code
        return ""
    for name in sorted(files, key=lambda name: (name != "recipe.py", name)):
        if name.endswith(".py") and (found := statement(text_of(objects, files[name]) or "", view)):
            return found
    return ""


def statement(source: str, view: str) -> str:
    """The lines of the function or assignment at the top of a file that makes a view of this name; at most 200; empty where there is none."""
    if view not in source:
        return ""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    named = [node for node in body if view in _makes(node)] or [
        node for node in body if _calls_it(node, view)
    ]
    if not named:
        return ""
    node = named[-1]  # the last one counts, as when it is run
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    lines = source.splitlines()[first - 1 : node.end_lineno]
    more = [f"… {len(lines) - _MAX_LINES} more lines"] if len(lines) > _MAX_LINES else []
    return "\n".join([*lines[:_MAX_LINES], *more])


def _makes(node: ast.stmt) -> list[str]:
    """The names that a statement gives a value, where it is a function or an assignment."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _calls_it(node: ast.stmt, view: str) -> bool:
    """Whether something in it is called with `name="the view"`."""
    return any(
        isinstance(child, ast.keyword) and child.arg == "name" and isinstance(child.value, ast.Constant) and child.value.value == view
        for child in ast.walk(node)
    )  # fmt: skip
