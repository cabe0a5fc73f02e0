"""Looking at the registry; what decides is in `promotion`, `waiving` and `model_evaluate`."""

from __future__ import annotations

import msgspec

from mlops_store.errors import Problem
from mlops_store.index import models
from mlops_store.index.filter_sql import Sql
from mlops_store.index.listings import MODELS, MOVES
from mlops_store.index.models import Row
from mlops_store.index.tx import Read
from mlops_tui.services import model_card, model_compare
from mlops_tui.services.listing import listed
from mlops_tui.services.model_evaluate import evaluate, plan_evaluate
from mlops_tui.services.model_parameters import parameters
from mlops_tui.services.model_report import report
from mlops_tui.services.pinned import Pinned, evaluation, pinned
from mlops_tui.services.promotion import plan_promote, plan_rollback, promote, rollback
from mlops_tui.services.versions import CHAMPION, Named, beside, named, project_of, resolve, split_ref
from mlops_tui.services.waiving import waive
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Model, ModelVersion
from mlops_tui.verbs.model import (
    AliasMove,
    Card,
    ModelCard,
    ModelCompare,
    ModelComparison,
    ModelDetail,
    ModelHistory,
    ModelList,
    ModelShow,
    VersionDetail,
)

__all__ = [
    "card", "compare", "evaluate", "history", "list_", "parameters", "plan_evaluate", "plan_promote", "plan_rollback", "promote", "report", "rollback", "show",
    "waive",
]  # fmt: skip


def list_(read: Read, request: ModelList) -> Page[Model]:
    """Registered models by project and name unless sorted otherwise. Raises Problem."""
    return listed(read, MODELS, request, lambda rows: _shapes(read, rows, None), {"project": request.project})


def show(read: Read, request: ModelShow) -> ModelDetail:
    """A model, and the version asked for (or the champion, or else the newest), as of now or of a time. Raises Problem."""
    name, which = split_ref(request.model)
    project = project_of(read, name, request.project)
    row = models.find(read, project, name)
    assert row is not None
    (base,) = _shapes(read, [row], request.as_of)
    if not base.versions:
        raise Problem(
            "no_such_model",
            f"model {name!r} had no version at that time",
            f"`mlops-tui model show {name}` shows it as it is now",
        )
    wanted = which or str(base.aliases.get(CHAMPION, base.versions[-1].version))
    chosen = resolve(read, project, name, wanted, request.as_of)
    return ModelDetail(
        **{field: getattr(base, field) for field in Model.__struct_fields__},
        selected=_detail(read, chosen, base.aliases, request.as_of),
        as_of=request.as_of,
    )


def history(read: Read, request: ModelHistory) -> Page[AliasMove]:
    """The moves of all aliases of a model, newest first unless sorted otherwise. Raises Problem."""
    project = project_of(read, request.model, request.project)
    also: list[Sql] = [("project = ? AND model = ?", [project, request.model])]
    return listed(read, MOVES, request, lambda rows: [_move(row) for row in rows], also=also)


def compare(read: Read, request: ModelCompare) -> ModelComparison:
    """Two versions of one model: what went in, and how they did on the same rows where they were judged together."""
    a = named(read, request.a, request.project)
    return model_compare.compare(read, a, beside(read, a, request.b))


def card(read: Read, request: ModelCard) -> Card:
    """The model card of a version."""
    version = named(read, request.model, request.project)
    facts = pinned(read.home, version.row)
    aliases = models.aliases(read, version.project, version.model)
    text = model_card.markdown(
        version,
        facts,
        evaluation(read.home, version.row),
        [name for name, number in aliases.items() if number == version.version],
        models.waivers(read, version.project, version.model, version.version),
        models.moves_of(read, version.project, version.model, version.version),
    )
    return Card(model=version.model, version=version.version, markdown=text)


# --- shapes ---------------------------------------------------------------------------------------------


def _shapes(read: Read, rows: list[Row], as_of: int | None) -> list[Model]:
    """Models with their versions and aliases, in the order of `rows`."""
    if not rows:
        return []
    keys = [(row["project"], row["model"]) for row in rows]
    aliases: dict[tuple[str, str], dict[str, int]] = {}
    for row in models.aliases_of(read, keys, as_of):
        aliases.setdefault((row["project"], row["model"]), {})[row["alias"]] = row["version"]
    versions: dict[tuple[str, str], list[ModelVersion]] = {}
    for row in models.versions_of(read, keys, as_of):
        key = (row["project"], row["model"])
        names = [alias for alias, number in aliases.get(key, {}).items() if number == row["version"]]
        versions.setdefault(key, []).append(
            ModelVersion(version=row["version"], run_id=row["run_id"], metrics=row["metrics"] or {},
                         verdict=row["verdict"], created=row["created"], aliases=names)
        )  # fmt: skip
    return [
        Model(name=row["model"], project=row["project"], aliases=aliases.get(key, {}), versions=versions.get(key, []),
              metric=row["metric"] or "", direction=row["direction"] or "max")
        for key, row in zip(keys, rows, strict=True)
    ]  # fmt: skip


def _detail(read: Read, chosen: Named, aliases: dict[str, int], as_of: int | None) -> VersionDetail:
    """Where the version's tree cannot be read, `manifest` says so: the registry itself is still known."""
    row = chosen.row
    try:
        facts = pinned(read.home, row)
        manifest = msgspec.to_builtins(facts)
    except Problem as problem:
        facts, manifest = Pinned(), {"problem": str(problem)}
    return VersionDetail(
        version=chosen.version, run_id=row["run_id"], metrics=row["metrics"] or {}, verdict=row["verdict"],
        created=row["created"], aliases=[alias for alias, number in aliases.items() if number == chosen.version],
        metric=row["metric"] or "", direction=row["direction"] or "max", gate=row["gate"],
        feature_service=row["feature_service"] or [], pins=row["pins"] or {}, training_rows=row["training_rows"] or 0,
        digest=row["digest"], tree=row["tree"], python=row["python"], params=facts.params,
        manifest=manifest,
        waivers=models.waivers(read, chosen.project, chosen.model, chosen.version, as_of),
    )  # fmt: skip


def _move(row: Row) -> AliasMove:
    return AliasMove(
        project=row["project"], model=row["model"], alias=row["alias"], from_=row["from_version"], to=row["to_version"],
        verdict_id=row["verdict_id"], verdict=row["verdict"], why=row["why"] or "", actor=row["actor"],
        time=row["time"], seq=row["seq"],
    )  # fmt: skip
