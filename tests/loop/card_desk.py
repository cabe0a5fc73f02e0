"""A model with a champion, data versions and finished runs, made by hand: no process, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.index.tx import Tx
from mlops_store.index.writer import Command, Writer
from mlops_store.records import (
    DriftOutcome,
    ExitRecord,
    GateOutcome,
    LaunchContext,
    Outcome,
    TrainingOutcome,
)
from mlops_store.run_folder import RunFolder
from mlops_tui.project.load import load
from mlops_tui.project.schema import ModelConfig
from mlops_tui.services import drift_runs
from mlops_tui.services.settle import settle

T = TypeVar("T")
HOUR = 3_600_000
START = 1_750_000_000_000  # a Sunday, 15:06 UTC

TOML = """
[project]
name = "shop"
[source.orders]
path = "data/orders/*.csv"
key = ["id"]
event_time = "at"
[source.stock]
path = "data/stock/*.csv"
[model.late]
spine = "orders"
target = "late"
task = "classification"
metric = "roc_auc"
[model.late.retrain]
on_new_data = { min_new_rows = 100 }
on_drift = { k_of_n = "2/3" }
on_decay = { k_of_n = "1/2", margin = 0.01 }
cool_down = "6h"
expires = "14d"
"""


class Desk:
    """`now` is the clock of all commands."""

    def __init__(self, folder: Path, toml: str = TOML) -> None:
        self.project = folder / "shop"
        self.project.mkdir(parents=True)
        self.write(toml)
        self.home = Home(folder / "home").create()
        self.writer = Writer.open(self.home)
        self.reader = self.writer.reader()
        self.now = START
        self.do(lambda tx: tx.append("project.add", "shop", {"name": "shop", "dir": str(self.project)}))

    def write(self, toml: str) -> None:
        (self.project / "mlops.toml").write_text(toml)

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    @property
    def model(self) -> ModelConfig:
        return load(self.project).model_named("late")

    def do(self, fn: Callable[[Tx], T], actor: str = "ann", key: str = "") -> T:
        def at_our_time(tx: Tx) -> T:
            tx.now = self.now
            return fn(tx)

        return self.writer.execute([Command(at_our_time, actor, key)])[0].unwrap()

    def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        return self.reader.rows(sql, list(params))

    # --- the world ---

    def admit(self, source: str = "orders", rows: int = 50) -> int:
        version = (
            self.rows("SELECT max(version) AS v FROM data_versions WHERE source = ?", source)[0]["v"] or 0
        ) + 1
        old = self.rows(
            'SELECT path, sha256, "rows", bytes, stored, admitted FROM version_files WHERE source = ? AND version = ?',
            source,
            version - 1,
        )
        file = {
            "path": f"data/{source}/{version}.csv",
            "sha256": f"{source}-{version}",
            "rows": rows,
            "bytes": 1,
            "stored": "x",
            "admitted": self.now,
        }
        data = {"project": "shop", "source": source, "version": version, "snapshot": f"{source}{version}", "rows": rows * version,
                "manifest": "none", "files": [*old, file], "schema_version": 1}  # fmt: skip
        self.do(lambda tx: tx.append("data.admit", source, data))
        return version

    def look(self) -> str | None:
        """What the loop does after new data: submits the drift run where one is needed."""
        config = load(self.project)
        return self.do(
            lambda tx: drift_runs.ensure_drift(tx, config, str(self.project), config.model_named("late")),
            "daemon",
        )

    def looking(self) -> str:
        """The drift run that waits: settling a run submits the one that is needed."""
        return str(self.rows("SELECT run_id FROM runs WHERE kind = 'drift' AND settled IS NULL")[0]["run_id"])

    def finish(self, run_id: str, outcome: Outcome | None, code: int = 0, attempt: int = 1) -> str | None:
        """The run ends, is read and settled."""
        folder = RunFolder(self.home.run_dir(run_id))
        context = LaunchContext(run_id=run_id, attempt=attempt, home=str(self.home.path), project="shop", project_dir=str(self.project),
                                code_dir="", launched=self.now)  # fmt: skip
        write_json(folder.attempt_dir(attempt) / "context.json", context)
        if outcome is not None:
            write_json(folder.attempt_dir(attempt) / "outcome.json", outcome)
        write_json(
            folder.attempt_dir(attempt) / "exit.json", ExitRecord(exit_code=code, signal=None, ended=self.now)
        )
        self.writer.ingest([folder.path])
        return self.do(lambda tx: settle(tx, run_id), "daemon", f"settle:{run_id}:{attempt}")

    def drifted(
        self, run_id: str, labelled: int, alarms: list[bool] | None = None, change: float | None = None
    ) -> None:
        """The drift run ends and has found this."""
        asked = RunFolder(self.home.run_dir(run_id)).spec().request
        chunks = [
            {"label": str(i), "rows": 200, "alarm": alarm, "columns": ["x"] if alarm else [], "version": asked["sources"]["orders"],
             "change": None if change is None else {"low": change - 0.01, "high": change}}
            for i, alarm in enumerate(alarms or [])
        ]  # fmt: skip
        found = DriftOutcome(source="orders", version=asked["sources"]["orders"], model="late", champion_version=asked["champion_version"],
                             batches=[], new_rows=labelled, mature_labelled_rows=labelled, chunks=chunks, sources=asked["sources"],
                             since_version=asked["since_version"])  # fmt: skip
        self.finish(run_id, Outcome(kind="drift", drift=found))

    def trained(
        self,
        run_id: str,
        verdict: Any = "PASS",
        better: bool = True,
        champion: str | None = "late@1",
        attempt: int = 1,
        **more: Any,
    ) -> None:
        """The training ends with a candidate; `more` is of its gate."""
        pins = RunFolder(self.home.run_dir(run_id)).spec().pins or {"orders": 1}
        gate = GateOutcome(verdict=verdict, better_than_champion=better, checks=[], evaluation_key="k", evaluation_rows=10, clusters=10,
                           look=1, alpha=0.05, champion=champion, **more)  # fmt: skip
        training = TrainingOutcome(model="late", metric="roc_auc", direction="max", metrics={}, gate=gate, tree="t", digest="t", manifest={"recipe_hash": RunFolder(self.home.run_dir(run_id)).spec().recipe_hash},
                                   feature_service=[], views=[], python="", pins=pins)  # fmt: skip
        self.finish(run_id, Outcome(kind="train", training=training), attempt=attempt)

    def crown(self, version: int = 1) -> None:
        data = {"project": "shop", "model": "late", "alias": "champion", "from": None, "to": version}
        self.do(lambda tx: tx.append("alias.move", "late", data))

    def with_champion(self) -> Desk:
        """One data version, one trained version, promoted."""
        self.admit()
        data = {
            "project": "shop",
            "model": "late",
            "version": 1,
            "run_id": "r",
            "pins": {"orders": 1},
            "metric": "roc_auc",
            "direction": "max",
        }
        self.do(lambda tx: tx.append("model.register", "late", data))
        self.crown()
        return self

    def cards(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM proposals ORDER BY created, id")
