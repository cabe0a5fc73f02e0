"""The model card: a golden file, and text that is hostile."""

from __future__ import annotations

import os
import re
from pathlib import Path

from registry_box import Box, gate

from mlops_tui.services import model as service
from mlops_tui.services.markdown import LONGEST, estimate, literal, number, when
from mlops_tui.verbs.model import ModelCard, ModelShow

GOLDEN = Path(__file__).with_name("card.md")

FACTS = {
    "task": "classification", "target": "late", "family": "gradient boosting", "params": {"depth": 4, "rate": 0.1}, "seed": 7,
    "recipe_hash": "r1", "window": "90d",
    "snapshots": {"flights": {"version": 3, "snapshot": "aa11"}, "weather": {"version": 2, "snapshot": "bb22"}},
    "feature_columns": ["distance", "weather_at_origin__wind"],
    "views": [{"name": "weather_at_origin", "source": "weather", "entities": ["origin"], "features": [], "definition": "d"}],
    "training": {"source": "flights", "batches": ["b1", "b2"], "rows": 5000, "window": "90d", "min_event_time": 1_357_016_400_000,
                 "max_event_time": 1_364_786_000_000},
    "environment": {"python": "/usr/bin/python3", "version": "3.11.9", "platform": "Linux", "packages": {"numpy": "2.4.0"}},
}  # fmt: skip
SLICES = {
    "slices": [
        {
            "slice": "origin = 'JFK'",
            "rows": 300,
            "value": 0.71,
            "low": 0.6,
            "high": 0.8,
            "champion": 0.7,
            "naive": 0.5,
        }
    ]
}


def card(box: Box, ref: str = "late@2") -> str:
    with box.read() as read:
        return service.card(read, ModelCard(model=ref)).markdown


def test_golden(box: Box) -> None:
    box.register()
    box.promote("late@1")
    value = {"roc_auc": {"value": 0.7412, "low": 0.7301, "high": 0.7523}, "log_loss": {"value": 0.00042}}
    checks = [
        {
            "check": "roc_auc > champion",
            "verdict": "PASS",
            "estimate": 0.02,
            "low": 0.01,
            "high": 0.03,
            "reason": "above 0",
        },
        {
            "check": "worst_slice.roc_auc >= 0.75",
            "verdict": "FAIL",
            "estimate": 0.71,
            "low": 0.6,
            "high": 0.8,
        },
    ]
    judged = gate("FAIL", checks, champion="late@1", champion_metrics={"roc_auc": {"value": 0.72, "low": 0.7, "high": 0.74}},
                  naive_metrics={"roc_auc": {"value": 0.5, "low": 0.5, "high": 0.5}},
                  difference={"estimate": 0.0212, "low": 0.01, "high": 0.03})  # fmt: skip
    tree = box.tree(FACTS, {"recipe.py": "pass\n"}, SLICES)
    box.register(tree=tree, gate=judged, metrics=value, feature_service=["weather_at_origin@1:wind"])
    box.waive("late@2", "worst_slice.roc_auc >= 0.75", actor="bea", reason="new terminal")
    box.promote("late@2", reason="better on rows neither has seen")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", lambda m: m[0] if m[0] < "2014" else "TIME", card(box))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_a_version_of_which_little_is_recorded(box: Box) -> None:
    box.register(verdict=None, metrics={}, manifest={}, tree=box.tree({}))
    text = card(box, "late@1") if box.waive("late@1", "gate") and box.promote("late@1") else ""
    assert "Not judged." in text and text.count("not recorded") > 8 and "No metrics are recorded." in text
    assert "None" not in text.replace("None are recorded.", "") and "nan" not in text


def test_hostile_text_stays_text(box: Box) -> None:
    evil = "x | y\n# head <script>alert(1)</script> [a](javascript:b) `c` ![i](http://e.example) www.e.example \x1b[31m\u202eabc &lt;"
    facts = {**FACTS, "target": evil, "params": {evil: evil}, "views": [{**FACTS["views"][0], "name": evil}]}  # type: ignore[dict-item, index]
    judged = gate("FAIL", [{"check": evil, "verdict": "FAIL", "reason": evil}], champion=evil)
    box.register(
        tree=box.tree(facts, None, {"slices": [{"slice": evil}]}),
        gate=judged,
        metrics={evil: 1.0},
        feature_service=[evil],
    )
    box.waive("late@1", evil, reason=evil, actor=evil)
    box.promote("late@1", reason=evil, actor=evil)
    text = card(box, "late@1")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert len(headings) == 9 and not any("head" in line for line in headings)
    for mark in ("<", "`", "[", "|", "*"):
        loose = re.findall(rf"(?<!\\){re.escape(mark)}", text)
        assert mark in "|*" or not loose, mark
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text) is None and "http://" not in text
    widths = {line.count("|") - line.count("\\|") for line in text.splitlines() if line.startswith("|")}
    assert widths <= {3, 4, 5, 6}


def test_a_version_whose_tree_is_gone_is_still_shown(box: Box) -> None:
    box.register(tree="f" * 64)
    with box.read() as read:
        shown = service.show(read, ModelShow(model="late@1")).selected
    assert shown is not None and shown.version == 1 and "is not in the home" in shown.manifest["problem"]


def test_numbers() -> None:
    assert [number(v) for v in (0.5, 0.0, -12.0, 1e-7, 3e9, 12, None)] == [
        "0.5000",
        "0.0000",
        "-12.0000",
        "1e-07",
        "3e+09",
        "12",
        "—",
    ]
    assert estimate({"estimate": 0.1, "low": None, "high": 0.2}) == "0.1000"
    assert estimate(0.25) == "0.2500" and estimate(None) == "—"
    assert when(10**18) == f"{10**18} ms" and len(literal("x" * 999)) == LONGEST + 1
