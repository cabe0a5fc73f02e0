"""A home with admitted data and one run in it, without a daemon: what a worker process finds."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from mlops_store.atomic import sha256_file, write_json
from mlops_store.home import Home
from mlops_store.ids import new_run_id, now_ms
from mlops_store.records import BatchFile, Column, LaunchContext, Manifest, RunSpec, SourcePin
from mlops_store.run_folder import RunFolder
from mlops_store.snapshots import Snapshots, snapshot_id
from mlops_tui.project.load import load
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.stage import Stages
from mlops_tui.worker.table_schema import CANONICAL, logical_type

SAMPLES = Path(__file__).parents[2] / "sample_projects"


class Bench:
    """A project and a home. `admit` makes data versions, `worker` makes a run of a kind, `stages` runs stages of training."""

    def __init__(self, home: Path, project: Path) -> None:
        self.home = Home(home).create()
        self.project = project
        self.snapshots = Snapshots(self.home)

    @property
    def name(self) -> str:
        return load(self.project).name

    def admit(self, source: str, frames: dict[str, pl.DataFrame] | None = None) -> Manifest:
        """A new data version: of the files that the source's glob finds, or of the named frames."""
        config = load(self.project).source_named(source)
        if frames is None:
            frames = {
                str(p.relative_to(self.project)): _read(p) for p in sorted(self.project.glob(config.path))
            }
        files: list[BatchFile] = []
        for number, (path, frame) in enumerate(frames.items()):
            canonical = frame.select(
                pl.col(n).cast(CANONICAL[logical_type(t) or "str"]) for n, t in frame.schema.items()
            )
            sha = hashlib.sha256(
                (path + str(canonical.hash_rows(seed=7).sum()) + str(canonical.height)).encode()
            ).hexdigest()
            target = self.snapshots.stored_file(self.name, source, sha)
            target.parent.mkdir(parents=True, exist_ok=True)
            canonical.write_parquet(target)
            files.append(
                BatchFile(sha256=sha, rows=frame.height, path=path, stored=self.home.relative(target),
                          bytes=target.stat().st_size, admitted=1_000 + number)
            )  # fmt: skip
        schema = [
            Column(name=n, type=logical_type(t) or "str")
            for n, t in next(iter(frames.values())).schema.items()
        ]
        version = 1
        while self.snapshots.manifest_path(self.name, source, version).exists():
            version += 1
        manifest = Manifest(project=self.name, source=source, version=version, snapshot=snapshot_id(files, schema), schema=schema,
                            schema_version=1, files=files, rows=sum(f.rows for f in files), created=now_ms())  # fmt: skip
        self.snapshots.write_manifest(manifest)
        return manifest

    def worker(
        self,
        model: str | None,
        *,
        kind: str = "train",
        request: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        **launch: Any,
    ) -> WorkerContext:
        """An attempt of a new run over the newest versions of all sources."""
        pins: dict[str, SourcePin] = {}
        for source in load(self.project).sources:
            found = sorted(self.snapshots.source_dir(self.name, source).glob("v*/manifest.json"))
            if found:
                manifest = self.snapshots.read(found[-1])
                pins[source] = SourcePin(
                    version=manifest.version, snapshot=manifest.snapshot, manifest=manifest.path
                )
        run_id = new_run_id()
        spec = RunSpec(run_id=run_id, kind=kind, name=model or kind, project=self.name, experiment="default", actor="test",
                       created=now_ms(), project_dir=str(self.project), model=model, request=request or {}, params=params or {})  # type: ignore[arg-type]  # fmt: skip
        folder = RunFolder.create(self.home, spec)
        context = LaunchContext(run_id=run_id, attempt=1, home=str(self.home.path), project=self.name, project_dir=str(self.project),
                                code_dir=str(self.project), launched=now_ms(), sources=pins, **launch)  # fmt: skip
        folder.attempt_dir(1).mkdir(parents=True)
        write_json(folder.attempt_dir(1) / "context.json", context)
        return WorkerContext.open(folder.path, 1)

    def stages(self, worker: WorkerContext, *names: str) -> Stages:
        """Runs the named stages of training in order."""
        stages = Stages(worker)
        for name in names:
            stages.run(import_module(f"mlops_tui.worker.training.{name}"))
        return stages


def _read(path: Path) -> pl.DataFrame:
    assert sha256_file(path)
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, try_parse_dates=True)
