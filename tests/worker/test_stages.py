"""Collect, validate, prepare and features on small real data, and the refusals on made-up data."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from bench import SAMPLES, Bench

from mlops_store.atomic import read_json
from mlops_store.errors import Problem
from mlops_tui.worker.stage import Stages

FOUR = ("collect", "validate", "prepare", "features")
START = datetime(2024, 1, 1, tzinfo=UTC)

TOML = """
[project]
name = "made"
[source.rows]
path = "*.csv"
key = ["id"]
event_time = "t"
{source}
[model.m]
{recipe}
spine = "rows"
target = "y"
task = "classification"
{model}
"""


def sample(tmp_path: Path, name: str) -> Bench:
    shutil.copytree(SAMPLES / name, tmp_path / "project")
    bench = Bench(tmp_path / "home", tmp_path / "project")
    return bench


def made(tmp_path: Path, source: str = "", model: str = "", recipe: str = "") -> Bench:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    named = 'recipe = "recipe.py"' if recipe else ""
    (project / "mlops.toml").write_text(TOML.format(source=source, model=model, recipe=named))
    if recipe:
        (project / "recipe.py").write_text("import polars as pl\nfrom mlops_tui.recipes import *\n" + recipe)
    return Bench(tmp_path / "home", project)


def rows(first: int, count: int, hours: int = 1, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed + first)
    return pl.DataFrame(
        {
            "id": range(first, first + count),
            "t": [START + timedelta(hours=hours * (first + i)) for i in range(count)],
            "g": random.choice(["a", "b"], count),
            "x": random.normal(size=count),
            "y": random.integers(0, 2, count),
        }
    )


def output(stages: Stages, stage: str, name: str) -> pl.DataFrame:
    return pl.read_parquet(Path(stages.done[stage].folder) / name)


def test_seattle_trains_before_what_it_judges(tmp_path: Path) -> None:
    bench = sample(tmp_path, "seattle_weather")
    bench.admit("daily")
    stages = bench.stages(bench.worker("tomorrow-high"), *FOUR)
    train, judged = output(stages, "features", "train.parquet"), output(stages, "features", "eval.parquet")
    assert train["__event_time"].max() < judged["__event_time"].min()  # type: ignore[operator]
    assert judged["__batch"].n_unique() == 1
    assert train.columns == judged.columns
    assert stages.done["features"].facts["knowledge"] == {
        "last_3d": "delay",
        "last_7d": "delay",
        "last_30d": "delay",
    }
    chosen = stages.done["collect"].facts
    assert chosen["left_out"] == {"unlabelled": 1, "label not mature": 1}


def test_window_features_equal_brute_force(tmp_path: Path) -> None:
    bench = sample(tmp_path, "seattle_weather")
    bench.admit("daily")
    stages = bench.stages(bench.worker("tomorrow-high"), *FOUR)
    train = output(stages, "features", "train.parquet").sort("date")
    day = timedelta(days=1)
    values = dict(zip(train["date"], train["temp_max"], strict=True))
    for row in train.slice(40, 200).iter_rows(named=True):
        past = [values[row["date"] - day * back] for back in (1, 2, 3)]
        assert row["last_3d__max_mean"] == pytest.approx(sum(past) / 3)


def test_clinic_keeps_each_key_on_its_side(tmp_path: Path) -> None:
    bench = sample(tmp_path, "clinic")
    files = {p.name: pl.read_csv(p) for p in sorted((tmp_path / "project/data/patients").glob("*.csv"))}
    sides: list[set[str]] = []
    for count in (2, 3):
        bench.admit("patients", dict(list(files.items())[:count]))
        stages = bench.stages(bench.worker("malignancy"), *FOUR)
        sides.append(set(output(stages, "features", "eval.parquet")["__key"]))
        assert not sides[-1] & set(output(stages, "features", "train.parquet")["__key"])
    assert sides[0] < sides[1]


def test_unchanged_stages_come_from_the_cache_with_their_artifacts(tmp_path: Path) -> None:
    bench = sample(tmp_path, "clinic")
    bench.admit("patients")
    bench.stages(bench.worker("malignancy"), *FOUR)
    worker = bench.worker("malignancy")
    stages = bench.stages(worker, *FOUR)
    assert [record.state for record in stages.done.values()] == ["cached"] * 4
    assert (worker.artifacts / "selection.json").exists()
    told = read_json(worker.attempt_dir / "stages.json", list[dict[str, Any]])
    assert told[0]["inputs"]["target"] == "malignant"


def test_damaged_cache_is_done_again(tmp_path: Path) -> None:
    bench = sample(tmp_path, "clinic")
    bench.admit("patients")
    first = bench.stages(bench.worker("malignancy"), "collect").done["collect"]
    (Path(first.folder) / "spine.parquet").write_bytes(b"x")
    assert bench.stages(bench.worker("malignancy"), "collect").done["collect"].state == "finished"


def test_one_batch_judges_by_its_last_fifth(tmp_path: Path) -> None:
    bench = made(tmp_path)
    bench.admit("rows", {"a.csv": rows(0, 500)})
    facts = bench.stages(bench.worker("m"), *FOUR).done["collect"].facts
    assert facts["rule"] == {"by": "time", "kind": "last_share", "test_share": 0.2}
    assert (facts["training"]["rows"], facts["evaluation"]["rows"]) == (400, 100)


def test_small_newest_batches_judge_together(tmp_path: Path) -> None:
    bench = made(tmp_path)
    bench.admit("rows", {f"{n}.csv": rows(n * 12, 12) for n in range(10)})
    facts = bench.stages(bench.worker("m"), "collect").done["collect"].facts
    assert facts["evaluation"]["rows"] == 36


def test_overlapping_batches_are_parted_in_time(tmp_path: Path) -> None:
    bench = made(tmp_path)
    everything = rows(0, 600).sample(600, shuffle=True, seed=1)
    bench.admit("rows", {f"{n}.csv": everything[n * 200 : n * 200 + 200] for n in range(3)})
    stages = bench.stages(bench.worker("m"), *FOUR)
    facts = stages.done["collect"].facts
    assert facts["training"]["max_event_time"] < facts["evaluation"]["min_event_time"]


def test_corrections_win_and_are_counted(tmp_path: Path) -> None:
    bench = made(tmp_path)
    first, second = rows(0, 200), rows(200, 100)
    fixed = first[:5].with_columns(x=pl.lit(99.0))
    bench.admit("rows", {"a.csv": first, "b.csv": second, "c.csv": fixed})
    stages = bench.stages(bench.worker("m"), *FOUR)
    train = output(stages, "features", "train.parquet")
    assert train.filter(pl.col("id") < 5)["x"].to_list() == [99.0] * 5
    assert stages.done["collect"].facts["left_out"] == {"older version of a key": 5}
    assert train["id"].is_unique().all()


def test_as_of_looks_back(tmp_path: Path) -> None:
    bench = made(tmp_path, source='label_delay = "2h"')
    bench.admit("rows", {"a.csv": rows(0, 300), "b.csv": rows(300, 300)})
    as_of = int((START + timedelta(hours=250)).timestamp() * 1000)
    facts = bench.stages(bench.worker("m", request={"as_of": as_of}), "collect").done["collect"].facts
    assert facts["left_out"]["after as_of"] == 349
    assert facts["left_out"]["label not mature"] == 2
    assert facts["evaluation"]["max_event_time"] <= as_of - 7_200_000


def refused(bench: Bench, frames: dict[str, pl.DataFrame], code: str) -> tuple[Problem, Path]:
    bench.admit("rows", frames)
    worker = bench.worker("m")
    with pytest.raises(Problem) as caught:
        bench.stages(worker, *FOUR)
    assert caught.value.code == code, caught.value
    told = read_json(worker.attempt_dir / "stages.json", list[dict[str, Any]])
    assert told[-1]["state"] == "failed"
    return caught.value, worker.artifacts


def test_broken_expectation_refuses_with_the_rows(tmp_path: Path) -> None:
    bench = made(tmp_path, source="expect = { x = { max = 50 } }")
    bad = rows(0, 300).with_columns(x=pl.when(pl.col("id") == 7).then(77.0).otherwise("x"))
    problem, artifacts = refused(bench, {"a.csv": bad}, "bad_data")
    assert "max 50 fails in 1 of 300 rows (77.0)" in problem.message
    assert pl.read_parquet(artifacts / "validation/rows-rows.parquet")["id"].to_list() == [7]


def test_target_proxy_is_named(tmp_path: Path) -> None:
    frame = rows(0, 300).with_columns(sneaky=pl.col("y") * 10 + pl.col("x").clip(-4, 4))
    problem, artifacts = refused(made(tmp_path), {"a.csv": frame}, "target_leak")
    assert "'sneaky'" in problem.message and "'x'" not in problem.message
    assert (artifacts / "leakage/target-proxies.parquet").exists()


def test_trusted_proxy_passes(tmp_path: Path) -> None:
    bench = made(tmp_path, model='trusted_columns = ["sneaky"]')
    bench.admit("rows", {"a.csv": rows(0, 300).with_columns(sneaky=pl.col("y") * 10)})
    assert "sneaky" in bench.stages(bench.worker("m"), *FOUR).done["features"].facts["feature_columns"]


def test_late_columns_are_no_features_of_their_own(tmp_path: Path) -> None:
    bench = made(tmp_path, source='late_columns = ["x"]')
    bench.admit("rows", {"a.csv": rows(0, 300)})
    assert bench.stages(bench.worker("m"), *FOUR).done["features"].facts["feature_columns"] == ["g"]


def test_feature_made_of_a_late_column_is_refused(tmp_path: Path) -> None:
    bench = made(
        tmp_path,
        source='late_columns = ["x"]',
        recipe="def prepare(f):\n    return f.with_columns(z=pl.col('x') * 2)\n",
    )
    problem, _ = refused(bench, {"a.csv": rows(0, 300)}, "late_feature")
    assert "'z'" in problem.message


def test_prepare_that_looks_at_other_rows_is_refused(tmp_path: Path) -> None:
    bench = made(
        tmp_path, recipe="def prepare(f):\n    return f.with_columns(z=pl.col('x') - pl.col('x').mean())\n"
    )
    problem, _ = refused(bench, {"a.csv": rows(0, 900)}, "not_row_wise")
    assert "'z'" in problem.message


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("return f.filter(pl.col('x') > 0)", "bad_prepare", "one row for each row"),
        ("return f.sort('x')", "bad_prepare", "order"),
        ("return 3", "bad_prepare", "returned a int"),
        ("return f.with_columns(pl.col('nope'))", "recipe_failed", "recipe.py:4"),
        ("raise SystemExit(0)", "recipe_failed", "ended the process"),
        ("return f.with_columns(id=pl.col('id') + 1)", "bad_prepare", "key column"),
    ],
)
def test_prepare_that_misbehaves(tmp_path: Path, body: str, code: str, words: str) -> None:
    bench = made(tmp_path, recipe=f"def prepare(f):\n    {body}\n")
    problem, _ = refused(bench, {"a.csv": rows(0, 300)}, code)
    assert words in str(problem)


def test_future_labels_are_refused(tmp_path: Path) -> None:
    later = rows(0, 300).with_columns(t=pl.col("t") + pl.duration(days=36_500))
    _, artifacts = refused(made(tmp_path), {"a.csv": later}, "future_rows")
    assert (artifacts / "leakage/future-rows.parquet").exists()


def test_same_rows_on_both_sides_are_refused(tmp_path: Path) -> None:
    bench = made(tmp_path)
    text = (
        (bench.project / "mlops.toml")
        .read_text()
        .replace('key = ["id"]\nevent_time = "t"\n', "")
        .replace("[model.m]\n", '[model.m]\nsplit = {key = ["id"]}\n')
    )
    (bench.project / "mlops.toml").write_text(text)
    frame = rows(0, 300)
    same = frame.with_columns(t=pl.lit(START), g=pl.lit("a"), x=pl.lit(1.0))
    twice = pl.concat([same, same.with_columns(id=pl.col("id") + 1000)])
    bench.admit("rows", {"a.csv": twice})
    stages = bench.stages(bench.worker("m"), "collect", "validate", "prepare")
    assert stages.done["prepare"].state == "finished"  # ids differ, so these are different rows


@pytest.mark.parametrize(("frames", "code"), [({"a.csv": rows(0, 8)}, "too_few_rows"), ({"a.csv": rows(0, 99).drop("y")}, "no_target"),
                                              ({"a.csv": rows(0, 99).with_columns(y=1)}, "bad_target")])  # fmt: skip
def test_data_that_cannot_train(tmp_path: Path, frames: dict[str, pl.DataFrame], code: str) -> None:
    refused(made(tmp_path), frames, code)


def test_no_row_counts_itself(tmp_path: Path) -> None:
    recipe = 'past = window_view(source="rows", entities=["g"], window="9d", aggregates={"rate": ("y", "mean"), "n": ("y", "count")})\n'
    bench = made(tmp_path, model='features = ["past"]', recipe=recipe)
    frame = rows(0, 300).with_columns(g=pl.col("id").cast(pl.String))  # each row is alone with its entity
    bench.admit("rows", {"a.csv": frame})
    facts = bench.stages(bench.worker("m"), *FOUR).done["features"].facts
    assert facts["statuses"] == {"past": {"NOT_YET_KNOWN": 300}}
    assert facts["knowledge"] == {"past": "assumed"}


def test_label_delay_holds_for_views_over_the_target(tmp_path: Path) -> None:
    recipe = 'past = window_view(source="rows", entities=[], window="9d", aggregates={"n": ("y", "count")})\n'
    bench = made(tmp_path, source='label_delay = "3h"', model='features = ["past"]', recipe=recipe)
    bench.admit("rows", {"a.csv": rows(0, 100)})
    train = output(bench.stages(bench.worker("m"), *FOUR), "features", "train.parquet").sort("t")
    assert train["past__n"].head(6).to_list() == [None, None, None, 1, 2, 3]


OWN = {
    "function": '@feature_view(source="rows", entities=["g"])\ndef past(f):\n    return f.select("g", "t", was="y")\n',
    "sql": 'past = sql_view("past", "rows", ["g"], "SELECT g, t, y AS was FROM source")\n',
}


@pytest.mark.parametrize("view", OWN)
@pytest.mark.parametrize(("delay", "back"), [("", 1), ('label_delay = "3h"', 3)])
def test_a_view_over_the_spine_sees_only_what_was_known(
    tmp_path: Path, view: str, delay: str, back: int
) -> None:
    bench = made(tmp_path, source=delay, model='features = ["past"]', recipe=OWN[view])
    frame = rows(0, 300).with_columns(g=pl.lit("a"))
    bench.admit("rows", {"a.csv": frame})
    stages = bench.stages(bench.worker("m"), *FOUR)
    train = output(stages, "features", "train.parquet").sort("t")
    assert train["past__was"].to_list() == [None] * back + train["y"].head(train.height - back).to_list()
    (record,) = stages.done["features"].facts["views"]
    assert record["knowledge"] == ("delay" if delay else "assumed")


@pytest.mark.parametrize("view", OWN)
def test_rows_of_one_instant_do_not_find_each_other(tmp_path: Path, view: str) -> None:
    bench = made(tmp_path, model='features = ["past"]', recipe=OWN[view])
    half = rows(0, 300)  # each row twice: same time and entity, another id
    bench.admit("rows", {"a.csv": pl.concat([half, half.with_columns(pl.col("id") + 300)]).with_columns(g=pl.col("t").cast(pl.String))})  # fmt: skip
    facts = bench.stages(bench.worker("m"), *FOUR).done["features"].facts
    assert facts["statuses"] == {"past": {"NOT_YET_KNOWN": 600}}


def test_a_declared_knowledge_time_holds_over_the_spine_too(tmp_path: Path) -> None:
    recipe = '@feature_view(source="rows", entities=[], known_at="seen")\ndef past(f):\n    return f.select("t", "seen", was="x")\n'
    bench = made(tmp_path, source='label_delay = "9h"', model='features = ["past:was"]', recipe=recipe)
    bench.admit("rows", {"a.csv": rows(0, 300).with_columns(seen=pl.col("t") - timedelta(hours=5))})
    train = output(bench.stages(bench.worker("m"), *FOUR), "features", "train.parquet").sort("t")
    assert train["past__was"].to_list() == [None, *train["x"].head(train.height - 1)]


def test_a_view_over_the_spine_needs_its_event_time(tmp_path: Path) -> None:
    bench = made(tmp_path, model='features = ["past"]', recipe=OWN["sql"])
    toml = bench.project / "mlops.toml"
    toml.write_text(toml.read_text().replace('event_time = "t"', ""))
    problem, _ = refused(bench, {"a.csv": rows(0, 300)}, "bad_view")
    assert "event_time" in problem.message


@pytest.mark.parametrize("feature", ["y", "-3 * y + 0.5 * random() AS y"])
def test_a_view_that_tells_the_target_is_refused(tmp_path: Path, feature: str) -> None:
    labels = '[source.labels]\npath = "labels/*.csv"\nevent_time = "t"\n'
    recipe = f'told = sql_view("told", "labels", ["id"], "SELECT id, t, {feature} FROM source")\n'
    bench = made(tmp_path, source=labels, model='features = ["told"]', recipe=recipe)
    bench.admit("labels", {"l.csv": rows(0, 300).select("id", "t", "y")})
    problem, artifacts = refused(bench, {"a.csv": rows(0, 300)}, "target_leak")
    assert "'told__y'" in problem.message and (artifacts / "leakage/target-proxies.parquet").exists()


def test_a_row_from_the_future_matures_nothing(tmp_path: Path) -> None:
    bench = made(tmp_path, source='label_delay = "2h"')
    ahead = rows(500, 1).with_columns(
        t=pl.lit(datetime.now(UTC) + timedelta(days=900)).cast(rows(0, 1)["t"].dtype)
    )
    told = ahead.with_columns(y=pl.lit(None, dtype=ahead["y"].dtype))
    bench.admit("rows", {"a.csv": rows(0, 400), "b.csv": told})
    worker = bench.worker("m")
    assert bench.stages(worker, "collect").done["collect"].facts["watermark"] <= worker.launch.launched


def test_a_label_from_the_future_is_refused_with_its_row(tmp_path: Path) -> None:
    ahead = rows(500, 1).with_columns(
        t=pl.lit(datetime.now(UTC) + timedelta(days=900)).cast(rows(0, 1)["t"].dtype)
    )
    frames = {"a.csv": rows(0, 400), "b.csv": ahead}
    problem, artifacts = refused(made(tmp_path, source='label_delay = "2h"'), frames, "future_rows")
    assert "1 labelled row" in problem.message
    assert pl.read_parquet(artifacts / "leakage/future-rows.parquet")["id"].to_list() == [500]
