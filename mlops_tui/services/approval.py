"""An approved card becomes a training on the snapshots that the card names."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.tx import Tx
from mlops_store.records import RunSpec
from mlops_tui.project.load import load, recipe_hash
from mlops_tui.project.schema import ModelConfig
from mlops_tui.services.command_line import argv_of
from mlops_tui.services.loop_facts import loads
from mlops_tui.services.submit import submit
from mlops_tui.verbs._shapes import ClientContext

_PATH = "/usr/local/bin:/usr/bin:/bin"


def approve_card(
    tx: Tx, card: dict[str, Any], project_dir: str, client: ClientContext | None, why: str
) -> str:
    """Submits the run and writes the decision. Returns the run's id. Raises Problem, ConfigError."""
    pins: dict[str, int] = loads(card["pins"], {})
    spec = submit_training(
        tx,
        card["project"],
        project_dir,
        card["model"],
        params={},
        pins=pins,
        proposal_id=card["id"],
        client=client,
    )
    tx.append(
        "proposal.decide",
        card["id"],
        {
            "id": card["id"],
            "revision": card["revision"],
            "decision": "APPROVED",
            "until": None,
            "pins": pins,
            "run_id": spec.run_id,
        },
        why=why,
    )
    return spec.run_id


def submit_training(
    tx: Tx,
    project: str,
    project_dir: str,
    model_name: str,
    *,
    params: dict[str, Any],
    pins: dict[str, int],
    proposal_id: str,
    client: ClientContext | None,
) -> RunSpec:
    """Queues the training of a card: mlops.toml as it is now, the data as the card names them."""
    config = load(project_dir)
    if config.name != project:
        raise Problem(
            "project_elsewhere",
            f"{project_dir} holds the project {config.name} now, not {project}",
            "",
            status=2,
        )
    model = config.model_named(model_name)
    given = {**model.params, **params} if model.command else params
    return submit(
        tx,
        kind="train",
        project=project,
        project_dir=project_dir,
        model=model.name,
        experiment=model.name,
        params=given,
        command=argv_of(model.command, given) if model.command else [],
        client=client,
        pins={source: version for source, version in pins.items() if source in config.sources},
        proposal_id=proposal_id,
        recipe_hash=recipe_hash(config, model.name, project_dir),
        extra_env=_command_environment(model, given, client) if model.command else None,
        why=f"card {proposal_id}",
    )


def _command_environment(
    model: ModelConfig, params: dict[str, Any], client: ClientContext | None
) -> dict[str, str]:
    """As `run start` gives it: the parameters as JSON, and the interpreter of `python = …` first in the path."""
    env = {"MLOPS_TUI_PARAMS": msgspec.json.encode(params).decode()}
    folder = str(PurePosixPath(model.python).parent) if model.python else "."
    if folder != ".":
        env["PATH"] = f"{folder}:{(client.env.get('PATH') if client else None) or _PATH}"
    return env
