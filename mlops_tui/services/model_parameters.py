"""What a training of a model can be told: for whoever fills in a form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlops_store.index.tx import Read
from mlops_tui.project.load import load
from mlops_tui.project.parameters import declared_by, families_of, has_own_estimator
from mlops_tui.project.spaces import HELP, OF_FAMILY, OF_SEARCH
from mlops_tui.project.takes import Takes
from mlops_tui.project.values import FAMILIES
from mlops_tui.services import project as projects
from mlops_tui.verbs.model import ModelParameters, Parameter, ParameterDrawn, Parameters

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig


def parameters(read: Read, request: ModelParameters) -> Parameters:
    """By mlops.toml as it is now. Raises Problem `no_model`, `unknown_family`, ConfigError."""
    row = projects.require(read, request)
    model = load(row.dir).model_named(request.model)
    if model.command:
        found = list(_of_command(model))
        return Parameters(project=row.name, model=model.name, others=not found, parameters=found)
    own = has_own_estimator(model, row.dir)
    named = {} if request.family is None else {"family": request.family}
    families = [] if own else families_of(model, row.dir, named)
    every = [] if own else [name for name, tasks in FAMILIES.items() if model.task in tasks]
    return Parameters(
        project=row.name, model=model.name, families=every, others=own,
        parameters=[*_of_search(model, every), *(_of_recipe(model) if own else _of_families(model, families))],
    )  # fmt: skip


def _of_search(model: ModelConfig, families: Sequence[str]) -> Iterator[Parameter]:
    search = model.search
    now: dict[str, Any] = {
        "family": _one(search.families),
        "window": _one(model.window),
        "trials": search.trials,
        "timeout": f"{search.timeout // 1000}s",
        "seed": search.seed or model.seed,
    }
    for name, takes in OF_SEARCH.items():
        if name == "family":
            if not families:
                continue
            takes = Takes(f"one of {', '.join(families)}", "choice", choices=tuple(families))
        yield Parameter(name=name, group="search", help=HELP[name], takes=takes, value=now[name])


def _of_families(model: ModelConfig, families: Sequence[str]) -> Iterator[Parameter]:
    for name in dict.fromkeys(name for family in families for name in OF_FAMILY[family]):
        having = {family: OF_FAMILY[family][name] for family in families if name in OF_FAMILY[family]}
        drawn = [
            ParameterDrawn(family=family, default=one.default, log=one.log)
            if one.takes.type == "choice"
            else ParameterDrawn(family=family, default=one.default, low=one.low, high=one.high, log=one.log)
            for family, one in having.items()
        ]
        yield Parameter(
            name=name, group="estimator", help=HELP[name], takes=_any_of([one.takes for one in having.values()]),
            value=model.params.get(name), drawn=drawn,
        )  # fmt: skip


def _any_of(taken: Sequence[Takes]) -> Takes:
    """What one of several families takes; only its words where they take different things: which family it is for is not known yet."""
    if len(set(taken)) == 1:
        return taken[0]
    return Takes(" or ".join(dict.fromkeys(takes.words for takes in taken)))


def _of_recipe(model: ModelConfig) -> Iterator[Parameter]:
    for name, value in model.params.items():
        yield Parameter(
            name=name,
            group="estimator",
            help="of the recipe's own estimator",
            takes=_like(value),
            value=value,
        )


def _of_command(model: ModelConfig) -> Iterator[Parameter]:
    for name in declared_by(model):
        given = name in model.params
        value = model.params.get(name)
        yield Parameter(
            name=name, group="command", help="of the model's command", takes=_like(value), value=value, required=not given
        )  # fmt: skip


def _like(value: Any) -> Takes:
    """What code of one's own takes is its own affair: only what kind of value stands in mlops.toml is known."""
    if isinstance(value, bool):
        return Takes("true or false, usually", choices=("true", "false"))
    words = {int: "a whole number, usually", float: "a number, usually", str: "a text, usually"}
    return Takes(words.get(type(value), "anything"))


def _one(values: Sequence[str]) -> Any:
    """One of a list that has one; null where there is none."""
    return values[0] if len(values) == 1 else list(values) or None
