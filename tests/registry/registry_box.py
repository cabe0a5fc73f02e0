"""A home with a writer, and registry state built by ledger entries, for tests."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.index.tx import Read, Tx
from mlops_store.index.writer import Command, Result, Writer
from mlops_store.objects import Objects
from mlops_tui.services import model as service
from mlops_tui.verbs.model import AliasMove, ModelPromote, ModelRollback, ModelWaive, Waiver

PASSED = [{"check": "roc_auc >= naive + 0.05", "verdict": "PASS", "estimate": 0.2, "low": 0.1, "high": 0.3}]
FAILED = [
    *PASSED,
    {"check": "worst_slice.roc_auc >= 0.6", "verdict": "FAIL", "reason": "worst slice origin = 'JFK'"},
]
UNDECIDED = [*PASSED, {"check": "roc_auc > champion", "verdict": "INCONCLUSIVE"}]
CHAMPION_ONLY = [
    {"check": "roc_auc > champion", "verdict": "NOT_APPLICABLE", "reason": "not applicable, no champion"}
]


def gate(verdict: str = "PASS", checks: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """A GateOutcome as data."""
    return {
        "verdict": verdict, "better_than_champion": False, "checks": PASSED if checks is None else checks,
        "evaluation_key": "k", "evaluation_rows": 1000, "clusters": 30, "look": 1, "alpha": 0.025, "champion": None,
        "difference": None, "champion_metrics": {}, "naive_metrics": {}, **more,
    }  # fmt: skip


@dataclass
class Box:
    """The home of one test."""

    home: Home
    writer: Writer
    count: int = 0

    @staticmethod
    def make(path: Path | None = None) -> Box:
        home = Home(path or Path(tempfile.mkdtemp()))
        home.create()
        return Box(home, Writer.open(home))

    def close(self) -> None:
        self.writer.close()

    def do(self, *functions: Any, actor: str = "ann") -> list[Result]:
        """Runs commands as one group."""
        return self.writer.execute([Command(function, actor) for function in functions])

    def read(self, now: int | None = None) -> Read:
        return Read(self.home, self.writer.database.cursor(), now)

    def append(self, verb: str, data: dict[str, Any], actor: str = "ann") -> int:
        return int(self.do(lambda tx: tx.append(verb, "test", data), actor=actor)[0].unwrap())

    def tree(
        self,
        facts: dict[str, Any],
        code: dict[str, str] | None = None,
        measured: dict[str, Any] | None = None,
    ) -> str:
        """Puts a version's tree; `code` is name → text."""
        objects = Objects(self.home)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, text in (code or {}).items():
                (folder / "code" / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / "code" / path).write_text(text)
            if code:
                facts = {**facts, "code": objects.put_tree(folder / "code")}
            write_json(folder / "version.json", facts)
            if measured is not None:
                write_json(folder / "metrics.json", measured)
            return objects.put_tree(folder)

    def register(
        self, model: str = "late", project: str = "air", verdict: str | None = "PASS", **more: Any
    ) -> int:
        """Registers the next version, with a verdict unless it is None. Returns its number."""
        row = self.writer.reader().one(
            "SELECT max(version) AS v FROM model_versions WHERE project = ? AND model = ?", [project, model]
        )
        version = int((row or {}).get("v") or 0) + 1
        self.count += 1
        run_id = f"{self.count:032x}"
        tree = more.pop("tree", None) or self.tree({"target": "late"})
        judged = more.pop("gate", None) or (gate(verdict) if verdict else None)
        data = {
            "project": project, "model": model, "version": version, "run_id": run_id, "digest": tree, "tree": tree,
            "metrics": {"roc_auc": {"value": 0.7, "low": 0.68, "high": 0.72}}, "metric": "roc_auc", "direction": "max",
            "gate": judged, "feature_service": [], "manifest": {"source": "flights"}, "python": "/usr/bin/python3",
            "pins": {"flights": 1}, "training_rows": 5000, **more,
        }  # fmt: skip

        def both(tx: Tx) -> None:
            tx.append("model.register", f"{project}/{model}@{version}", data)
            if judged:
                tx.append(
                    "gate.verdict",
                    "test",
                    {"project": project, "model": model, "version": version, "run_id": run_id, "verdict_id": run_id,
                     "verdict": judged["verdict"], "gate": judged},
                )  # fmt: skip

        self.do(both)[0].unwrap()
        return version

    def promote(self, ref: str, **more: Any) -> AliasMove:
        actor = more.pop("actor", "ann")
        found: AliasMove = self.do(
            lambda tx: service.promote(tx, ModelPromote(model=ref, **more)), actor=actor
        )[0].unwrap()
        return found

    def rollback(self, model: str = "late", **more: Any) -> AliasMove:
        found: AliasMove = self.do(lambda tx: service.rollback(tx, ModelRollback(model=model, **more)))[
            0
        ].unwrap()
        return found

    def waive(self, ref: str, check: str, actor: str = "ann", **more: Any) -> Waiver:
        request = ModelWaive(model=ref, check=check, **{"reason": "we know", **more})
        found: Waiver = self.do(lambda tx: service.waive(tx, request), actor=actor)[0].unwrap()
        return found


def plain(value: Any) -> Any:
    """A struct as data."""
    return msgspec.to_builtins(value)
