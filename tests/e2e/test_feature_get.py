"""`feature get`, from a folder of files to values with their statuses, by the commands alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from test_unseen_folder import Shell

START = datetime(2024, 1, 1)
TOML = """
[project]
name = "orders"
[source.orders]
path = "orders.csv"
key = ["id"]
event_time = "at"
[source.stock]
path = "stock.csv"
event_time = "counted"
knowledge_delay = "1h"
[model.late]
recipe = "recipe.py"
spine = "orders"
target = "late"
task = "classification"
columns = ["x"]
features = ["stock_level"]
[model.late.search]
trials = 1
families = ["logistic_regression"]
cv_folds = 2
"""
RECIPE = """
from mlops_tui.recipes import feature_view

@feature_view(source="stock", entities=["shop"], max_age="6h")
def stock_level(frame):
    return frame.select("shop", "counted", "level")
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "mlops.toml").write_text(TOML)
    (folder / "recipe.py").write_text(RECIPE)
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    orders = {
        "id": range(400), "at": [START + timedelta(hours=hour) for hour in range(400)], "shop": ["a", "b"] * 200,
        "x": x.round(3), "late": (x + rng.normal(size=400) > 0).astype(int),
    }  # fmt: skip
    pl.DataFrame(orders).write_csv(folder / "orders.csv", datetime_format="%Y-%m-%dT%H:%M:%S")
    stock = {"shop": ["a", "a"], "counted": [START, START + timedelta(hours=3)], "level": [10, 7]}
    pl.DataFrame(stock).write_csv(folder / "stock.csv", datetime_format="%Y-%m-%dT%H:%M:%S")
    shell = Shell(folder, tmp_path / "home")
    yield shell
    shell("daemon", "stop", code=(0, 1, 3))


def test_values_come_with_the_status_of_their_moment(shell: Shell) -> None:
    shell("run", "start", "late", "--wait", code=(0, 4))
    view = shell("feature", "list")["items"][0]
    assert (view["name"], view["entities"], view["knowledge"]) == ("stock_level", ["shop"], "delay")
    moments = {"00:30": (None, "NOT_YET_KNOWN"), "01:00": (10, "PRESENT"), "04:00": (7, "PRESENT"), "09:30": (None, "TOO_OLD")}  # fmt: skip
    for clock, (level, status) in moments.items():
        asked = ("--entity", "shop=a", "--at", f"2024-01-01T{clock}")
        found = shell("feature", "get", "stock_level", *asked)
        assert (found["kind"], found["state"], found["result"]["count"]) == ("features", "FINISHED", 1)
        (row,) = found["result"]["rows"]
        assert (row["shop"], row["stock_level__level"], row["stock_level__status"]) == ("a", level, status)
    spine = shell.folder / "spine.csv"
    spine.write_text("shop,at\nb,2024-01-01T05:00:00\na,2024-01-01T05:00:00\n")
    found = shell("feature", "get", "stock_level:level", "--spine", "spine.csv", "--output", "out.csv")
    assert found["result"]["statuses"] == {"stock_level": {"NO_ROW": 1, "PRESENT": 1}}
    written = pl.read_csv(shell.folder / "out.csv")
    assert written["stock_level__level"].to_list() == [None, 7]
    refused = shell("feature", "get", "stock_level", "--entity", "town=a", code=2)
    assert refused["error"]["code"] == "entity_missing"
