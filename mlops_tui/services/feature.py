"""Feature views: the catalogue as registered by runs, and look-ups as background runs."""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem, did_you_mean
from mlops_store.index import features
from mlops_store.index.listings import VIEWS
from mlops_store.index.models import Row, decoded
from mlops_store.index.tx import Read, Tx
from mlops_store.records import Column
from mlops_tui.services import project as projects
from mlops_tui.services.listing import listed
from mlops_tui.services.queued import queued
from mlops_tui.services.submit import submit
from mlops_tui.services.view_code import view_code
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.feature import FeatureGet, FeatureList, FeatureShow, View, ViewDetail


def list_(read: Read, request: FeatureList) -> Page[View]:
    """The newest version of each view, by project and name unless sorted otherwise. Raises Problem."""
    return listed(
        read,
        VIEWS,
        request,
        lambda rows: [_view(decoded(row, "record")) for row in rows],
        {"project": request.project},
    )


def show(read: Read, request: FeatureShow) -> ViewDetail:
    """One view (the newest version, unless one is named) with its history and the model versions that use it. Raises Problem."""
    name, at, wanted = request.view.partition("@")
    if at and not (wanted.isascii() and wanted.isdigit()):
        raise Problem(
            "bad_version", f"{request.view!r} does not name a version", "write VIEW or VIEW@2", status=2
        )
    rows = features.versions(read, name, request.project)
    found = sorted({row["project"] for row in rows})
    if not found:
        raise _unknown(read, [name], request.project)
    if len(found) > 1:
        raise _ambiguous([name], found)
    chosen = [row for row in rows if not wanted or str(row["version"]) == wanted.lstrip("0")]
    if not chosen:
        raise Problem(
            "no_such_version",
            f"feature view {name!r} has no version {wanted[:40]}",
            f"the newest is {rows[-1]['version']}",
        )
    row = chosen[-1]
    base = _view(row)
    users = features.users(read, row["project"], name, row["version"])
    newest = max(users, key=lambda user: (user["created"], user["version"]), default=None)
    code = view_code(read, row["project"], name, newest["model"], newest["version"]) if newest else ""
    return ViewDetail(
        **{field: getattr(base, field) for field in View.__struct_fields__},
        definition=row["definition"],
        versions=[{key: each[key] for key in ("version", "definition", "created")} for each in rows],
        used_by=[f"{user['model']}@{user['version']}" for user in users],
        code=code,
        code_of=f"{newest['model']}@{newest['version']}" if newest and code else "",
    )


def get(tx: Tx, request: FeatureGet) -> Run:
    """Queues a run that looks features up at a point in time. Its request is what `worker/production/features.py`
    says. Raises Problem."""
    if bool(request.entity) == bool(request.spine):
        raise Problem(
            "bad_spine",
            "say for what: either --entity KEY=VALUE or --spine FILE",
            "for example --entity origin=JFK",
            status=2,
        )
    project, rows = _project_of(tx, request)
    for item in request.views:
        _check(rows, item, request.entity)
    asked: dict[str, Any] = {
        "features": request.views, "keys": [request.entity] if request.entity else [],
        "time": request.at if request.at is not None else tx.now, "input": request.spine, "output": request.output,
    }  # fmt: skip
    place = projects.find(tx, project)
    spec = submit(
        tx,
        kind="features",
        project=project,
        project_dir=place.dir if place else "",
        client=request.client,
        request=asked,
        why="feature get",
    )
    return queued(spec)


# --- inside -------------------------------------------------------------------------------------------------


def _project_of(tx: Tx, request: FeatureGet) -> tuple[str, dict[str, Row]]:
    """The one project that has all the views, and those views by name."""
    wanted = {item.partition(":")[0] for item in request.views}
    if not wanted:
        raise Problem(
            "no_view", "say which features", "name views, or `view:feature` for one feature", status=2
        )
    have: dict[str, dict[str, Row]] = {}
    for row in features.newest(tx, request.project):
        if row["view"] in wanted:
            have.setdefault(row["project"], {})[row["view"]] = row
    whole = sorted(project for project, views in have.items() if wanted == set(views))
    if len(whole) > 1:
        raise _ambiguous(sorted(wanted), whole)
    if not whole:
        known = {view for views in have.values() for view in views}
        raise _unknown(tx, sorted(wanted - known) or sorted(wanted), request.project)
    return whole[0], have[whole[0]]


def _check(rows: dict[str, Row], item: str, entity: dict[str, str]) -> None:
    """Raises Problem where `view:feature` names no feature, or --entity lacks a key of the view."""
    name, colon, feature = item.partition(":")
    view = _view(rows[name])
    known = [column.name for column in view.features]
    if colon and feature not in known:
        raise Problem(
            "no_such_feature",
            f"view {name!r} has no feature {feature!r}",
            f"it has: {', '.join(known)}",
        )
    missing = [key for key in view.entities if key not in entity] if entity else []
    asked = {key for row in rows.values() for key in _view(row).entities}
    for wrong in (key for key in entity if missing and key not in asked):
        raise Problem(
            "entity_missing",
            f"view {name!r} is about {', '.join(view.entities)}: it has no key {wrong[:80]!r}",
            did_you_mean(wrong, view.entities),
            status=2,
        )
    if missing:
        raise Problem(
            "entity_missing",
            f"view {name!r} is about {', '.join(view.entities)}: there is no value of {', '.join(missing)}",
            " ".join(f"--entity {key}=VALUE" for key in missing),
            status=2,
        )


def _unknown(db: Read | Tx, names: list[str], project: str | None) -> Problem:
    known = sorted({row["view"] for row in features.newest(db, project)})
    hint = (
        f"known are: {', '.join(known)}"
        if known
        else "views become known with the first training run: `mlops-tui run start MODEL`"
    )
    where = f" in project {project!r}" if project else ""
    return Problem(
        "no_such_view",
        f"there is no feature view {', '.join(map(repr, names))}{where}",
        hint,
    )


def _ambiguous(names: list[str], found: list[str]) -> Problem:
    return Problem(
        "view_ambiguous",
        f"{len(found)} projects have {', '.join(map(repr, names))}: {', '.join(found)}",
        "name one with --project",
        status=2,
    )


def _view(row: Row) -> View:
    record = row["record"] or {}
    return View(
        project=row["project"], name=row["view"], version=row["version"], source=row["source"],
        entities=record.get("entities", []), features=[Column(**column) for column in record.get("features", [])],
        max_age_ms=record.get("max_age_ms"), knowledge=record.get("knowledge", "assumed"),
        description=record.get("description", ""), created=row["created"],
    )  # fmt: skip
