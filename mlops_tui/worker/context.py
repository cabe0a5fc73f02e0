"""What a worker process knows: the run it is, the home it writes to, the project it works for."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_store.atomic import read_json, write_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.journal import JournalWriter
from mlops_store.objects import Objects
from mlops_store.records import BatchFile, LaunchContext, Manifest, Outcome, RunSpec
from mlops_store.redact import redact_params, redact_text
from mlops_store.run_folder import RunFolder
from mlops_store.snapshots import Snapshots

if TYPE_CHECKING:
    import polars as pl

    from mlops_tui.project.schema import ModelConfig, ProjectConfig, SourceConfig
    from mlops_tui.worker.recipe_loader import Recipe


@dataclass
class WorkerContext:
    """One attempt of one run, as its own process sees it. Nothing here opens the ledger or the index."""

    home: Home
    folder: RunFolder
    spec: RunSpec
    launch: LaunchContext
    attempt: int
    journal: JournalWriter
    snapshots: Snapshots
    objects: Objects
    current_stage: str = ""
    _manifests: dict[str, Manifest] = field(default_factory=dict)

    @staticmethod
    def open(run_dir: Path, attempt: int) -> WorkerContext:
        """Reads `spec.json` and the attempt's `context.json`. Raises Problem where they are missing or damaged."""
        folder = RunFolder(run_dir)
        try:
            launch = read_json(folder.attempt_dir(attempt) / "context.json", LaunchContext)
            spec = read_json(run_dir / "spec.json", RunSpec)
        except (OSError, ValueError) as error:
            raise Problem(
                "run_damaged", f"the run folder {run_dir} cannot be read: {error}", "start the run again"
            ) from error
        home = Home.locate(launch.home)
        return WorkerContext(
            home=home,
            folder=folder,
            spec=spec,
            launch=launch,
            attempt=attempt,
            journal=JournalWriter(run_dir, attempt),
            snapshots=Snapshots(home),
            objects=Objects(home),
        )

    # --- where things are ---

    @property
    def attempt_dir(self) -> Path:
        return self.folder.attempt_dir(self.attempt)

    @property
    def artifacts(self) -> Path:
        path: Path = self.folder.artifacts
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    @property
    def code_dir(self) -> Path:
        """The run's own copy of the project's code; the project's folder where none was made (no user code runs then)."""
        return Path(self.launch.code_dir or self.launch.project_dir)

    @property
    def request(self) -> dict[str, Any]:
        """What was asked for: the launch request over the submitted one."""
        return {**self.spec.request, **self.launch.request}

    @property
    def params(self) -> dict[str, Any]:
        """`--set k=v` of the run; they override `[model.x.params]` and what the search would choose."""
        return self.spec.params

    # --- the project ---

    @cached_property
    def config(self) -> ProjectConfig:
        from mlops_tui.project.load import load

        return load(self.code_dir)

    @property
    def model(self) -> ModelConfig:
        """The model this run is about. Raises Problem where the project no longer has it."""
        return self.config.model_named(self.spec.model or "")

    @property
    def spine(self) -> SourceConfig:
        return self.config.source_named(self.model.spine)

    @cached_property
    def recipe(self) -> Recipe:
        """The user's code, imported from the run's own copy. Raises Problem naming file, line and exception."""
        from mlops_tui.worker.recipe_loader import load_recipe

        return load_recipe(self.code_dir, self.model.recipe)

    # --- data ---

    def manifest(self, source: str) -> Manifest:
        """The pinned data version of a source. Raises Problem where the run has no pin for it."""
        if source not in self._manifests:
            pin = self.launch.sources.get(source)
            if pin is None:
                raise Problem(
                    "no_data",
                    f"source {source!r} has no data yet",
                    f"put files where [source.{source}] path points, then look at `mlops-tui data list`",
                )
            self._manifests[source] = self.snapshots.read(self.home.resolve(pin.manifest))
        return self._manifests[source]

    def batches(self, source: str) -> list[BatchFile]:
        """The batches of the pinned version in the order of their arrival (oldest admission first)."""
        from mlops_tui.worker.sources import arrivals

        return arrivals(self.manifest(source))

    def source_files(self, source: str) -> list[Path]:
        """The stored Parquet files of the pinned version, oldest admission first: a later row of a key corrects an earlier."""
        return [self.home.resolve(file.stored) for file in self.batches(source)]

    # --- saying what happens ---

    def log(self, message: str) -> None:
        """One line for people, into the run's log, with the time (UTC) and the stage."""
        clock = time.strftime("%H:%M:%S", time.gmtime())
        stage = f"{self.current_stage}: " if self.current_stage else ""
        sys.stdout.write(f"{clock} {stage}{redact_text(message)}\n")
        sys.stdout.flush()

    def log_params(self, params: dict[str, Any]) -> None:
        """Parameters of the run, secrets redacted."""
        self.journal.params(redact_params(params))

    def add_artifact(self, source: Path, logical: str) -> Path:
        """Puts a file among the run's artifacts under the path `logical` (relative) and journals it."""
        from mlops_tui.worker.stage_cache import link_or_copy, relative_inside

        target: Path = self.artifacts / relative_inside(logical)
        digest, size = link_or_copy(source, target)
        self.journal.artifact(logical, size, digest)
        return target

    def refuse(self, rows: pl.DataFrame, artifact: str, problem: Problem) -> Problem:
        """Keeps the offending rows as the artifact `artifact` (Parquet) and returns the problem with their place in its hint."""
        path = self.artifacts / artifact
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rows.write_parquet(path)
        self.add_artifact(path, artifact)
        hint = f"{problem.hint}; the rows are in {path}" if problem.hint else f"the rows are in {path}"
        return Problem(problem.code, problem.message, hint, problem.status)

    def write_outcome(self, outcome: Outcome) -> None:
        """The last act of a worker: what it asks the daemon to record."""
        self.journal.sync()
        write_json(self.attempt_dir / "outcome.json", outcome)
