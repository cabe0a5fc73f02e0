"""`init`: a working project from data that nobody has described."""

from __future__ import annotations

import random
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from bench import SAMPLES, Bench

from mlops_store.errors import Problem
from mlops_tui.cli.commands.init import run
from mlops_tui.project.load import load
from mlops_tui.verbs.top import Init

HOSTILE = "na\"me,[x] # = \\ 'é"


def init(folder: Path, target: str, **options: Any) -> dict[str, Any]:
    return run(Init(dir=str(folder), target=target, **options)).findings


def write(path: Path, header: list[str], lines: list[list[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    quoted = [
        ",".join('"' + str(cell).replace('"', '""') + '"' for cell in line) for line in [header, *lines]
    ]
    path.write_text("\n".join(quoted) + "\n")


def shop(folder: Path, files: int = 3, days: int = 40) -> None:
    """Daily sales of three shops, one file for each `days` days."""
    dice = random.Random(1)
    for number in range(files):
        lines = [
            [date(2024, 1, 1) + timedelta(days=number * days + day), shop, dice.randint(1, 99), round(dice.gauss(100, 9), 2), dice.choice(["y", "n"])]
            for day in range(days)
            for shop in ("north", "south", "west")
        ]  # fmt: skip
        write(folder / f"sales-{number + 1}.csv", ["day", "shop", "visitors", "sales", "promo"], lines)


def test_panel_in_time(tmp_path: Path) -> None:
    shop(tmp_path)
    found = init(tmp_path, "sales")
    assert (found["task"], found["event_time"], found["key"], found["path"]) == (
        "regression",
        "day",
        ["shop", "day"],
        "*.csv",
    )
    config = load(tmp_path)
    assert config.models["sales"].columns == ["shop", "visitors", "promo"]


@pytest.mark.parametrize(
    ("sample", "target", "task"),
    [("clinic", "malignant", "classification"), ("seattle_weather", "weather", "multiclass")],
)
def test_samples_from_nothing_reach_features(tmp_path: Path, sample: str, target: str, task: str) -> None:
    project = tmp_path / "p"
    shutil.copytree(SAMPLES / sample / "data", project / "data")
    found = init(project, target)
    assert found["task"] == task
    box = Bench(tmp_path / "home", project)
    box.admit(found["source"])
    stages = box.stages(box.worker(found["model"]), "collect", "validate", "prepare", "features")
    assert stages.done["features"].facts["feature_columns"]


def test_files_that_are_too_small_for_drift_are_said_to_be(tmp_path: Path) -> None:
    shop(tmp_path, days=16)
    notes = init(tmp_path, "sales")["notes"]
    assert any("48 rows here, and drift is told from 100 on" in note for note in notes)
    assert not any("without event time" in note for note in notes)


def test_no_key_no_time_splits_by_the_row(tmp_path: Path) -> None:
    dice = random.Random(2)
    write(
        tmp_path / "d.csv",
        ["a", "b", "label"],
        [[round(dice.random(), 1), dice.choice("xyz"), dice.choice(["no", "yes"])] for _ in range(300)],
    )
    found = init(tmp_path, "label")
    assert (found["key"], found["event_time"], found["split_key"]) == ([], "", ["a", "b"])
    assert any("without event time the same rows judge" in note for note in found["notes"])
    assert not any("drift is told from" in note for note in found["notes"])
    box = Bench(tmp_path / "home", tmp_path)
    box.admit("rows")
    stages = box.stages(box.worker("label"), "collect", "validate", "prepare", "features")
    assert stages.done["collect"].facts["evaluation"]["rows"] > 0
    assert stages.done["features"].facts["feature_columns"] == ["a", "b"]


def test_hostile_names_stay_data(tmp_path: Path) -> None:
    dice = random.Random(3)
    folder = tmp_path / "odd [folder]"
    write(
        folder / "1 *.csv",
        ["id", HOSTILE, "line\nbreak", "y"],
        [[i, dice.choice("ab"), dice.random(), dice.randint(0, 1)] for i in range(200)],
    )
    found = init(tmp_path, "y")
    config = load(tmp_path)
    assert list(tmp_path.glob(config.sources[found["source"]].path)) == [folder / "1 *.csv"]
    assert HOSTILE in config.sources[found["source"]].expect


def test_what_gives_the_target_away_is_left_out(tmp_path: Path) -> None:
    dice = random.Random(4)
    lines = [[i, dice.random(), y, y * 3] for i in range(300) for y in [dice.randint(0, 1)]]
    write(tmp_path / "d.csv", ["id", "x", "y", "refund"], lines)
    assert init(tmp_path, "y")["late_columns"] == ["refund"]


def test_never_overwrites(tmp_path: Path) -> None:
    shop(tmp_path)
    (tmp_path / "mlops.toml").write_text("mine")
    with pytest.raises(Problem) as caught:
        init(tmp_path, "sales")
    assert (caught.value.code, caught.value.status) == ("project_exists", 2)
    init(tmp_path, "sales", dry_run=True)
    assert (tmp_path / "mlops.toml").read_text() == "mine"
    init(tmp_path, "sales", force=True)
    assert load(tmp_path).models


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [("sale", {}, "did you mean 'sales'"), ("sales", {"key": ["shop"]}, "do not tell the rows apart"), ("sales", {"task": "classification"}, "means two"),
     ("sales", {"event_time": "visitors"}, "not a date or time"), ("sales", {"data": "*.parquet"}, "no CSV or Parquet file"), ("day", {}, "holds times")],
)  # fmt: skip
def test_errors_say_what_to_do(tmp_path: Path, target: str, options: dict[str, Any], words: str) -> None:
    shop(tmp_path)
    with pytest.raises(Problem) as caught:
        init(tmp_path, target, **options)
    assert words in str(caught.value)
    assert caught.value.status == 2


def test_empty_folder_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no CSV or Parquet"):
        init(tmp_path, "y")
    (tmp_path / "a.csv").write_bytes(b"")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(Problem, match="no file could be read"):
        init(tmp_path, "y")


def test_registers_where_asked(tmp_path: Path) -> None:
    shop(tmp_path)
    told: list[str] = []
    run(Init(dir=str(tmp_path), target="sales"), told.append)
    assert told == [str(tmp_path)]


def test_more_columns_than_it_can_look_at_are_refused(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(2_001)]
    (tmp_path / "wide.csv").write_text(",".join([*names, "y"]) + "\n" + ",".join("1" * 2_002) + "\n")
    with pytest.raises(Problem, match="2,002 columns") as refused:
        init(tmp_path, "y")
    assert refused.value.code == "too_many_columns"
