"""A home with a writer, filled by ledger entries and run folders: what the questions of the app are asked of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.ids import new_run_id
from mlops_store.index.database import Database
from mlops_store.index.rebuild import build, compare
from mlops_store.index.tx import Read
from mlops_store.index.writer import Command, Writer
from mlops_store.records import DriftOutcome, ExitRecord, Identity, Outcome, RunSpec
from mlops_store.run_folder import RunFolder

DAY = 86_400_000
START = 1_700_000_000_000
AIR = """[project]
name = "air"
[source.flights]
path = "*.csv"
key = ["id"]
event_time = "t"
[model.late]
spine = "flights"
target = "y"
"""
"""An mlops.toml that goes on with keys of its model `late`, which needs a task."""


@dataclass
class Desk:
    """The home of one test. `now` goes on by a second with each command."""

    home: Home
    writer: Writer

    @staticmethod
    def make(path: Path) -> Desk:
        home = Home(path).create()
        return Desk(home, Writer.open(home))

    def close(self) -> None:
        self.writer.close()

    def do(self, fn: Any, actor: str = "ann") -> Any:
        """One command; raises its problem."""
        return self.writer.execute([Command(fn, actor)])[0].unwrap()

    def append(self, verb: str, data: dict[str, Any], actor: str = "ann", subject: str = "s") -> int:
        return int(self.do(lambda tx: tx.append(verb, subject, data), actor))

    def read(self, actor: str = "") -> Read:
        read = self.writer.reader()
        return read.by(actor) if actor else read

    def rebuilt(self, path: Path) -> list[str]:
        """The differences between the index as it grew and one that is made anew; none are wanted."""
        build(self.home, path)
        other = Database.open(path)
        try:
            return compare(self.writer.database, other)
        finally:
            other.close()

    # --- content ---

    def project(self, name: str = "air", folder: str = "/projects/air") -> None:
        self.append("project.add", {"name": name, "dir": folder})

    def data(
        self, version: int, source: str = "flights", run_id: str | None = None, project: str = "air"
    ) -> None:
        """A version with one more file, a day of events each."""
        file = {
            "path": f"{source}-{version}.parquet", "sha256": f"{source}{version}", "rows": 100, "bytes": 10, "stored": "x",
            "admitted": START, "min_event_time": START + version * DAY, "max_event_time": START + (version + 1) * DAY - 1,
        }  # fmt: skip
        self.append(
            "data.admit",
            {"project": project, "source": source, "version": version, "snapshot": f"snap-{source}-{version}", "manifest": "",
             "rows": 100 * version, "files": [file], "schema_version": 1, "min_event_time": START, "max_event_time": None,
             "run_id": run_id},
        )  # fmt: skip

    def version(
        self, number: int, run_id: str, pins: dict[str, int], project: str = "air", **more: Any
    ) -> None:
        gate = {"verdict": "PASS", "checks": [], "champion": None, "evaluation_rows": 50, "clusters": 20}
        self.append(
            "model.register",
            {"project": project, "model": "late", "version": number, "run_id": run_id, "digest": "", "tree": "",
             "metrics": {"roc_auc": {"value": 0.7, "low": 0.6, "high": 0.8}}, "metric": "roc_auc", "direction": "max",
             "gate": gate, "feature_service": ["weather@1:wind"], "manifest": {}, "python": "", "pins": pins,
             "training_rows": 100, **more},
        )  # fmt: skip

    def champion(self, to: int | None, before: int | None = None, actor: str = "ann") -> int:
        data = {
            "project": "air",
            "model": "late",
            "alias": "champion",
            "from": before,
            "to": to,
            "rollback": False,
        }
        return self.append("alias.move", data, actor, "air/late@champion")

    def card(self, card: str, **more: Any) -> None:
        self.append(
            "proposal.open",
            {"id": card, "project": "air", "model": "late", "revision": 1, "reasons": ["new data: 100 rows", "drift"], "evidence": {},
             "pins": {"flights": 2}, **more},
        )  # fmt: skip

    def run(self, kind: str = "train", *, journal: list[str] | None = None, **fields: Any) -> RunFolder:
        """A run of the ledger with its folder: running from the start, with these journal lines."""
        run_id = fields.pop("run_id", None) or new_run_id()
        spec = RunSpec(**{
            "run_id": run_id, "kind": kind, "name": f"{kind}-1", "project": "air", "experiment": "late", "actor": "ann",
            "created": START, "model": "late", **fields,
        })  # fmt: skip
        folder = RunFolder.create(self.home, spec)
        self.append(
            "run.submit",
            {"run_id": run_id, "kind": kind, "project": spec.project, "model": spec.model, "path": self.home.relative(folder.path)},
        )  # fmt: skip
        write_json(
            folder.attempt_dir(1) / "child.json",
            Identity(pid=2, start_ticks=3, boot_id="b", pid_ns="n", started=START + 5),
        )
        lines = folder.path / "journal" / "1-host-2-abcd.jsonl"
        lines.parent.mkdir(exist_ok=True)
        lines.write_text("".join(f"{line}\n" for line in journal or []))
        self.ingest(folder)
        return folder

    def end(self, folder: RunFolder, found: Outcome | None = None) -> None:
        if found is not None:
            write_json(folder.attempt_dir(1) / "outcome.json", found)
        write_json(folder.attempt_dir(1) / "exit.json", ExitRecord(exit_code=0, signal=None, ended=START + 9))
        self.ingest(folder)

    def ingest(self, folder: RunFolder) -> None:
        self.writer.ingest([folder.path])

    def drift(self, version: int, champion: int, created: int, **more: Any) -> str:
        """A drift run that has ended. `chunks` as the worker gives them."""
        folder = self.run("drift", created=created)
        outcome = DriftOutcome(
            **{"source": "flights", "version": version, "model": "late", "champion_version": champion, "batches": [],
               "new_rows": 100, "mature_labelled_rows": 90, "sources": {"flights": version}, **more}
        )  # fmt: skip
        self.end(folder, Outcome(kind="drift", drift=outcome))
        return folder.run_id
