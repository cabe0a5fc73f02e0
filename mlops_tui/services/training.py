"""Queueing a training: what mlops.toml, and whoever asks, say of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.tx import Tx
from mlops_store.records import RunSpec
from mlops_store.redact import redact_argv, redact_params
from mlops_tui.project.load import load, recipe_hash
from mlops_tui.project.parameters import check_parameters
from mlops_tui.services import project as projects
from mlops_tui.services.command_line import argv_of
from mlops_tui.services.interpreters import interpreter_of, runs_by, search_path, with_interpreter
from mlops_tui.services.submit import submit
from mlops_tui.verbs._shapes import ClientContext

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig


def submit_training(
    tx: Tx,
    *,
    project: str,
    model: str,
    params: Mapping[str, Any],
    pins: Mapping[str, int],
    client: ClientContext | None = None,
    proposal_id: str | None = None,
    name: str = "",
    experiment: str = "",
    tags: Mapping[str, str] | None = None,
    after: Sequence[str] = (),
    as_of: int | None = None,
    why: str = "",
) -> RunSpec:
    """Queues a training by what mlops.toml says now; for a person, a card or a rule. Raises Problem, ConfigError."""
    row = projects.find(tx, project)
    if row is None:
        raise Problem(
            "project_not_added",
            f"the project {project!r} is not in this home",
            "`mlops-tui project add DIR`",
        )
    config = load(row.dir)
    chosen = config.model_named(model)
    check_parameters(chosen, row.dir, params)
    own = _own_code(chosen, row.dir, params, client) if chosen.command else _OwnCode(dict(params))
    return submit(
        tx,
        kind="train",
        project=project,
        project_dir=row.dir,
        model=model,
        name=name,
        experiment=experiment or model,
        params=own.params,
        tags=tags,
        command=own.command,
        python=own.python,
        client=client,
        pins=pins,
        after=after,
        proposal_id=proposal_id,
        request=_asked(chosen, params, client, as_of),
        recipe_hash=recipe_hash(config, model, row.dir),
        extra_env=own.env,
        why=why,
    )


@dataclass(frozen=True)
class _OwnCode:
    """How a model's `command` is started; all but the parameters empty where it has none."""

    params: dict[str, Any]
    command: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    python: str = ""


def _own_code(
    model: ModelConfig, folder: str, params: Mapping[str, Any], client: ClientContext | None
) -> _OwnCode:
    given = {**model.params, **params}
    named = interpreter_of(model, folder, client)
    # a command line is on the disk, and seen by whoever lists processes: no place for a secret
    command = with_interpreter(argv_of(model.command, redact_params(given)), named)
    return _OwnCode(
        given, command, _command_environment(named, given, client), runs_by(command, named, client)
    )


def _asked(
    model: ModelConfig, params: Mapping[str, Any], client: ClientContext | None, as_of: int | None
) -> dict[str, Any]:
    """The request of the run's worker."""
    asked: dict[str, Any] = {"argv": redact_argv(client.argv)} if client else {}
    if as_of is not None:
        asked["as_of"] = as_of
    if not model.command:
        asked["seed"] = params.get("seed", model.search.seed or model.seed)
    elif model.metric:
        asked["metric"] = model.metric
    return asked


def _command_environment(python: str, params: dict[str, Any], client: ClientContext | None) -> dict[str, str]:
    """For training code of one's own: the parameters as JSON, and the folder of `python = …` first in the path, for
    commands that call it further down."""
    env = {"MLOPS_TUI_PARAMS": msgspec.json.encode(redact_params(params)).decode()}
    if python:
        env["PATH"] = f"{os.path.dirname(python)}{os.pathsep}{search_path(client)}"
    return env
