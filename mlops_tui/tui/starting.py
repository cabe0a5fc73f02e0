"""Starting a run from the app: a form filled from what ran before, then the plan, then the run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_store.errors import Problem
from mlops_tui.commandline.values import json_or_text
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.formats import short
from mlops_tui.tui.places import number_of
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.run import Sweep

if TYPE_CHECKING:
    from mlops_tui.tui.screens.room import Room


async def new_run(room: Room, model: str = "") -> Run | None:
    """Asks for model, parameters and data versions; starts the run. None where it was left. Call it in a worker."""
    if not await room.mlops.in_project():
        return None
    try:
        models = list((await room.link.ask("project show")).models)
        newest = await room.link.ask("data list", {"limit": 200})
    except Problem as problem:
        room.mlops.complain(problem)
        return None
    if not models:
        room.mlops.tell("mlops.toml names no model: write [model.NAME] first (docs/mlops_toml.md)", "warning")
        return None
    versions: dict[str, int] = {}
    for row in newest.items:
        versions.setdefault(row.source, row.version)
    fields = _fields(
        model or models[0],
        tuple(models),
        data_hint=" ".join(f"{source}={version}" for source, version in sorted(versions.items())),
    )
    return await _ask_and_start(room, "New run", fields)


async def clone_run(room: Room, run: RunDetail) -> Run | None:
    """The same run with edits; the plan says what differs from the first."""
    if run.kind != "train" or run.model is None:
        room.mlops.tell(f"a {run.kind} run is not cloned: training runs are", "warning")
        return None
    params = pairs_text({key: value for key, value in run.params.items() if not key.startswith("best.")})
    fields = _fields(
        run.model,
        (run.model,),
        params=params,
        data=pairs_text(run.pins),
        name=f"{run.name}-clone" if run.name else "",
    )
    return await _ask_and_start(room, f"Clone {run.name or run.run_id[:12]}", fields, before=run)


async def rerun(room: Room, run: RunDetail) -> Run | None:
    """The same training again, with its parameters and data versions and the code of now. None where it was left."""
    if run.kind != "train" or run.model is None:
        room.mlops.tell(f"a {run.kind} run is not started again: training runs are", "warning")
        return None
    params = {key: value for key, value in run.params.items() if not key.startswith("best.")}
    asked = {"model": run.model, "params": params, "pins": run.pins, "project": run.project}
    notes = [f"as {run.name or run.run_id[:12]} was started, with the code that is there now"]
    started: Run | None = await room.perform("run start", asked, yes="Start", notes=notes)
    return started


async def sweep(room: Room, model: str = "") -> Sweep | None:
    """Asks for a space of parameters and how many points of it; queues a run for each. None where it was left."""
    if not await room.mlops.in_project():
        return None
    try:
        models = tuple((await room.link.ask("project show")).models)
    except Problem as problem:
        room.mlops.complain(problem)
        return None
    if not models:
        room.mlops.tell("mlops.toml names no model: write [model.NAME] first (docs/mlops_toml.md)", "warning")
        return None
    fields = [
        Field("model", "model", model or models[0], choices=models),
        Field("space", "space", hint="learning_rate=0.01..0.3:log max_leaf_nodes=7..63 family=a,b"),
        Field("trials", "runs", "10", hint="how many points; empty: all of a grid of lists"),
        Field("params", "set for all", hint="seed=1"),
        Field("name", "name", hint="name of the sweep"),
    ]
    values: Values | None = await room.app.push_screen_wait(
        Form("Search over parameters", fields, yes="Plan", check=_check_sweep)
    )
    if values is None:
        return None
    asked: dict[str, Any] = {
        "model": values["model"],
        "space": _texts(values["space"]),
        "params": read_pairs(values["params"]),
    }
    if values["trials"]:
        asked["trials"] = int(values["trials"])
    if values["name"]:
        asked["name"] = values["name"]
    queued: Sweep | None = await room.perform("run sweep", asked, yes="Queue them")
    return queued


def _texts(text: str) -> dict[str, str]:
    """`a=1..2 b=x,y` as names and texts. Raises ValueError."""
    pairs = [word.partition("=") for word in shlex.split(text)]
    if not all(key and equals for key, equals, _ in pairs):
        raise ValueError("write name=low..high or name=a,b,c")
    return {key: value for key, _, value in pairs}


def _check_sweep(values: Values) -> tuple[str, str] | None:
    if values["trials"] and not number_of(values["trials"]):
        return "trials", "the number of runs is a whole number above 0"
    for name, read in (("space", _texts), ("params", read_pairs)):
        try:
            found = read(values[name])
        except ValueError as error:
            return name, str(error)
        if name == "space" and not found:
            return "space", "name at least one parameter: max_leaf_nodes=7..63"
    return None


async def score(room: Room, model: str = "") -> Run | None:
    """Asks for a model and files; scores in the background. None where it was left."""
    fields = [
        Field("model", "model", model, hint="MODEL, MODEL@3 or MODEL@alias; without @ the champion"),
        Field("input", "rows", hint="CSV or Parquet file with the rows to score"),
        Field("output", "scores", hint="CSV or Parquet file to write"),
        Field("force", "replace", "no", choices=("no", "yes")),
    ]
    values: Values | None = await room.app.push_screen_wait(
        Form("Score a file", fields, yes="Plan", check=_check_score)
    )
    if values is None:
        return None
    paths = {name: str(Path(values[name]).expanduser().absolute()) for name in ("input", "output")}
    asked = {"model": values["model"], **paths, "force": values["force"] == "yes"}
    started: Run | None = await room.perform("predict", asked, yes="Score")
    return started


def _check_score(values: Values) -> tuple[str, str] | None:
    for name in ("model", "input", "output"):
        if not values[name]:
            return name, "this is needed"
    for name in ("input", "output"):
        try:
            path = Path(values[name]).expanduser()
            found = path.is_file() if name == "input" else path.absolute().parent.is_dir()
        except (OSError, RuntimeError, ValueError) as error:
            return name, str(error)
        if not found:
            return name, f"there is no {'file' if name == 'input' else 'folder for'} {path}"
    return None


def _fields(
    model: str,
    models: tuple[str, ...],
    *,
    params: str = "",
    data: str = "",
    name: str = "",
    data_hint: str = "",
) -> list[Field]:
    return [
        Field("model", "model", model, choices=models),
        Field("params", "parameters", params, hint="name=value …; empty: those of mlops.toml"),
        Field(
            "pins",
            "data",
            data,
            hint=f"empty: the newest ({data_hint})" if data_hint else "source=version; empty: the newest",
        ),
        Field("name", "name", name, hint="label of the run"),
        Field("tags", "tags", hint="key=value …"),
    ]


def check(values: Values) -> tuple[str, str] | None:
    """What is wrong with a form, as (field, words)."""
    for name in ("params", "pins", "tags"):
        try:
            found = read_pairs(values[name])
        except ValueError as error:
            return name, str(error)
        if name == "pins" and any(not isinstance(version, int) for version in found.values()):
            return name, "a data version is a number: flights=3"
    return None


def read_pairs(text: str) -> dict[str, Any]:
    """`a=1 b="two words"` as names and values, a value as JSON where it is JSON. Raises ValueError."""
    found: dict[str, Any] = {}
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ValueError(f"{word!r} is not name=value")
        found[key] = json_or_text(value)
    return found


def pairs_text(pairs: dict[str, Any]) -> str:
    """The reverse of `read_pairs`."""
    return " ".join(
        f"{key}={shlex.quote(value if isinstance(value, str) else short(value, 10_000))}"
        for key, value in pairs.items()
    )


async def _ask_and_start(
    room: Room, title: str, fields: list[Field], before: RunDetail | None = None
) -> Run | None:
    values: Values | None = await room.app.push_screen_wait(Form(title, fields, yes="Plan", check=check))
    if values is None:
        return None
    asked: dict[str, Any] = {
        "model": values["model"],
        "params": read_pairs(values["params"]),
        "pins": read_pairs(values["pins"]),
    }
    asked["tags"] = {key: str(value) for key, value in read_pairs(values["tags"]).items()}
    if values["name"]:
        asked["name"] = values["name"]
    notes = _differences(before, asked) if before is not None else []
    started: Run | None = await room.perform("run start", asked, yes="Start", notes=notes)
    return started


def _differences(before: RunDetail, asked: dict[str, Any]) -> list[str]:
    """What the clone changes, line by line."""
    found = []
    for what, old, new, absent in (
        ("parameter", before.params, asked["params"], "that of mlops.toml"),
        ("data", before.pins, asked["pins"], "the newest"),
    ):
        for key in sorted({*old, *new}):
            if key.startswith("best.") and key not in new:
                continue
            if old.get(key) != new.get(key):
                sides = [short(side[key], 40) if key in side else absent for side in (old, new)]
                found.append(f"{what} {key}: {sides[0]} becomes {sides[1]}")
    return [
        *(found or ["nothing differs from what was asked of the first run"]),
        "with the code that is there now",
    ]
