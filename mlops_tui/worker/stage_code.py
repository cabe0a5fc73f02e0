"""What of our own code a stage runs: its module and all that it imports, at any depth, with the libraries under them.

Told from the source alone, so that nothing is imported for it: a stage that is taken from the cache costs no library.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
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
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)|import[ \t]+([^\n]+))", re.MULTILINE
)
_TYPES_ONLY = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n|\n)*", re.MULTILINE)
_COMMENT = re.compile(r"#.*")


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
    for name in _imports(data.decode()):
        if name.partition(".")[0] in LIBRARIES:
            libraries.add(LIBRARIES[name.partition(".")[0]])
        elif name.startswith(ROOTS) and _path(name) is not None:
            ours.add(name)
    return Source(hashlib.sha256(data).hexdigest(), frozenset(ours), frozenset(libraries))


def _imports(source: str) -> set[str]:
    """All names that may be modules: of `from a import b`, both `a` and `a.b`; also those inside functions.

    Read from the text: a syntax tree of half a hundred modules takes longer than all else of a run that finds everything in the cache. It
    holds for source as ours is formatted, and a test compares it with the tree for each of our files.
    """
    found: set[str] = set()
    for package, names, modules in _IMPORT.findall(_TYPES_ONLY.sub("", _COMMENT.sub("", source))):
        plain = [part.split()[0] for part in (names or modules).strip("()").split(",") if part.split()]
        found.update((package, *(f"{package}.{name}" for name in plain)) if package else plain)
    return found


@cache
def _path(name: str) -> Path | None:
    """The source of a module of ours; None where the name is not one."""
    package, _, rest = name.partition(".")
    base = _root(package)
    if base is None:
        return None
    place = os.path.join(base, *rest.split(".")) if rest else base
    candidates = (f"{place}.py", os.path.join(place, "__init__.py"))
    return next((Path(path) for path in candidates if os.path.isfile(path)), None)


@cache
def _root(package: str) -> str | None:
    spec = importlib.util.find_spec(package)
    return os.path.dirname(spec.origin) if spec and spec.origin else None


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
