"""Feature views: the catalogue as registered by runs, and look-ups as background runs."""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_store.records import Column
from mlops_tui.services.run import shown as shown_run
from mlops_tui.services.submit import submit
from mlops_tui.services.versions import decode
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.feature import FeatureGet, FeatureList, FeatureShow, View, ViewDetail


def list_(read: Read, request: FeatureList) -> Page[View]:
    """The newest version of each view, by name; the token is the last `project/view` shown."""
    project, _, view = (request.page or "").partition("/")
    rows = read.rows(
        "SELECT * FROM views QUALIFY row_number() OVER (PARTITION BY project, view ORDER BY version DESC) = 1 "
        "AND (? IS NULL OR project = ?) AND (project, view) > (?, ?) ORDER BY project, view LIMIT ?",
        [request.project, request.project, project, view, request.limit + 1],
    )
    items = [_view(row) for row in rows[: request.limit]]
    return Page(
        items=items, next=f"{items[-1].project}/{items[-1].name}" if len(rows) > request.limit else None
    )


def show(read: Read, request: FeatureShow) -> ViewDetail:
    """One view (the newest version, unless one is named) with its history and the model versions that use it."""
    name, _, wanted = request.view.partition("@")
    rows = read.rows(
        "SELECT * FROM views WHERE view = ? AND (? IS NULL OR project = ?) ORDER BY project, version",
        [name, request.project, request.project],
    )
    if wanted and not wanted.isdigit():
        raise Problem("bad_version", f"{request.view!r} does not name a version", "write VIEW@2", status=2)
    chosen = [row for row in rows if not wanted or row["version"] == int(wanted)]
    if not chosen:
        known = [
            row["view"]
            for row in read.rows(
                "SELECT DISTINCT view FROM views WHERE ? IS NULL OR project = ? ORDER BY 1",
                [request.project, request.project],
            )
        ]
        raise Problem(
            "no_such_view",
            f"there is no feature view {request.view!r}",
            f"known are: {', '.join(known) or 'none yet'}",
            status=2,
        )
    row = chosen[-1]
    used = read.rows(
        "SELECT model, version, feature_service FROM model_versions WHERE project = ? ORDER BY model, version",
        [row["project"]],
    )
    prefix = f"{name}@{row['version']}:"
    base = _view(row)
    return ViewDetail(
        **{field: getattr(base, field) for field in View.__struct_fields__},
        definition=row["definition"],
        versions=[
            {"version": r["version"], "definition": r["definition"], "created": r["created"]}
            for r in rows
            if r["project"] == row["project"]
        ],
        used_by=[
            f"{u['model']}@{u['version']}"
            for u in used
            if any(f.startswith(prefix) for f in decode(u["feature_service"], []))
        ],
    )


def get(tx: Tx, request: FeatureGet) -> Run:
    """Queues a run that looks features up at a point in time."""
    if bool(request.entity) == bool(request.spine):
        raise Problem(
            "bad_spine",
            "say for what: either --entity KEY=VALUE or --spine FILE",
            "for example --entity origin=JFK",
            status=2,
        )
    names = {item.partition(":")[0] for item in request.views}
    rows = read_views(tx, request.project)
    known = {row["view"] for row in rows}
    unknown = sorted(names - known)
    if unknown:
        raise Problem(
            "no_such_view",
            f"there is no feature view {', '.join(map(repr, unknown))}",
            f"known are: {', '.join(sorted(known)) or 'none yet'}",
            status=2,
        )
    projects = {row["project"] for row in rows if row["view"] in names}
    if len(projects) != 1:
        raise Problem(
            "view_ambiguous",
            f"several projects have these views: {', '.join(sorted(projects))}",
            "name one with --project",
            status=2,
        )
    project = projects.pop()
    place = tx.one("SELECT dir FROM projects WHERE name = ?", [project])
    asked: dict[str, Any] = {
        "views": request.views, "entity": request.entity, "at": request.at if request.at is not None else tx.now,
        "spine": request.spine, "output": request.output,
    }  # fmt: skip
    spec = submit(
        tx,
        kind="features",
        project=project,
        project_dir=str(place["dir"]) if place else "",
        client=request.client,
        request=asked,
        why="feature get",
    )
    return shown_run(tx, spec.run_id)


def read_views(read: Read | Tx, project: str | None) -> list[dict[str, Any]]:
    """Project and name of all views."""
    return read.rows(
        "SELECT DISTINCT project, view FROM views WHERE ? IS NULL OR project = ?", [project, project]
    )


def _view(row: dict[str, Any]) -> View:
    record = decode(row["record"], {})
    return View(
        project=row["project"], name=row["view"], version=row["version"], source=row["source"], entities=record.get("entities", []),
        features=[Column(**column) for column in record.get("features", [])], max_age_ms=record.get("max_age_ms"),
        knowledge=record.get("knowledge", "assumed"), description=record.get("description", ""), created=row["created"],
    )  # fmt: skip
