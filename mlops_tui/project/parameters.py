"""Which parameters a training takes, and where that is declared: told before a run waits in the queue only to fail."""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_store.errors import Problem
from mlops_tui.project.lines import key_lines, line_of
from mlops_tui.project.values import FAMILIES, parse_duration

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
"""Where a `command` takes a value."""
OF_RUN = frozenset({"run_dir", "attempt"})
"""Places that the run fills by itself."""
OF_SEARCH = ("family", "window", "trials", "timeout", "seed")
"""Names that `--set` takes for the search itself; every other name is a parameter of the estimator."""
_TREES = ("n_estimators", "min_samples_leaf", "max_features")
OF_FAMILY: dict[str, tuple[str, ...]] = {
    "logistic_regression": ("C",),
    "ridge": ("alpha",),
    "hist_gradient_boosting": (
        "learning_rate",
        "max_iter",
        "max_leaf_nodes",
        "min_samples_leaf",
        "l2_regularization",
        "max_features",
    ),
    "random_forest": _TREES,
    "extra_trees": _TREES,
    "nearest_neighbours": ("n_neighbors", "weights"),
}
"""Family of estimators → its parameters."""
DEFAULT_FAMILIES = ("hist_gradient_boosting", "logistic_regression", "ridge", "random_forest")
"""What a search tries that names no families, as far as they can do its task."""
_NEAREST = 3


def check_parameters(model: ModelConfig, folder: str, given: Mapping[str, Any]) -> None:
    """Raises Problem `unknown_parameter`, `unknown_family` for what the model's training could not take: of `given`, and of
    `params` in mlops.toml. An `estimator` in its recipe takes anything; a `command` what it declares, or anything where it declares nothing."""
    if model.command:
        _check_declared(model, given)
        return
    for name in OF_SEARCH:
        if name in given:
            _check_value(name, given[name])
    if _own_estimator(Path(folder, model.recipe) if model.recipe else None):
        return
    families = _families(model, folder, given)
    known = {key for family in families for key in OF_FAMILY[family]}
    for name in given:
        if name not in known and name not in OF_SEARCH:
            raise _unknown(name, model, folder, families)
        if name not in OF_SEARCH:
            for value in given[name] if isinstance(given[name], list) else [given[name]]:
                _check_value(name, value)
    for name in model.params:
        if name not in known:
            raise _unknown(name, model, folder, families, " of params in mlops.toml")


def _check_declared(model: ModelConfig, given: Mapping[str, Any]) -> None:
    """What a command declares: `params` in mlops.toml, and the places in it that values fill. `seed` has an option of its own."""
    known = sorted({*model.params, *PLACE.findall(model.command)} - OF_RUN)
    for name in given:
        if known and name not in known and name != "seed":
            near = difflib.get_close_matches(name, known, n=_NEAREST, cutoff=0.5)
            hint = [f"the nearest: {', '.join(near)}"] if near else []
            hint += [
                f"there are: {', '.join(known)}",
                f"declare another one under params of [model.{model.name}] in mlops.toml",
            ]
            raise Problem("unknown_parameter", f"the command of {model.name} has no parameter {name[:80]!r}", "; ".join(hint), status=2)  # fmt: skip


def _check_value(name: str, value: object) -> None:
    """Raises Problem `bad_parameter` for a value that no search or estimator takes; what cannot be told is left to the run."""
    if name not in _TAKES:
        return
    words, fits = _TAKES[name]
    if not fits(value):
        raise Problem(
            "bad_parameter",
            f"{name} = {str(value)[:80]!r} cannot be: it takes {words}",
            f"--set {name}=VALUE",
            status=2,
        )


