"""Homes with runs, for tests of their care: a writer without a daemon, whose commits move folders as the daemon's do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.ids import new_run_id, now_ms
from mlops_store.index import rebuild as rebuilding
from mlops_store.index.database import Database
from mlops_store.index.tx import Read
from mlops_store.index.writer import Command, Writer
from mlops_store.objects import Objects
from mlops_store.records import ExitRecord, Identity, Outcome, RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui.daemon import run_folders

Entry = tuple[str, dict[str, Any]]


class Box:
    """One home; `run` makes ended runs as they are after settling."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path).create()
        self.writer = Writer.open(self.home)

    def close(self) -> None:
        self.writer.close()

    def do(self, service: Any, request: Any, actor: str = "ann") -> Any:
        """A verb that writes, with what a daemon does after the commit."""
        result = self.writer.execute([Command(lambda tx: service(tx, request), actor)])[0]
        if result.entries:
            back = run_folders.follow(self.home, result.entries)
            if back:
                self.writer.ingest(back)
        return result.unwrap()

    def append(self, *entries: Entry) -> None:
        def command(tx: Any) -> None:
            for verb, data in entries:
                tx.append(verb, str(data.get("run_id") or data.get("project") or ""), data)

        self.writer.execute([Command(command, "ann")])[0].unwrap()

    def read(self) -> Read:
        return Read(self.home, self.writer.database.cursor())

    def ask(self, service: Any, request: Any) -> Any:
        with self.read() as read:
            return service(read, request)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        with self.read() as read:
            return read.rows(sql, params)

    def run(
        self, kind: str = "train", *, state: str = "FINISHED", lines: Sequence[Any] = (), **fields: Any
    ) -> str:
        """A run with a journal, read into the index; `state` QUEUED, RUNNING, FINISHED or FAILED. Returns its id."""
        run_id = fields.pop("run_id", None) or new_run_id()
        outcome: Outcome | None = fields.pop("outcome", None)
        spec = RunSpec(**{
            "run_id": run_id, "kind": kind, "name": f"{kind}-1", "project": "flights", "experiment": "late", "actor": "ann",
            "created": now_ms(), "params": {"lr": 0.1}, **fields,
        })  # fmt: skip
        folder = RunFolder.create(self.home, spec)
        journal = folder.path / "journal" / "1-host-1-abcd.jsonl"
        journal.write_bytes(
            b"".join(
                msgspec.json.encode(line) + b"\n"
                for line in lines or [["m", "loss", 1, 5, 0.5], ["t", "owner", "ann"]]
            )
        )
        folder.log.write_text("it began\nit ended\n")
        place = folder.attempt_dir(1)
        if state != "QUEUED":
            write_json(
                place / "child.json", Identity(pid=2, start_ticks=3, boot_id="b", pid_ns="n", started=1_000)
            )
        if outcome is not None:
            write_json(place / "outcome.json", outcome)
        if state in ("FINISHED", "FAILED"):
            write_json(
                place / "exit.json", ExitRecord(exit_code=int(state == "FAILED"), signal=None, ended=2_000)
            )
        if kind != "sdk":
            submit = {
                "run_id": run_id,
                "kind": kind,
                "project": spec.project,
                "model": spec.model,
                "path": self.home.relative(folder.path),
            }
            self.append(("run.submit", submit))
        self.writer.ingest([folder.path])
        if kind != "sdk" and state in ("FINISHED", "FAILED"):
            self.append(("run.settle", {"run_id": run_id, "state": state}))
        return run_id

    def register(
        self,
        run_id: str,
        version: int = 1,
        alias: str = "",
        pins: dict[str, int] | None = None,
        files: dict[str, str] | None = None,
    ) -> str:
        """A version of the model `late`; returns the digest of its tree."""
        objects = Objects(self.home)
        folder = self.home.tmp / f"tree-{version}"
        folder.mkdir(parents=True)
        for name, text in (files or {"model.skops": f"model {version}"}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        tree = objects.put_tree(folder)
        key = {"project": "flights", "model": "late", "version": version, "run_id": run_id}
        self.append(
            ("model.register", {**key, "digest": tree, "tree": tree, "metrics": {}, "metric": "auc", "direction": "max", "gate": None,
                                "feature_service": [], "manifest": {}, "python": "3.11", "pins": pins or {}, "training_rows": 10}),
            ("gate.verdict", {**key, "verdict_id": run_id, "verdict": "PASS", "gate": {}}),
        )  # fmt: skip
        if alias:
            self.append(
                (
                    "alias.move",
                    {
                        "project": "flights",
                        "model": "late",
                        "alias": alias,
                        "from": None,
                        "to": version,
                        "verdict_id": run_id,
                    },
                )
            )
        return tree

    def differences(self) -> list[str]:
        """Between the index as it came about, and one made anew."""
        self.writer.database.checkpoint()
        fresh = self.home.index.with_name("fresh.duckdb")
        rebuilding.build(self.home, fresh)
        other = Database.open(fresh, readonly=True)
        try:
            return rebuilding.compare(self.writer.database, other)
        finally:
            other.close()
            fresh.unlink()
