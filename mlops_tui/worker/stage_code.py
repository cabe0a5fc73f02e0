"""What of our own code a stage runs: its module and all that it imports, at any depth, with the libraries under them.

Told from the source alone, so that nothing is imported for it: a stage that is taken from the cache costs no library.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from mlops_store.errors import Problem

ROOTS = ("mlops_tui.worker", "mlops_tui.recipes", "mlops_store.features")
"""Our modules below these compute; the others carry."""
LIBRARIES = {
    "polars": "polars",
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "duckdb": "duckdb",
    "pandera": "pandera",
    "optuna": "optuna",
    "skops": "skops",
}
"""Import name → distribution whose version counts: another one may give other numbers or other files."""


@dataclass(frozen=True)
class Source:
    """A module of ours: the hash of its file, our modules that it imports, and the libraries."""

    sha256: str
    ours: frozenset[str]
    libraries: frozenset[str]


@dataclass(frozen=True)
class Closure:
    """`code` (hex) is the identity of the source of all `modules`; `versions` those of the libraries they import."""

    code: str
    modules: tuple[str, ...]
    versions: dict[str, str]


@cache
def closure(*modules: str) -> Closure:
    """The code behind a stage: its module, and others that it starts. Raises Problem where one is not installed."""
    found: dict[str, Source] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = _path(name)
        if path is None:
            raise Problem(
                "worker_broken", f"module {name} of a stage is not installed", "install mlops-tui again"
            )
        found[name] = _source(path)
        waiting += found[name].ours - found.keys()
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0{found[name].sha256}\0".encode())
    libraries = frozenset[str]().union(*(one.libraries for one in found.values()))
    return Closure(
        digest.hexdigest(), tuple(sorted(found)), {name: _version(name) for name in sorted(libraries)}
    )


@cache
def _source(path: Path) -> Source:
    data = path.read_bytes()
    ours: set[str] = set()
    libraries: set[str] = set()
    for name in _imports(ast.parse(data)):
        if name.partition(".")[0] in LIBRARIES:
            libraries.add(LIBRARIES[name.partition(".")[0]])
        elif name.startswith(ROOTS) and _path(name) is not None:
            ours.add(name)
    return Source(hashlib.sha256(data).hexdigest(), frozenset(ours), frozenset(libraries))


def _imports(tree: ast.Module) -> set[str]:
    """All names that may be modules: of `from a import b`, both `a` and `a.b`; also those inside functions."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
    return found


@cache
def _path(name: str) -> Path | None:
    """The source of a module of ours; None where the name is not one."""
    package, _, rest = name.partition(".")
    base = _root(package)
    if base is None:
        return None
    place = base.joinpath(*rest.split(".")) if rest else base
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@cache
def _root(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
