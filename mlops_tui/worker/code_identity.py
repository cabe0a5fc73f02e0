"""What code means, apart from how it is written: comments, formatting and docstrings do not count."""

from __future__ import annotations

import ast
import contextlib
import sys
from importlib import metadata
from pathlib import Path

from mlops_store.atomic import canonical, sha256_bytes
from mlops_tui.project.code_files import code_files

_OURS = {"mlops_tui", "mlops_store"}


def normalised(source: str) -> str:
    """Python source as its syntax tree in text, docstrings left out. Raises SyntaxError."""
    return _dump(ast.parse(source))


def tree_hash(folder: Path) -> str:
    """Identity of the code below a folder (hex), with the settings that it may read; mlops.toml counts by its parts elsewhere."""
    parts = []
    for path, inner in code_files(folder):
        if inner.name == "mlops.toml":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".py":
            # a file that cannot be parsed counts by its bytes; importing it says what is wrong with it
            with contextlib.suppress(SyntaxError, ValueError):
                text = normalised(text)
        parts.append([inner.as_posix(), text])
    return sha256_bytes(canonical(parts))


def imported_packages(folder: Path) -> dict[str, str]:
    """Name → version of the installed distributions that the Python files below a folder import, ours left out.

    An estimator of another library is another one when the library is another version.
    """
    names: set[str] = set()
    for path, _ in code_files(folder):
        if path.suffix == ".py":
            with contextlib.suppress(SyntaxError, ValueError):
                names |= _packages(ast.parse(path.read_text(encoding="utf-8", errors="replace")))
    names -= _OURS | sys.stdlib_module_names
    if not names:
        return {}
    found = {item.metadata["Name"] for item in metadata.distributions() if _provides(item, names)}
    return {name: metadata.version(name) for name in sorted(found)}


def _provides(item: metadata.Distribution, names: set[str]) -> bool:
    """Whether a distribution has one of these top-level packages: `metadata.packages_distributions` without parsing all that is installed, which takes half a second."""
    if declared := item.read_text("top_level.txt"):
        return not names.isdisjoint(declared.split())
    record = "\n" + (item.read_text("RECORD") or "\n".join(map(str, item.files or ())))
    return any(f"\n{name}/" in record or f"\n{name}." in record for name in names)


def _packages(tree: ast.AST) -> set[str]:
    """The top-level packages that are imported anywhere in a file."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def closure_text(source: str, roots: list[str], folder: Path) -> str:
    """The normalised code of the top-level names `roots` and of all that they use in the same file.

    Where it uses a module of the project's own, the whole of that module counts.
    """
    top: dict[str, list[ast.stmt]] = {}
    imports: dict[str, str] = {}
    for node in ast.parse(source).body:
        for name in _defined(node):
            top.setdefault(name, []).append(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= _imported(node)
    seen: set[str] = set()
    waiting, parts = list(roots), []
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in top.get(name, []):
            parts.append(f"{name}={_dump(node)}")
            waiting += [child.id for child in ast.walk(node) if isinstance(child, ast.Name)]
        if name in imports:
            parts += _own_module(imports[name], folder)
    return "\n".join(sorted(set(parts)))


def _own_module(module: str, folder: Path) -> list[str]:
    base = folder.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return [f"{module}={normalised(path.read_text(encoding='utf-8', errors='replace'))}"]
    return []


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    return [
        child.id
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
    ]


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name: node.module or alias.name for alias in node.names}
    return {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}


def _dump(node: ast.AST) -> str:
    for child in ast.walk(node):
        body = getattr(child, "body", None)
        holds_text = isinstance(child, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if holds_text and body and _is_text(body[0]):
            del body[0]
    return ast.dump(node, include_attributes=False)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
