"""The user's recipe.py: imported from the run's own copy, its errors turned into something to act on."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mlops_store.errors import Problem
from mlops_tui.recipes import View, named
from mlops_tui.worker.code_identity import imported_packages, tree_hash

T = TypeVar("T")

HOOKS = ("prepare", "estimator", "evaluate")
_loaded_from: list[str] = []


@dataclass
class Recipe:
    """A project's code. A hook that the file does not define is None. `file` is '' where there is no recipe.

    `packages` are the versions of what the code imports.
    """

    code_dir: Path
    file: str
    code_hash: str
    packages: dict[str, str] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    prepare: Callable[..., Any] | None = None
    estimator: Callable[..., Any] | None = None
    evaluate: Callable[..., Any] | None = None

    def call(self, what: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Calls the user's code. What it raises becomes a Problem that names file, line and exception."""
        try:
            return function(*args, **kwargs)
        except Problem:
            raise
        except (Exception, SystemExit) as error:
            raise user_error(error, self.code_dir, what) from error

    def source(self) -> str:
        """The text of the recipe file; '' where there is none."""
        return (self.code_dir / self.file).read_text(encoding="utf-8") if self.file else ""


def load_recipe(code_dir: Path, file: str) -> Recipe:
    """Imports `file` (relative to `code_dir`; '' = no recipe). Raises Problem with the user's file, line and exception.

    One recipe's code at a time: modules imported from the folder of an earlier recipe are forgotten.
    """
    recipe = Recipe(code_dir=code_dir, file=file, code_hash=tree_hash(code_dir) if file else "")
    if not file:
        return recipe
    recipe.packages = imported_packages(code_dir)
    path = code_dir / file
    if not path.is_file():
        raise Problem(
            "no_recipe",
            f"the recipe {file} is not in the project's code",
            f"write {file}, or take `recipe` out",
            2,
        )
    module = _import(path, code_dir)
    for hook in HOOKS:
        found = getattr(module, hook, None)
        if found is not None and not callable(found):
            raise Problem("bad_recipe", f"{file}: {hook} is not a function", f"write `def {hook}(…):`", 2)
        setattr(recipe, hook, found)
    for variable, value in vars(module).items():
        if isinstance(value, View):
            view = named(value, variable)
            known = recipe.views.get(view.name)
            if known is not None and known != view:
                raise Problem(
                    "bad_recipe", f"{file}: two views are called {view.name!r}", "rename one of them", 2
                )
            recipe.views[view.name] = view
    return recipe


def _import(path: Path, code_dir: Path) -> Any:
    _forget()
    name = f"mlops_tui_recipe_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Problem("bad_recipe", f"{path.name} cannot be imported", "a recipe is a .py file", 2)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(code_dir))
    _loaded_from.append(str(code_dir))
    sys.modules[name] = module
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except Problem:
        raise
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise user_error(error, code_dir, "importing it") from error
    finally:
        sys.dont_write_bytecode = bytecode
    return module


def _forget() -> None:
    """Takes the folders of earlier recipes off the path, and what was imported from them."""
    while _loaded_from:
        folder = _loaded_from.pop()
        if folder in sys.path:
            sys.path.remove(folder)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and Path(file).is_relative_to(folder):
                del sys.modules[name]


def user_error(error: BaseException, code_dir: Path, what: str) -> Problem:
    """A Problem from an exception of the user's code; the whole traceback goes to the run's log."""
    traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(code_dir)]
    if isinstance(error, SyntaxError) and error.filename:
        file = Path(error.filename)
        where = f"{file.relative_to(code_dir) if file.is_relative_to(code_dir) else file}:{error.lineno}"
        text = error.msg
    else:
        where = f"{Path(own[-1].filename).relative_to(code_dir)}:{own[-1].lineno}" if own else what
        text = str(error)
    if isinstance(error, SystemExit):
        text = f"the code ended the process with {error.code!r}"
    short = text if len(text) <= 500 else text[:500] + "…"
    message = f"{where}: {type(error).__name__} while {what}: {short}"
    return Problem(
        "recipe_failed",
        message,
        "the traceback is in the run's log; a resume runs the same copy of the code, a new run the mended one",
    )
