"""Starting a run from the app: a form filled from what ran before, then the plan, then the run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_store.errors import Problem
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.formats import short
from mlops_tui.tui.pairs import pairs_wrong, read_pairs
from mlops_tui.tui.parameter_fields import SET, common, fields_of, parameters_of, space_fields, space_of
from mlops_tui.tui.places import number_of
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.model import Parameters
from mlops_tui.verbs.run import Sweep

if TYPE_CHECKING:
    from mlops_tui.tui.screens.room import Room

DATA = "data:"
"""What the name of a field for the data version of a source begins with."""
_VERSIONS = 200
"""Data versions that are offered; older ones can be typed."""


class Starting:
    """What a form that starts runs is made of: the models of the project, the parameters of the one that is chosen, the data versions there are."""

    def __init__(self, room: Room, given: Mapping[str, Any] | None = None) -> None:
        self._room = room
        self.given = dict(given or {})
        self.models: tuple[str, ...] = ()
        self._first = ""
        self.versions: dict[str, list[int]] = {}
        self.found = Parameters(project="", model="", parameters=[])

    async def begin(self, model: str, fields: Callable[[Values], Awaitable[list[Field]]]) -> list[Field]:
        """Asks for all that does not depend on what is chosen, and gives the `fields` of the model to begin with, which is this one where it is in
        mlops.toml. Says why where there are none."""
        try:
            return await fields({}) if await self._look(model) else []
        except Problem as problem:
            self._room.mlops.complain(problem)
            return []

    async def _look(self, model: str) -> bool:
        """Whether there is a model. Raises Problem."""
        ask = self._room.link.ask
        project = await ask("project show")
        self.models = tuple(project.models)
        if not self.models:
            self._room.mlops.tell(
                "mlops.toml names no model: write [model.NAME] first (docs/mlops_toml.md)", "warning"
            )
            return False
        self.versions = {source: [] for source in project.sources}
        for row in (await ask("data list", {"limit": _VERSIONS})).items:
            self.versions.setdefault(row.source, []).append(row.version)
        self._first = model if model in self.models else self.models[0]
        return True

    def model_of(self, values: Values) -> str:
        """The one that is chosen, or that it begins with."""
        return values.get("model", self._first)

    async def parameters(self, model: str, family: str = "") -> Parameters:
        """What the model takes, with one kind of estimator or with those of mlops.toml. Raises Problem."""
        asked = {"model": model, **({"family": family} if family else {})}
        self.found = await self._room.link.ask("model parameters", asked)
        return self.found

    def model_field(self) -> Field:
        return Field("model", "model", self._first, choices=self.models, help="of mlops.toml", leads=True)

    def data_fields(self, pins: Mapping[str, int]) -> list[Field]:
        """One for each source: its newest version unless one is chosen."""
        return [
            Field(
                DATA + source, f"{source} data", str(pins.get(source, "")),
                hint=f"the newest, now {versions[0]}" if versions else "the newest; there is none yet",
                offers=tuple(map(str, versions)), check=_version_wrong,
                help=f"data version of {source}; empty: the newest when the run starts",
            )
            for source, versions in {**self.versions, **{name: [] for name in pins if name not in self.versions}}.items()
        ]  # fmt: skip


def _version_wrong(text: str) -> str:
    return "a data version is a number, such as 3" if text and not number_of(text) else ""


def _pins(values: Values) -> dict[str, int]:
    """The data versions that are named."""
    return {
        name.removeprefix(DATA): int(text) for name, text in values.items() if name.startswith(DATA) and text
    }


async def new_run(room: Room, model: str = "") -> Run | None:
    """Asks for model, parameters and data versions; starts the run. None where it was left. Call it in a worker."""
    if not await room.mlops.in_project():
        return None
    return await _train(room, "New run", model)


async def clone_run(room: Room, run: RunDetail) -> Run | None:
    """The same run with edits; the form and the plan say what differs from the first."""
    if run.kind != "train" or run.model is None:
        room.mlops.tell(f"a {run.kind} run is not cloned: training runs are", "warning")
        return None
    return await _train(room, f"Clone {_label(run)}", run.model, run)


def _label(run: Run) -> str:
    return run.name or run.run_id[:12]


def _given(run: RunDetail) -> dict[str, Any]:
    """The parameters that a run was asked for; those that its search has found are its result."""
    return {key: value for key, value in run.params.items() if not key.startswith("best.")}


async def _train(room: Room, title: str, model: str, before: RunDetail | None = None) -> Run | None:
    start = Starting(room, _given(before) if before is not None else {})

    async def fields(values: Values) -> list[Field]:
        first = before is not None and not values
        family = start.given.get("family", "") if first else values.get(f"{SET}family", "")
        same = values["model"] == start.found.model if values else True
        await start.parameters(start.model_of(values), str(family) if same else "")
        return [
            start.model_field(),
            *fields_of(start.found, start.given),
            *start.data_fields(before.pins if before is not None else {}),
            Field("name", "name", f"{before.name}-clone" if before is not None and before.name else "", hint="label of the run", help="a label for people; empty: one is made"),
            Field("tags", "tags", hint="key=value …", help="tags of the run: owner=ann why='a try'", check=pairs_wrong),
        ]  # fmt: skip

    def asked(values: Values) -> tuple[dict[str, Any], Sequence[str]]:
        found: dict[str, Any] = {
            "model": values["model"],
            "params": parameters_of(start.found, values, start.given),
            "pins": _pins(values),
            "tags": {key: str(value) for key, value in read_pairs(values["tags"]).items()},
        }
        if values["name"]:
            found["name"] = values["name"]
        if before is None:
            return found, []
        return found, [*(_differences(before, found) or [_SAME]), "with the code that is there now"]

    def note(values: Values) -> str:
        if before is None or any(form.row(name).field.check and form.row(name).complains for name in values):
            return ""
        try:
            differs = _differences(before, asked(values)[0])
        except ValueError:
            return ""
        return "differs: " + "; ".join(differs) if differs else _SAME

    first = await start.begin(model, fields)
    if not first:
        return None
    form = Form(title, first, yes="Plan", again=fields, note=note if before is not None else None, stays=True)
    started: Run | None = await room.fill(form, "run start", asked, yes="Start")
    return started


_SAME = "nothing differs from what was asked of the first run"


def _differences(before: RunDetail, asked: Mapping[str, Any]) -> list[str]:
    """What a clone changes, one by one."""
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
    return found


async def rerun(room: Room, run: RunDetail) -> Run | None:
    """The same training again, with its parameters and data versions and the code of now. None where it was left."""
    if run.kind != "train" or run.model is None:
        room.mlops.tell(f"a {run.kind} run is not started again: training runs are", "warning")
        return None
    asked = {"model": run.model, "params": _given(run), "pins": run.pins, "project": run.project}
    notes = [f"as {_label(run)} was started, with the code that is there now"]
    started: Run | None = await room.perform("run start", asked, yes="Start", notes=notes)
    return started


async def sweep(room: Room, model: str = "") -> Sweep | None:
    """Asks for a space of parameters and how many points of it; queues a run for each. None where it was left."""
    if not await room.mlops.in_project():
        return None
    start = Starting(room)

    async def fields(values: Values) -> list[Field]:
        chosen = start.model_of(values)
        families = [
            word for word in values.get(f"{SET}family", "").split(",") if word and chosen == start.found.model
        ]
        start.found = common([await start.parameters(chosen, family) for family in families or [""]])
        return [
            start.model_field(),
            Field("runs", "runs", "10", hint="all of a grid of lists", check=_count_wrong, help="how many points are drawn; empty: all of a grid of lists"),
            *space_fields(start.found),
            Field("name", "name", hint="name of the sweep", help="its runs get it with a number, and as their tag sweep"),
        ]  # fmt: skip

    def asked(values: Values) -> tuple[dict[str, Any], Sequence[str]]:
        space, fixed = space_of(start.found, values)
        found: dict[str, Any] = {"model": values["model"], "space": space, "params": fixed}
        if values["runs"]:
            found["trials"] = int(values["runs"])
        if values["name"]:
            found["name"] = values["name"]
        return found, []

    def check(values: Values) -> tuple[str, str] | None:
        if space_of(start.found, values)[0]:
            return None
        first = next((SET + one.name for one in start.found.parameters if one.group != "search"), "model")
        return first, "give at least one parameter a range such as 7..63, or a list such as 0.05,0.1"

    first = await start.begin(model, fields)
    if not first:
        return None
    form = Form("Search over parameters", first, yes="Plan", again=fields, check=check, stays=True)
    queued: Sweep | None = await room.fill(form, "run sweep", asked, yes="Queue them")
    return queued


def _count_wrong(text: str) -> str:
    return "the number of runs is a whole number above 0" if text and not number_of(text) else ""
