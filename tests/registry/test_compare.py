"""What differs between two versions, and the sign of the difference of their metrics."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from registry_box import Box, gate

from mlops_store.errors import Problem
from mlops_tui.services import code_diff
from mlops_tui.services import model as service
from mlops_tui.verbs.model import MetricCompareRow, ModelCompare, ModelComparison

FACTS = {
    "task": "classification", "target": "late", "family": "logistic", "params": {"C": 1.0, "solver": "lbfgs"}, "seed": 7,
    "recipe_hash": "r1", "snapshots": {"flights": {"version": 3, "snapshot": "aa"}, "weather": {"version": 1, "snapshot": "w"}},
    "feature_columns": ["distance", "weather@1:wind"],
    "training": {"source": "flights", "batches": ["b1", "b2"], "rows": 100, "window": "all"},
    "environment": {"python": "/py", "version": "3.11.9", "packages": {"numpy": "2.4.0", "polars": "2.1"}},
}  # fmt: skip
CODE = {"recipe.py": "def prepare(frame):\n    return frame\n", "same.py": "pass\n"}


def compared(box: Box, a: str = "late@1", b: str = "2") -> ModelComparison:
    with box.read() as read:
        return service.compare(read, ModelCompare(a=a, b=b))


def metric(found: ModelComparison, name: str = "roc_auc") -> MetricCompareRow:
    return next(row for row in found.metrics if row.metric == name)


def test_every_kind_of_difference(box: Box) -> None:
    changed = msgspec.json.decode(msgspec.json.encode(FACTS))
    changed["params"] = {"C": 0.1, "solver": "lbfgs", "penalty": "l2"}
    changed["snapshots"] = {
        "flights": {"version": 4, "snapshot": "bb"},
        "weather": {"version": 1, "snapshot": "w"},
    }
    changed["training"] |= {"batches": ["b2", "b3"], "rows": 150}
    changed["environment"]["packages"] = {"numpy": "2.5.0", "polars": "2.1"}
    code = {
        "recipe.py": "def prepare(frame):\n    return frame.drop_nulls()\n",
        "same.py": "pass\n",
        "new.sql": "SELECT 1\n",
    }
    box.register(tree=box.tree(FACTS, CODE), feature_service=["weather@1:wind", "weather@1:rain"])
    box.register(tree=box.tree(changed, code), feature_service=["weather@1:wind", "weather@2:rain"])
    found = compared(box)
    rows = {(row.section, row.key): (row.a, row.b) for row in found.rows}
    diff = rows.pop(("diff", "recipe.py"))[1]
    assert "-    return frame\n+    return frame.drop_nulls()" in diff and diff.startswith(
        "--- a/recipe.py\n+++ b/recipe.py"
    )
    assert rows.pop(("diff", "new.sql"))[1].endswith("+SELECT 1")
    files = {key: rows.pop(("code", key)) for key in ("recipe.py", "new.sql")}
    assert files["new.sql"][0] is None and len(files["recipe.py"][1]) == 12
    assert rows == {
        ("data", "flights version"): (3, 4),
        ("data", "flights snapshot"): ("aa", "bb"),
        ("data", "training rows"): (100, 150),
        ("data", "training batches only here"): (["b1"], ["b3"]),
        ("features", "weather@1:rain"): (True, False),
        ("features", "weather@2:rain"): (False, True),
        ("params", "C"): (1.0, 0.1),
        ("params", "penalty"): (None, "l2"),
        ("environment", "numpy"): ("2.4.0", "2.5.0"),
    }


def test_equal_versions_and_order_of_features(box: Box) -> None:
    tree = box.tree(FACTS, CODE)
    box.register(tree=tree, feature_service=["v@1:a", "v@1:b"])
    box.register(tree=tree, feature_service=["v@1:b", "v@1:a"])
    assert [(row.section, row.key) for row in compared(box).rows] == [("features", "order")]
    same = compared(box, "late@1", "late@1")
    assert same.rows == [] and "same version" in same.note


@pytest.mark.parametrize(("direction", "sign"), [("max", 1), ("min", -1)])
@pytest.mark.parametrize("by", ["gate", "evaluation"])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_difference_is_b_minus_a(box: Box, direction: str, sign: int, by: str, swapped: bool) -> None:
    """Version 2 is better by 0.02 to 0.06: a higher score, or a lower loss."""
    better = {"check": "m: difference to champion", "verdict": "PASS", "estimate": 0.04, "low": 0.02, "high": 0.06, "level": 0.95,
              "clusters": 30, "rows": 900}  # fmt: skip
    old, new = (
        {"roc_auc": {"value": 0.5, "low": 0.4, "high": 0.6}},
        {"roc_auc": {"value": 0.5 + sign * 0.04}, "own": {"value": 1.0}},
    )
    box.register(direction=direction, metrics=old)
    judged = (
        gate(champion="late@1", champion_metrics=old, difference=better, evaluation_rows=900)
        if by == "gate"
        else gate()
    )
    box.register(direction=direction, metrics=new, gate=judged)
    if by == "evaluation":
        _insert_evaluation(box, old, new, better)
    found = compared(box, "late@2", "1") if swapped else compared(box)
    row = metric(found)
    assert row.difference is not None and row.same_rows and row.rows == 900 and found.note == ""
    change = sign * (-1 if swapped else 1)
    assert row.difference["estimate"] == pytest.approx(change * 0.04)
    assert sorted([row.difference["low"], row.difference["high"]]) == [
        row.difference["low"],
        row.difference["high"],
    ]
    assert row.difference["low"] == pytest.approx(0.02 if change > 0 else -0.06)
    assert row.b["value"] - row.a["value"] == pytest.approx(row.difference["estimate"])
    own = metric(found, "own")
    assert not own.same_rows and own.difference is None


def _insert_evaluation(
    box: Box, old: dict[str, Any], new: dict[str, Any], difference: dict[str, Any]
) -> None:
    """As an ended evaluation run leaves it in the index."""
    cursor = box.writer.database.cursor()
    cursor.execute(
        "INSERT INTO evaluations VALUES ('r', 'air', 'late', 2, 'k', 900, 30, ?, '[]', 1, ?, ?, 5)",
        [msgspec.json.encode(part).decode() for part in (new, old, difference)],
    )
    cursor.close()


def test_metrics_of_different_rows_have_no_difference(box: Box) -> None:
    box.register()
    box.register(gate=gate(champion="late@7", difference={"estimate": 1.0, "low": 0.5, "high": 2.0}))
    found = compared(box)
    row = metric(found)
    assert row.difference is None and not row.same_rows
    assert "different evaluation rows" in found.note and "late@2 --baseline 1" in found.note


def test_what_is_missing_or_strange_is_said(box: Box) -> None:
    box.register(tree=box.tree(FACTS, CODE))
    box.register(tree=box.tree({**FACTS, "code": "0" * 64}))
    assert [row.key for row in compared(box).rows if row.section == "code"] == ["tree"]
    with pytest.raises(Problem, match="different models"):
        compared(box, "late@1", "other@1")
    box.register(tree=box.tree({"params": "nonsense"}))
    with pytest.raises(Problem) as caught:
        compared(box, "late@1", "3")
    assert caught.value.code == "version_damaged"
    box.register(tree="f" * 64)
    with pytest.raises(Problem) as caught:
        compared(box, "late@1", "4")
    assert caught.value.code == "object_missing"


def test_large_and_binary_files_have_no_lines() -> None:
    assert code_diff.unified("x", None, "a") == ""
    text = code_diff.unified("x", "", "\n".join(str(n) for n in range(5000)))
    assert len(text.splitlines()) == code_diff.MAX_LINES + 1 and text.endswith("more lines")
    assert all(len(line) <= 301 for line in code_diff.unified("x", "", "y" * 99_999).splitlines())
