"""Which parameters a training takes, and where that is declared: told before a run waits in the queue only to fail."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_store.errors import Problem
from mlops_tui.project.lines import key_lines, line_of
from mlops_tui.project.spaces import DEFAULT_FAMILIES, OF_FAMILY, OF_SEARCH
from mlops_tui.project.takes import Takes
from mlops_tui.project.values import FAMILIES

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
"""Where a `command` takes a value."""
OF_RUN = frozenset({"run_dir", "attempt"})
"""Places that the run fills by itself."""
_NEAREST = 3


def check_parameters(model: ModelConfig, folder: str, given: Mapping[str, Any]) -> None:
    """Raises Problem `unknown_parameter`, `unknown_family` for what the model's training could not take: of `given`, and of
    `params` in mlops.toml. An `estimator` in its recipe takes anything; a `command` what it declares, or anything where it declares nothing."""
    if model.command:
        _check_declared(model, given)
        return
    for name in OF_SEARCH:
        if name in given:
            _check_value(name, given[name], [OF_SEARCH[name]])
    if has_own_estimator(model, folder):
        return
    families = families_of(model, folder, given)
    known = {key for family in families for key in OF_FAMILY[family]}
    for name in given:
        if name not in known and name not in OF_SEARCH:
            raise _unknown(name, model, folder, families)
        if name not in OF_SEARCH:
            taken = [OF_FAMILY[family][name].takes for family in families if name in OF_FAMILY[family]]
            for value in given[name] if isinstance(given[name], list) else [given[name]]:
                _check_value(name, value, taken)
    for name in model.params:
        if name not in known:
            raise _unknown(name, model, folder, families, " of params in mlops.toml")


def has_own_estimator(model: ModelConfig, folder: str) -> bool:
    """Whether the recipe of a model has an `estimator` of its own, which takes any parameter."""
    return _own_estimator(Path(folder, model.recipe) if model.recipe else None)


def declared_by(model: ModelConfig) -> list[str]:
    """What the `command` of a model declares: `params` in mlops.toml first, then the places that values fill."""
    return [
        name for name in dict.fromkeys([*model.params, *PLACE.findall(model.command)]) if name not in OF_RUN
    ]


def _check_declared(model: ModelConfig, given: Mapping[str, Any]) -> None:
    """What a command declares: `params` in mlops.toml, and the places in it that values fill. `seed` has an option of its own."""
    known = sorted(declared_by(model))
    for name in given:
        if known and name not in known and name != "seed":
            near = difflib.get_close_matches(name, known, n=_NEAREST, cutoff=0.5)
            hint = [f"the nearest: {', '.join(near)}"] if near else []
            hint += [
                f"there are: {', '.join(known)}",
                f"declare another one under params of [model.{model.name}] in mlops.toml",
            ]
            raise Problem("unknown_parameter", f"the command of {model.name} has no parameter {name[:80]!r}", "; ".join(hint), status=2)  # fmt: skip


def _check_value(name: str, value: object, taken: Sequence[Takes]) -> None:
    """Raises Problem `bad_parameter` for a value that the search, or every family of it, would refuse."""
    if not any(takes.fits(value) for takes in taken):
        words = " or ".join(dict.fromkeys(takes.words for takes in taken))
        raise Problem(
            "bad_parameter",
            f"{name} = {str(value)[:80]!r} cannot be: it takes {words}",
            f"--set {name}=VALUE",
            status=2,
        )


def families_of(model: ModelConfig, folder: str, given: Mapping[str, Any]) -> list[str]:
    """The families that the search would try. Raises Problem `unknown_family`."""
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
