"""A project, a home and a way to run the ingest worker by hand, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_store.atomic import write_json
from mlops_store.delivered import path_text
from mlops_store.home import Home
from mlops_store.ids import new_run_id, now_ms
from mlops_store.records import IngestOutcome, LaunchContext, RunSpec
from mlops_store.run_folder import RunFolder
from mlops_store.snapshots import Snapshots

TOML = """
[project]
name = "shop"

[source.orders]
path = "data/*"
key = ["id"]
event_time = "at"
[source.orders.expect]
amount = { min = 0 }
size = { max = 100, severity = "warn" }
"""


@dataclass
class Box:
    """`version` is what the ledger would know."""

    home: Home
    project: Path
    version: int = 0

    def write(self, name: str | bytes, content: str | bytes) -> Path:
        path = Path(os.fsdecode(os.path.join(os.fsencode(self.project / "data"), os.fsencode(name))))
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def submit(self, *paths: Path, **request: Any) -> RunFolder:
        spec = RunSpec(run_id=new_run_id(), kind="ingest", name="ingest", project="shop", experiment="", actor="test",
                       created=now_ms(), project_dir=str(self.project))  # fmt: skip
        spec.request = {
            "source": "orders",
            "paths": [path_text(p) for p in paths],
            "base_version": self.version,
            **request,
        }
        folder = RunFolder.create(self.home, spec)
        return folder

    def prepare(self, folder: RunFolder, attempt: int = 1) -> list[str]:
        context = LaunchContext(run_id=folder.run_id, attempt=attempt, home=str(self.home.path), project="shop",
                                project_dir=str(self.project), code_dir=str(self.project), launched=now_ms())  # fmt: skip
        write_json(folder.attempt_dir(attempt) / "context.json", context)
        return [sys.executable, "-m", "mlops_tui.worker.main", str(folder.path), str(attempt)]

    def run(self, folder: RunFolder, attempt: int = 1) -> IngestOutcome:
        """In this process: tests of the worker as a process start the command themselves."""
        from mlops_tui.worker.main import main

        command = self.prepare(folder, attempt)
        assert main(command[-2:]) == 0, folder.error(attempt)
        outcome = folder.outcome(attempt)
        assert outcome is not None and outcome.ingest is not None
        return outcome.ingest

    def ingest(self, *paths: Path, settle: bool = True, **request: Any) -> IngestOutcome:
        outcome = self.run(self.submit(*paths, **request))
        if settle and outcome.manifest:
            Snapshots(self.home).write_manifest(outcome.manifest)
            self.version = outcome.manifest.version
        return outcome

    def frame(self) -> Any:
        import polars as pl

        from mlops_tui.worker.table_schema import CANONICAL

        manifest = Snapshots(self.home).manifest("shop", "orders", self.version)
        schema = {column.name: CANONICAL[column.type] for column in manifest.schema}
        parts = [pl.read_parquet(self.home.resolve(file.stored), glob=False) for file in manifest.files]
        whole = [
            part.select(
                (pl.col(name) if name in part.columns else pl.lit(None)).cast(dtype).alias(name)
                for name, dtype in schema.items()
            )
            for part in parts
        ]
        return pl.concat(whole) if whole else pl.DataFrame(schema=schema)


def make_box(folder: Path, toml: str = TOML) -> Box:
    project = folder / "shop"
    (project / "data").mkdir(parents=True)
    (project / "mlops.toml").write_text(toml)
    return Box(Home(folder / "home").create(), project)


def spawn(command: list[str], **kwargs: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs
    )