def _whole(least: int) -> tuple[str, Callable[[object], bool]]:
    def fits(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= least

    return f"a whole number from {least}", fits


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _above_zero(value: object) -> bool:
    return _number(value) and float(str(value)) > 0


def _from_zero(value: object) -> bool:
    return _number(value) and float(str(value)) >= 0


def _duration(value: object) -> bool:
    if _number(value):
        return _from_zero(value)
    try:
        return parse_duration(value) >= 0
    except ValueError:
        return False


def _window(value: object) -> bool:
    return value == "all" or (
        isinstance(value, str) and re.fullmatch(r"0*[1-9]\d*[mhdw]", value.strip()) is not None
    )


_TAKES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "window": ('"all" or a length such as 90d', _window),
    "trials": _whole(1),
    "timeout": ("seconds or a duration such as 60s", _duration),
    "seed": _whole(0),
    "C": ("a number above 0", _above_zero),
    "alpha": ("a number from 0", _from_zero),
    "learning_rate": ("a number above 0", _above_zero),
    "l2_regularization": ("a number from 0", _from_zero),
    "max_iter": _whole(1),
    "n_estimators": _whole(1),
    "min_samples_leaf": ("a number above 0", _above_zero),
    "n_neighbors": _whole(1),
    "weights": ("uniform or distance", lambda value: value in ("uniform", "distance")),
}
"""Parameter → what it takes in words, and whether a value is that."""


def _families(model: ModelConfig, folder: str, given: Mapping[str, Any]) -> list[str]:
    """Those that the search would try."""
    fitting = [name for name, tasks in FAMILIES.items() if model.task in tasks]
    if "family" not in given:
        wanted = [name for name in model.search.families or DEFAULT_FAMILIES if name in fitting]
        return list(dict.fromkeys(wanted))
    asked = str(given["family"])
    if asked not in fitting:
        raise Problem(
            "unknown_family",
            f"no family {asked[:80]!r} for {model.task}",
            f"there are: {', '.join(fitting)}; those of {model.name} are declared in {_declared(model, folder)}",
            status=2,
        )
    return [asked]


def _unknown(name: str, model: ModelConfig, folder: str, families: list[str], where: str = "") -> Problem:
    known = sorted({key for family in families for key in OF_FAMILY[family]})
    others = [family for family, keys in OF_FAMILY.items() if name in keys and model.task in FAMILIES[family]]
    near = difflib.get_close_matches(name, [*known, *OF_SEARCH], n=_NEAREST, cutoff=0.5)
    hint = [f"it is one of {', '.join(others)}: --set family={others[0]}"] if others else []
    hint += [f"the nearest: {', '.join(near)}"] if near else []
    hint += [f"there are: {', '.join(known)}; of the search itself: {', '.join(OF_SEARCH)}"]
    hint += [f"the families are declared in {_declared(model, folder)}"]
    return Problem(
        "unknown_parameter",
        f"the search of {model.name} has no parameter {name[:80]!r}{where}: it tries {', '.join(families)}",
        "; ".join(hint),
        status=2,
    )


def _declared(model: ModelConfig, folder: str) -> str:
    """`mlops.toml:85 ([model.late] search.families)`."""
    path = ("model", model.name, "search", "families")
    try:
        line = line_of(key_lines(Path(folder, "mlops.toml").read_text(encoding="utf-8")), path)
    except (OSError, UnicodeDecodeError):
        line = 1  # it was readable when the model came from it
    return f"mlops.toml:{line} ([model.{model.name}.search] families)"


def _own_estimator(recipe: Path | None) -> bool:
    """Whether a recipe has an `estimator` of its own, as far as its text tells without running it; one that cannot be told
    may have one."""
    if recipe is None:
        return False
    try:
        tree = ast.parse(recipe.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True  # the run says what is wrong with it
    return any(_binds(node) for node in _outside_functions(tree))


def _outside_functions(tree: ast.AST) -> list[ast.AST]:
    """What runs when the module is imported, not what its functions and classes hold."""
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            found += _outside_functions(node)
    return found


def _binds(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == "estimator"
    if isinstance(node, ast.Name):
        return node.id == "estimator" and isinstance(node.ctx, ast.Store)
    return isinstance(node, ast.alias) and (node.asname or node.name) in ("estimator", "*")
