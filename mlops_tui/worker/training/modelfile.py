"""Model files: skops archives, loaded through an allow-list of types.

Allowed are skops's own list, classes of scikit-learn, a few reviewed names, and classes of the modules that
the version pinned when it was trained. Nothing of the standard library can be pinned.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops_store.errors import Problem

REVIEWED = frozenset({"numpy.dtype", "functools.partial", "sklearn.utils.validation.check_array"})
"""Named by skops as untrusted, and harmless: a partial's function is itself checked against this list."""

_LIBRARIES = frozenset({"sklearn", "numpy", "scipy"})
_NOT_MODELS = ("sklearn.externals", "sklearn.datasets", "sklearn.utils._testing", "sklearn.conftest")


def save(model: Any, path: Path) -> list[str]:
    """Writes `model` to `path`; returns the modules (beyond scikit-learn, numpy, scipy) its types come from.

    Raises Problem where the model holds something that could not be loaded again.
    """
    import skops.io

    try:
        skops.io.dump(model, path)
        types = skops.io.get_untrusted_types(file=path)
    except Exception as error:
        raise Problem("model_not_saved", f"the model cannot be written as skops: {type(error).__name__}: {error}",
                      "estimators must be made of scikit-learn's parts or picklable classes of a module") from error  # fmt: skip
    foreign = [name for name in types if not _known(name)]
    modules = sorted({_module_of(name) for name in foreign})
    refused = [name for name in foreign if not _pinnable(_module_of(name))]
    if refused:
        raise Problem("model_types", f"the model holds types that a model file may not hold: {', '.join(refused)}",
                      "keep functions and classes of the model in your project's modules, not in __main__ or the standard library")  # fmt: skip
    return modules


def load(path: Path, modules: Sequence[str] = ()) -> Any:
    """The model of a file; `modules` are those its version pinned. Raises Problem for any other type."""
    import skops.io

    try:
        types = skops.io.get_untrusted_types(file=path)
    except Exception as error:
        raise Problem(
            "model_damaged",
            f"{path.name} is not a readable model file: {error}",
            "restore the version from a backup",
        ) from error
    pinned = {name for name in modules if _pinnable(name)}
    refused = [name for name in types if not _known(name) and _module_of(name) not in pinned]
    if refused:
        raise Problem(
            "model_types",
            f"the model file holds types outside its allow-list: {', '.join(sorted(refused))}",
            "do not use this file: what it holds is not what was registered",
        )
    return skops.io.load(path, trusted=types)


def _known(name: str) -> bool:
    """Whether a type is on the list that needs no pin. Functions never are, beyond the reviewed ones."""
    if name in REVIEWED:
        return True
    if not name.startswith("sklearn.") or name.startswith(_NOT_MODELS) or ".tests." in name:
        return False
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.startswith("sklearn.")


def _module_of(name: str) -> str:
    return name.rpartition(".")[0]


def _pinnable(module: str) -> bool:
    root = module.partition(".")[0]
    return (
        bool(root)
        and root not in sys.stdlib_module_names
        and root not in _LIBRARIES
        and root not in ("__main__", "builtins")
    )
