"""How the code of two versions differs, file by file, with the changed lines of text files."""

from __future__ import annotations

import difflib

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.objects import Objects, TreeFile
from mlops_tui.services.pinned import Pinned
from mlops_tui.verbs.model import ModelCompareRow

MAX_BYTES = 100_000
"""A larger file is said to differ, without its lines."""
MAX_LINES = 200
"""Lines of a diff that are shown for one file."""
MAX_FILES = 50
"""Files that are shown with their lines; the others with their digests only."""
_WIDTH = 300


def code_rows(home: Home, left: Pinned, right: Pinned) -> list[ModelCompareRow]:
    """One row for each file that differs: short digests, then `diff` with the unified diff where it is text.

    Where a tree is not there any more, the digests of both trees. Nothing where the code is the same; a recipe hash
    that differs all the same is a change of the model's table in mlops.toml.
    """
    if left.code == right.code:
        return _row("recipe", left.recipe_hash, right.recipe_hash)
    objects = Objects(home)
    trees = [_tree(objects, side.code) for side in (left, right)]
    before, after = trees
    if before is None or after is None:
        return _row("tree", left.code, right.code)
    names = [name for name in sorted({*before, *after}) if _digest(before, name) != _digest(after, name)]
    rows = []
    for count, name in enumerate(names):
        rows += _row(name, _short(before, name), _short(after, name))
        if count < MAX_FILES:
            text = unified(name, text_of(objects, before.get(name)), text_of(objects, after.get(name)))
            rows += [ModelCompareRow(section="diff", key=name, b=text)] if text else []
    return rows


def unified(name: str, before: str | None, after: str | None) -> str:
    """A unified diff, at most 200 lines of 300 characters; "" where one side is no text of a sensible size."""
    if before is None or after is None:
        return ""
    lines = list(
        difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    )
    shown = [line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…" for line in lines[:MAX_LINES]]
    if len(lines) > MAX_LINES:
        shown.append(f"… {len(lines) - MAX_LINES} more lines")
    return "\n".join(shown)


def _row(key: str, a: str | None, b: str | None) -> list[ModelCompareRow]:
    return [ModelCompareRow(section="code", key=key, a=a, b=b)] if a != b else []


def _tree(objects: Objects, digest: str | None) -> dict[str, TreeFile] | None:
    return objects.tree(digest) if digest and objects.has(digest) else None


def _digest(tree: dict[str, TreeFile], name: str) -> str | None:
    return tree[name].sha256 if name in tree else None


def _short(tree: dict[str, TreeFile], name: str) -> str | None:
    return tree[name].sha256[:12] if name in tree else None


def text_of(objects: Objects, file: TreeFile | None) -> str | None:
    """The text of a file, "" for none; None where it is too large, damaged or no text."""
    if file is None:
        return ""
    if file.size > MAX_BYTES:
        return None
    try:
        return objects.read(file.sha256).decode()
    except UnicodeDecodeError:
        return None
    except Problem as problem:
        # the digests are known and still tell that the files differ; `doctor` reports the object
        return f"(not readable: {problem.message})"
