"""Runs of workers on real homes, without a daemon: what a launcher would do, by hand."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mlops_store.atomic import sha256_file, write_json
from mlops_store.home import Home
from mlops_store.ids import new_run_id, now_ms
from mlops_store.records import (
    BatchFile,
    Column,
    LaunchContext,
    Manifest,
    Outcome,
    RunSpec,
    SourcePin,
    TrainingOutcome,
    VersionPin,
)
from mlops_store.run_folder import RunFolder
from mlops_store.snapshots import Snapshots, snapshot_id
from mlops_tui.worker import main as worker_main
from mlops_tui.worker.table_schema import logical_type


@dataclass
class Box:
    """A home with one project in it. `versions` are data versions of each source, newest last."""

    home: Home
    project_dir: Path
    project: str
    versions: dict[str, list[SourcePin]] = field(default_factory=dict)
    files: dict[str, list[BatchFile]] = field(default_factory=dict)

    def admit(self, source: str, *frames: pl.DataFrame, event_time: str = "") -> None:
        """Each frame becomes a batch; all of them together one new data version."""
        snapshots = Snapshots(self.home)
        files = self.files.setdefault(source, [])
        for frame in frames:
            scratch = self.home.tmp / "frame.parquet"
            frame.write_parquet(scratch)
            sha = sha256_file(scratch)
            stored = snapshots.stored_file(self.project, source, sha)
            stored.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(scratch, stored)
            times = frame.get_column(event_time).dt.timestamp("ms") if event_time else None
            files.append(
                BatchFile(
                    sha256=sha,
                    rows=frame.height,
                    path=f"{len(files)}.parquet",
                    stored=self.home.relative(stored),
                    bytes=stored.stat().st_size,
                    admitted=now_ms() + len(files),
                    min_event_time=None if times is None else int(times.min()),  # type: ignore[arg-type]
                    max_event_time=None if times is None else int(times.max()),  # type: ignore[arg-type]
                )
            )
        schema = [Column(name=n, type=logical_type(t) or "str") for n, t in frames[0].schema.items()]
        number = len(self.versions.get(source, [])) + 1
        manifest = Manifest(
            project=self.project,
            source=source,
            version=number,
            snapshot=snapshot_id(files, schema),
            schema=schema,
            schema_version=1,
            files=list(files),
            rows=sum(file.rows for file in files),
            max_event_time=max(
                (f.max_event_time for f in files if f.max_event_time is not None), default=None
            ),
            created=now_ms(),
        )
        path = snapshots.write_manifest(manifest)
        pin = SourcePin(version=number, snapshot=manifest.snapshot, manifest=self.home.relative(path))
        self.versions.setdefault(source, []).append(pin)

    def run(self, kind: str, model: str, **given: Any) -> Run:
        """One attempt of a new run in this process, to its end. `given`: fields of the launch context, and
        `params`, `request` and `resume` (a run to attempt again)."""
        params, request = given.pop("params", {}), given.pop("request", {})
        resume: Run | None = given.pop("resume", None)
        run_id = resume.folder.run_id if resume else new_run_id()
        spec = RunSpec(
            run_id=run_id,
            kind=kind,  # type: ignore[arg-type]
            name=kind,
            project=self.project,
            experiment=model,
            actor="test",
            created=now_ms(),
            project_dir=str(self.project_dir),
            model=model,
            params=params,
            request=request,
            python=sys.executable,
        )
        folder = RunFolder.create(self.home, spec)
        attempt = folder.latest() + 1
        pins = {source: versions[-1] for source, versions in self.versions.items()}
        context = LaunchContext(
            run_id=run_id,
            attempt=attempt,
            home=str(self.home.path),
            project=self.project,
            project_dir=str(self.project_dir),
            code_dir=str(self.project_dir),
            launched=now_ms(),
            **{"sources": pins, **given},
        )
        folder.attempt_dir(attempt).mkdir(parents=True, exist_ok=True)
        write_json(folder.attempt_dir(attempt) / "context.json", context)
        code = worker_main.main([str(folder.path), str(attempt)])
        return Run(folder, attempt, code)


@dataclass
class Run:
    folder: RunFolder
    attempt: int
    code: int

    @property
    def outcome(self) -> Outcome:
        found = self.folder.outcome(self.attempt)
        assert found is not None, self.error
        return found

    @property
    def trained(self) -> TrainingOutcome:
        found = self.outcome.training
        assert found is not None
        return found

    @property
    def error(self) -> dict[str, Any]:
        return self.folder.error(self.attempt) or {}

    def pin(self, version: int) -> VersionPin:
        """What the registry would make of the outcome."""
        found = self.trained
        return VersionPin(
            model=found.model,
            version=version,
            run_id=self.folder.run_id,
            digest=found.digest,
            tree=found.tree,
            python=found.python,
        )


def make(tmp: Path, name: str, toml: str, recipe: str = "") -> Box:
    """A home and a project folder."""
    home = Home(tmp / "home").create()
    folder = tmp / "project"
    folder.mkdir()
    (folder / "mlops.toml").write_text(toml)
    if recipe:
        (folder / "recipe.py").write_text(recipe)
    return Box(home, folder, name)
