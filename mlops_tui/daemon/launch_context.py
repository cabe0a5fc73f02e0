"""What a run will see of the system, resolved when it starts: data versions, champion, looks, the run before."""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem
from mlops_store.ids import now_ms
from mlops_store.index import models
from mlops_store.index.tx import Read
from mlops_store.records import LaunchContext, PastLook, PastVerdict, RunSpec, SourcePin, VersionPin
from mlops_store.run_folder import RunFolder

CHAMPION = "champion"


def resolve(read: Read, folder: RunFolder, spec: RunSpec, attempt: int) -> LaunchContext:
    """The context of an attempt. Raises Problem where a pin names a version that is not there."""
    sources = _sources(read, spec)
    champion = _alias(read, spec.project, spec.model, CHAMPION) if spec.model else None
    request: dict[str, Any] = {}
    source = spec.request.get("source")
    if spec.kind == "ingest" and isinstance(source, str):
        pin = sources.get(source)
        request["base_version"] = pin.version if pin else 0
    return LaunchContext(
        run_id=spec.run_id,
        attempt=attempt,
        home=str(read.home.path),
        project=spec.project,
        project_dir=spec.project_dir,
        code_dir=str(folder.code) if folder.code.is_dir() else "",
        launched=now_ms(),
        sources=sources,
        champion=champion,
        target_version=_target(read, spec),
        looked=_looks(read, spec),
        judged=_judged(read, spec),
        previous_run=_previous(read, spec),
        request=request,
    )


def _sources(read: Read, spec: RunSpec) -> dict[str, SourcePin]:
    """The newest version of each source of the project, or the one that the spec pins."""
    pins: dict[str, SourcePin] = {}
    for row in read.rows(
        "SELECT source, version, snapshot, manifest FROM data_versions WHERE project = ? ORDER BY source, version",
        [spec.project],
    ):
        wanted = spec.pins.get(row["source"])
        if wanted is None or wanted == row["version"]:
            pins[row["source"]] = SourcePin(
                version=row["version"], snapshot=row["snapshot"], manifest=row["manifest"]
            )
    for source, version in spec.pins.items():
        if source not in pins or pins[source].version != version:
            raise Problem(
                "no_such_version",
                f"source {source!r} has no version {version}",
                f"see `mlops-tui data show {source}`",
            )
    return pins


def version_pin(read: Read, project: str, model: str, version: int) -> VersionPin | None:
    """A registered version as a run sees it."""
    row = read.one(
        "SELECT model, version, run_id, digest, tree, python FROM model_versions WHERE project = ? AND model = ? AND version = ?",
        [project, model, version],
    )
    return VersionPin(**row) if row else None


def _alias(read: Read, project: str, model: str, alias: str) -> VersionPin | None:
    row = read.one(
        "SELECT version FROM aliases WHERE project = ? AND model = ? AND alias = ?", [project, model, alias]
    )
    return version_pin(read, project, model, row["version"]) if row and row["version"] is not None else None


def _target(read: Read, spec: RunSpec) -> VersionPin | None:
    """The version that an evaluation or a scoring is about: `request.version`, or `request.alias`, at the moment of launch."""
    if not spec.model or spec.kind == "train":
        return None
    version, alias = spec.request.get("version"), spec.request.get("alias")
    if isinstance(version, int):
        return version_pin(read, spec.project, spec.model, version)
    if isinstance(alias, str) and alias:
        return _alias(read, spec.project, spec.model, alias)
    return _alias(read, spec.project, spec.model, CHAMPION) if spec.kind in ("score", "evaluate") else None


def _looks(read: Read, spec: RunSpec) -> list[PastLook]:
    """On which rows this model was judged before. The look of a run is entered when it settles;
    runs that judge one model go one after the other, so none is counted twice. A resumed run takes its own look again."""
    if not spec.model:
        return []
    return models.looks(read, spec.project, spec.model, but=spec.run_id)


def _judged(read: Read, spec: RunSpec) -> list[PastVerdict]:
    """The verdicts that a training may repeat: those on versions of its own recipe."""
    if not spec.model or spec.kind != "train":
        return []
    return models.judged(read, spec.project, spec.model, spec.recipe_hash, but=spec.run_id)


def _previous(read: Read, spec: RunSpec) -> str | None:
    """The newest training of the model before this one that ran to its end, or else the newest at all."""
    if not spec.model:
        return None
    row = read.one(
        "SELECT run_id FROM runs WHERE project = ? AND model = ? AND kind = ? AND run_id < ? AND attempts > 0 AND deleted IS NULL "
        "ORDER BY (state = 'FINISHED') DESC, run_id DESC LIMIT 1",
        [spec.project, spec.model, spec.kind, spec.run_id],
    )
    return str(row["run_id"]) if row else None
