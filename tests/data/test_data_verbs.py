"""data add, show, diff, quarantine, redrive and drop, over real ingest runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "loop"))
from loop_box import LoopBox

from mlops_store.errors import Problem
from mlops_tui.services import data
from mlops_tui.verbs.data import DataAdd, DataDiff, DataList, DataQuarantine, DataShow, QuarantineRef, Redrive

TOML = """
[project]
name = "shop"
[source.orders]
path = "data/*.csv"
key = ["id"]
event_time = "at"
[source.orders.expect]
amount = { min = 0 }
"""


def orders(start: int, rows: int = 200, scale: float = 1.0) -> str:
    return "id,at,amount,kind\n" + "".join(
        f"{i},2024-01-01 10:00,{(i % 100) * scale},{'ab'[i % 2]}\n" for i in range(start, start + rows)
    )


def test_the_life_of_files(tmp_path: Path) -> None:
    project = tmp_path / "shop"
    (project / "data").mkdir(parents=True)
    (project / "mlops.toml").write_text(TOML)
    (project / "data/a.csv").write_text(orders(0))
    with LoopBox(tmp_path) as box:
        box.add_project(project)

        def versions() -> list[int]:
            return [
                v.version for v in box.writer.read(lambda r: data.list_(r, DataList(project="shop"))).items
            ]

        def wait(run: Any) -> None:
            box.until(
                lambda: box.rows(
                    "SELECT 1 AS one FROM runs WHERE run_id = ? AND settled IS NOT NULL", run.run_id
                )
            )

        def held() -> list[Any]:
            return box.writer.read(lambda r: data.quarantine(r, DataQuarantine(project="shop"))).items

        box.until(lambda: versions() == [1])
        outside = tmp_path / "elsewhere.csv"
        outside.write_text(orders(1000, 300, 10.0))
        wait(
            box.writer.call(
                lambda tx: data.add(tx, DataAdd(project="shop", source="orders", paths=[str(outside)]))
            )
        )
        assert versions() == [2, 1]
        shown = box.writer.read(lambda r: data.show(r, DataShow(project="shop", source="orders")))
        assert {b.path for b in shown.batches} == {"data/a.csv", str(outside)} and shown.rows == 500
        assert {c["name"]: c["nulls"] for c in shown.profile}["amount"] == 0
        first = box.writer.read(lambda r: data.show(r, DataShow(project="shop", source="orders@1")))
        assert first.rows == 200 and len(first.batches) == 1
        change = box.writer.read(lambda r: data.diff(r, DataDiff(project="shop", source="orders")))
        assert (change.a, change.b, [b.path for b in change.added], change.keys) == (
            1,
            2,
            [str(outside)],
            {"added": 300, "removed": 0},
        )
        with pytest.raises(
            Problem, match="version 1 of orders is its first: there is none before it"
        ) as alone:
            box.writer.read(lambda r: data.diff(r, DataDiff(project="shop", source="orders", b=1)))
        assert alone.value.code == "no_earlier_version"
        psi = {c["name"]: c["psi"] for c in change.columns}
        assert psi["amount"] > 0.5 and psi["kind"] < 0.01

        (project / "data/bad.csv").write_text(orders(5000, 10, -1.0))
        bad = box.until(held)[0]
        assert "amount: min 0" in bad.reason and "fails in 9 of 10" in bad.reason
        assert bad.rows[0]["id"] is not None and bad.state == "waiting"
        known = box.writer.read(
            lambda r: data.show(r, DataShow(project="shop", source="orders"))
        ).expectations
        assert [(one.rule, one.refused, one.results[0].said) for one in known] == [("min 0", 1, "")]
        wait(box.writer.call(lambda tx: data.redrive(tx, Redrive(project="shop", sha256=bad.sha256[:10]))))
        assert [q.sha256 for q in held()] == [bad.sha256]
        wait(
            box.writer.call(
                lambda tx: data.redrive(
                    tx, Redrive(project="shop", sha256=bad.sha256, force=True, reason="refunds")
                )
            )
        )
        assert held() == [] and versions() == [3, 2, 1]
        forced = box.writer.read(lambda r: data.show(r, DataShow(project="shop", source="orders")))
        assert "data/bad.csv" in [b.path for b in forced.batches] and any(
            "by decision" in w["message"] for w in forced.warnings
        )

        rule = forced.expectations[0]
        assert (rule.column, rule.rule, rule.severity, rule.refused) == ("amount", "min 0", "block", 0)
        assert [(one.version, one.rows) for one in rule.results] == [(3, 9), (2, 0), (1, 0)]
        assert "fails in 9" in rule.results[0].said
        (project / "mlops.toml").rename(project / "away.toml")
        gone = box.writer.read(lambda r: data.show(r, DataShow(project="shop", source="orders")))
        assert gone.rows == forced.rows and gone.expectations == []
        (project / "away.toml").rename(project / "mlops.toml")

        (project / "data/empty.csv").write_text("")
        empty = box.until(held)[0]
        assert box.writer.read(
            lambda r: data.plan_drop(r, QuarantineRef(project="shop", sha256=empty.sha256))
        ).steps
        assert (
            box.writer.call(
                lambda tx: data.drop(tx, QuarantineRef(project="shop", sha256=empty.sha256))
            ).state
            == "dropped"
        )
        assert held() == [] and (project / "data/empty.csv").exists()
        with pytest.raises(Problem, match="nothing in the quarantine"):
            box.writer.call(lambda tx: data.drop(tx, QuarantineRef(project="shop", sha256=empty.sha256)))
        with pytest.raises(Problem, match="no file"):
            box.writer.call(
                lambda tx: data.add(tx, DataAdd(project="shop", source="orders", paths=["/nowhere.csv"]))
            )
        with pytest.raises(Problem, match="version 9"):
            box.writer.read(lambda r: data.show(r, DataShow(project="shop", source="orders@9")))
