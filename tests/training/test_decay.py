"""Decay is measured from the first rows that neither trained nor judged the champion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from test_leakage import TOML, month
from train_box import Box, Run, make

from mlops_store.atomic import write_json
from mlops_store.objects import Objects
from mlops_store.records import DriftOutcome, VersionPin
from mlops_tui.worker.production.drift_rows import MAX_CHUNKS, Seen, chunks_of
from mlops_tui.worker.training.version_files import read_profile, read_version


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Box, Run]:
    """Trained on month 0, judged by month 1; the law turns in month 3."""
    toml = TOML.replace('checks = ["rmse < champion"]', 'checks = ["rmse < champion"]\ncluster = "id"')
    box = make(tmp_path_factory.mktemp("lab"), "series", toml)
    box.admit("days", month(0), month(1), event_time="at")
    run = box.run("train", "m")
    assert run.code == 0, run.error
    again = month(1).with_columns(extra=pl.lit(1))  # the rows that judged, delivered in another file
    turned = month(3).with_columns(y=-pl.col("y"))
    box.admit("days", again, month(2), turned, event_time="at")
    return box, run


def look(box: Box, champion: VersionPin, trained: int = 1) -> DriftOutcome:
    request = {"source": "days", "champion_version": 1, "trained_version": trained, "since_version": 0}
    run = box.run("drift", "m", champion=champion, request=request)
    assert run.code == 0 and run.outcome.drift is not None, run.error
    return run.outcome.drift


def test_the_version_says_what_judged_it(lab: tuple[Box, Run], tmp_path: Path) -> None:
    box, run = lab
    version = read_version(Objects(box.home).checkout(run.trained.tree, tmp_path / "tree"))
    assert version.evaluation is not None and version.evaluation.rows == 120
    assert version.evaluation.batches == run.trained.evaluation_batches
    assert version.evaluation.max_event_time == box.files["days"][1].max_event_time


def test_the_profile_of_predictions_goes_by_days_whatever_the_gate_resamples(
    lab: tuple[Box, Run], tmp_path: Path
) -> None:
    box, run = lab
    profile = read_profile(Objects(box.home).checkout(run.trained.tree, tmp_path / "tree"))
    assert profile.prediction is not None
    (column,) = profile.prediction.columns
    assert column.batch_unit == "day" and np.shape(column.batch_counts)[0] == 30


@pytest.mark.parametrize("trained", [0, 1])
def test_what_trained_or_judged_is_no_reference(lab: tuple[Box, Run], trained: int) -> None:
    box, run = lab
    found = look(box, run.pin(1), trained)
    changes = [chunk["change"] for chunk in found.chunks]
    assert changes[:-1] == [None] * (len(changes) - 1) and changes[-1]["high"] < 0
    assert changes[-1]["rows"] == 240  # months 2 and 3
    kept = {name: alert for name, _psi, _band, alert, _nulls in found.chunks[-1]["statistics"]}
    assert {name for name, alert in kept.items() if alert} == set(found.chunks[-1]["columns"])
    assert kept.keys() == {column["name"] for column in found.columns}
    assert found.decay is not None and found.decay["against"] == "the first mature chunk after promotion"
    assert found.decay_reason == ""


def test_an_old_version_says_what_it_does_not_know(lab: tuple[Box, Run], tmp_path: Path) -> None:
    box, run = lab
    objects, tree = Objects(box.home), tmp_path / "tree"
    objects.checkout(run.trained.tree, tree)
    version = read_version(tree)
    version.evaluation = None
    (tree / "version.json").unlink()
    write_json(tree / "version.json", version)
    pin = run.pin(1)
    pin.tree = pin.digest = objects.put_tree(tree)
    found = look(box, pin)
    assert found.decay is not None and "not recorded" in found.decay["against"]


def test_without_a_later_chunk_decay_is_not_known_and_why(tmp_path: Path) -> None:
    box = make(tmp_path, "series", TOML)
    box.admit("days", month(0), month(1), event_time="at")
    run = box.run("train", "m")
    box.admit("days", month(1).with_columns(extra=pl.lit(1)), event_time="at")
    found = look(box, run.pin(1))
    assert found.decay is None and found.decay_reason == "no chunk since the promotion has 100 mature labels"
    box.admit("days", month(2), event_time="at")
    found = look(box, run.pin(1))
    assert found.decay is None and found.decay_reason.startswith("only the first mature chunk")


def test_the_reference_stays_among_many_chunks(lab: tuple[Box, Run]) -> None:
    file = lab[0].files["days"][0]
    files: list[Any] = []
    for day in range(40):
        made = {"sha256": f"{day:02}", "min_event_time": day, "max_event_time": day, "path": f"{day:02}"}
        files.append(type(file)(**{**{n: getattr(file, n) for n in file.__struct_fields__}, **made}))
    seen = Seen(batches=frozenset({"00"}), until=2)
    kept = [chunk.files[0].path for chunk in chunks_of(files, set(), seen)]
    assert len(kept) == MAX_CHUNKS and kept[0] == "03" and kept[1:] == [f"{d:02}" for d in range(17, 40)]


def test_a_file_that_is_delivered_again_is_no_news_and_says_nothing_of_the_champion(tmp_path: Path) -> None:
    """One corrected row in a training file is one new row, and not a good score on rows that were learned."""
    box = make(tmp_path, "series", TOML)
    box.admit("days", month(0), month(1), event_time="at")
    champion = box.run("train", "m").pin(1)
    box.admit(
        "days",
        month(0).with_columns(y=pl.when(pl.col("id") == pl.col("id").min()).then(9.0).otherwise("y")),
        event_time="at",
    )
    request = {"source": "days", "champion_version": 1, "trained_version": 1, "since_version": 1}
    run = box.run("drift", "m", champion=champion, request=request)
    found = run.outcome.drift
    assert found is not None, run.error
    assert found.new_rows == 120 and found.mature_labelled_rows == 1
    assert found.performance is not None and found.performance["rows"] == 0


def test_rows_that_judged_a_champion_without_time_are_told_by_keys(tmp_path: Path) -> None:
    """Delivered again in another file, they are no first chunk after the promotion."""
    from test_chain import frame, lab

    box = lab(tmp_path, "classification", "", "C = 0.1")
    champion = box.run("train", "m")
    assert champion.code == 0, champion.error
    rows = frame("classification")
    box.admit("samples", rows.with_columns(pl.col("f0") + 1e-6))
    box.admit("samples", rows.with_columns(pl.col("id") + "-new"))
    request = {"source": "samples", "champion_version": 1, "trained_version": 1, "since_version": 1}
    run = box.run("drift", "m", champion=champion.pin(1), request=request)
    found = run.outcome.drift
    assert found is not None, run.error
    assert len(found.chunks) == 2 and found.decay is None
    assert found.decay_reason.startswith("only the first mature chunk")
