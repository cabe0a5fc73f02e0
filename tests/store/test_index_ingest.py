"""Run folders into the index: every line once, whatever happens between."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_box import end, journal, new_home, new_run, outcome, start

from mlops_store.atomic import write_json
from mlops_store.index.database import Database
from mlops_store.index.points import LastValue, merge
from mlops_store.index.query import lock_down
from mlops_store.index.rebuild import build, compare
from mlops_store.index.writer import Writer
from mlops_store.records import LaunchContext, Outcome, SourcePin, TrainingOutcome
from mlops_store.run_folder import RunFolder


def rows(writer: Writer, sql: str, *params: Any) -> list[dict[str, Any]]:
    with writer.reader() as read:
        return read.rows(sql, params)


def test_a_run_with_all_it_says(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    folder = new_run(home, params={"lr": 0.1, "name": "rf", "flag": True}, tags={"a": "1"})
    start(folder)
    journal(folder, "1-h-2-x", ["h", {"run_id": folder.run_id}], ["m", "loss", 0, 10, 2.5], ["m", "loss", 1, 11, "nan"], ["m", "loss", 1, 11, 0.5],
            ["m", "loss", 2, 12, "-inf"], ["p", "lr", 0.1], ["p", "lr", 0.2], ["t", "a", "2"], ["a", "model.skops", 5, "ff"],
            ["s", "train", "started", 5, {}], ["s", "train", "finished", 9, {"rows": 3}], ["d", 4, "disk full"], ["zz", 1])  # fmt: skip
    end(folder)
    assert writer.ingest([folder.path]) == [folder.run_id]
    assert writer.ingest([folder.path]) == []
    run = rows(writer, "SELECT * FROM runs")[0]
    assert (run["state"], run["started"], run["ended"], run["exit_code"], run["attempts"]) == (
        "FINISHED",
        1000,
        2000,
        0,
        1,
    )
    last = rows(writer, "SELECT * FROM last_values")[0]
    assert (last["count"], last["nans"], last["infs"]) == (4, 1, 1)
    assert (last["last"], last["last_step"]) == (-math.inf, 2)
    assert (last["min"], last["min_step"], last["max"], last["max_step"]) == (0.5, 1, 2.5, 0)
    stored = [row["value"] for row in rows(writer, "SELECT value FROM metric_points ORDER BY line")]
    assert math.isnan(stored[1]) and [stored[0], *stored[2:]] == [2.5, 0.5, -math.inf]
    params = {row["key"]: (row["text"], row["number"]) for row in rows(writer, "SELECT * FROM params")}
    assert params == {"lr": ("0.1", 0.1), "name": ("rf", None), "flag": ("true", None)}
    errors = rows(writer, "SELECT code, message, line FROM errors")
    assert [(e["code"], e["line"]) for e in errors] == [("param_changed", 7)] and "0.2" in errors[0][
        "message"
    ]
    assert rows(writer, "SELECT value FROM tags") == [{"value": "2"}]
    assert rows(writer, "SELECT stage, state, started, ended FROM stages") == [
        {"stage": "train", "state": "finished", "started": 5, "ended": 9}]  # fmt: skip
    offset = rows(writer, "SELECT * FROM offsets")[0]
    assert (offset["lines"], offset["bad_lines"], offset["unknown_lines"], offset["dropped"]) == (13, 0, 1, 4)
    writer.close()


def test_a_training_has_the_data_versions_that_it_used_also_where_none_were_asked_for(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    folder = new_run(home)
    start(folder)
    known = {
        name: SourcePin(version=version, snapshot="s", manifest="m")
        for name, version in (("flights", 3), ("other", 9))
    }
    launch = LaunchContext(
        run_id=folder.run_id, attempt=1, home=str(home.path), project="p", project_dir="", code_dir="", launched=1, sources=known
    )  # fmt: skip
    write_json(folder.attempt_dir(1) / "context.json", launch)
    writer.ingest([folder.path])
    assert rows(writer, "SELECT pins FROM runs") == [{"pins": '{"flights":3,"other":9}'}]
    found = TrainingOutcome(
        model="m", metric="auc", direction="max", metrics={}, gate=None, tree="t", digest="d", manifest={}, feature_service=[], views=[],
        python="", pins={"flights": 3},
    )  # fmt: skip
    outcome(folder, Outcome(kind="train", training=found))
    end(folder)
    writer.ingest([folder.path])
    assert rows(writer, "SELECT pins FROM runs") == [{"pins": '{"flights":3}'}]
    writer.close()


def test_it_works_where_the_database_may_touch_no_files(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    lock_down(writer.database.cursor())
    folder = new_run(home)
    journal(folder, "1-h-2-x", *(["m", "loss", i, i, float(i)] for i in range(3000)))
    writer.ingest([folder.path])
    assert rows(writer, "SELECT count(*) AS n FROM metric_points") == [{"n": 3000}]
    writer.close()


def test_torn_garbage_and_nul_lines_cost_one_counted_line_each(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    folder = new_run(home)
    path = journal(
        folder,
        "1-h-2-x",
        ["m", "a", 0, 0, 1.0],
        b'["m","a",1,',
    )
    writer.ingest([folder.path])
    assert rows(writer, "SELECT lines, bad_lines FROM offsets") == [{"lines": 1, "bad_lines": 0}], (
        "a half line waits"
    )
    journal(folder, "1-h-2-x", b"\n", b"\n", b"\0" * 512 + b"\n", b"\xff\xfe\n", b'{"m":1}\n', b'["m","a",1.5,0,1]\n', b'["m","a",99999999999999999999,0,1]\n',
            b"[[[[\n", ["m", "a", 2, 2, 3.0], b'["m","a",3')  # fmt: skip
    writer.ingest([folder.path])
    journal(folder, "1-h-2-x", b",3,4.0]\n")
    writer.ingest([folder.path])
    offset = rows(writer, "SELECT * FROM offsets")[0]
    assert offset["bad_lines"] == 7 and offset["bytes"] == path.stat().st_size
    assert [
        (r["line"], r["value"]) for r in rows(writer, "SELECT line, value FROM metric_points ORDER BY line")
    ] == [(1, 1.0), (10, 3.0), (11, 4.0)]
    writer.close()


def test_a_replaced_journal_is_a_finding_and_nothing_of_it_is_taken_twice(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    folder, copied, fresh = new_run(home), new_run(home), new_run(home)
    for each in (folder, copied):
        journal(each, "1-h-2-x", *(["m", "a", i, i, float(i)] for i in range(10)))
    journal(fresh, "1-h-2-x", ["h", {"pid": 1}])
    dirs = [folder.path, copied.path, fresh.path]
    writer.ingest(dirs)
    bad = folder.path / "journal" / "1-h-2-x.jsonl"
    bad.write_bytes(b'["m","b",0,0,1]\n')
    same = copied.path / "journal" / "1-h-2-x.jsonl"
    data = same.read_bytes()
    same.unlink()
    same.write_bytes(data + b'["m","a",10,10,10]\n')
    other = fresh.path / "journal" / "1-h-2-x.jsonl"
    other.write_bytes(b'["h",{"pid":2}]\n["m","a",0,0,7]\n')
    writer.ingest(dirs)
    writer.ingest(dirs)
    count = {
        r["run_id"]: r["n"]
        for r in rows(writer, "SELECT run_id, count(*) AS n FROM metric_points GROUP BY run_id")
    }
    assert count == {folder.run_id: 10, copied.run_id: 11, fresh.run_id: 1}
    assert rows(writer, "SELECT run_id, code FROM errors") == [
        {"run_id": folder.run_id, "code": "journal_replaced"}
    ]
    writer.close()


def test_states_follow_the_evidence(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    folder = new_run(home)

    def state() -> str:
        writer.ingest([folder.path])
        found = rows(writer, "SELECT state FROM runs")[0]["state"]
        assert found == folder.state()[0]
        return str(found)

    assert state() == "QUEUED"
    folder.attempt_dir(1).mkdir(parents=True)
    assert state() == "QUEUED"
    (folder.attempt_dir(1) / "claim").touch()
    assert state() == "STARTING"
    start(folder)
    assert state() == "RUNNING"
    folder.request_stop(1, "me")
    assert state() == "STOPPING"
    end(folder, exit_code=None, signal=9, stopped=True)
    assert state() == "KILLED"
    start(folder, 2)
    assert state() == "RUNNING"
    end(folder, 2, exit_code=None, lost=True)
    assert state() == "LOST"
    (folder.attempt_dir(2) / "error.json").write_text('{"code": "boom", "message": "it broke"}')
    (folder.attempt_dir(2) / "outcome.json").write_text("{torn")
    writer.ingest([folder.path])
    assert {r["code"] for r in rows(writer, "SELECT code FROM errors")} == {"boom", "record_damaged"}
    writer.close()


_CHILD = """
    import os, sys
    from pathlib import Path
    from mlops_store.home import Home
    from mlops_store.index.writer import Writer
    writer = Writer.open(Home(Path(sys.argv[1])))
    folder, wanted, when = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    real = writer._con
    class Killing:
        def __getattr__(self, name):
            return getattr(real, name)
        def execute(self, sql, *rest):
            if sql == "COMMIT" and when == "before":
                os._exit(9)
            result = real.execute(sql, *rest)
            if sql == "COMMIT":
                os._exit(9)
            return result
    writer._con = Killing()
    writer.ingest([folder])
"""


def test_a_kill_before_or_after_the_commit_of_an_ingest_loses_and_repeats_nothing(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    Writer.open(home).close()
    folder = new_run(home)
    for number, when in enumerate(["before", "after", "before", "after", "after"]):
        journal(folder, "1-h-2-x", *(["m", "a", number * 50 + i, 0, 1.0] for i in range(50)))
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(_CHILD), str(home.path), str(folder.path), "0", when],
                              capture_output=True, text=True, check=False,
                              env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)})  # fmt: skip
        assert done.returncode == 9, done.stderr
    writer = Writer.open(home)
    writer.ingest([folder.path])
    assert rows(
        writer, "SELECT count(*) AS n, count(DISTINCT line) AS d, max(step) AS s FROM metric_points"
    ) == [{"n": 250, "d": 250, "s": 249}]
    assert rows(writer, "SELECT count FROM last_values") == [{"count": 250}]
    writer.close()


# --- the order of reading means nothing --------------------------------------------------------------------

_values = st.one_of(
    st.floats(-5, 5).map(lambda v: round(v, 1)), st.sampled_from(["nan", "inf", "-inf", 1, -0.0])
)
_line = st.one_of(
    st.tuples(st.just("m"), st.sampled_from("ab"), st.integers(-2, 3), st.integers(0, 2), _values).map(list),
    st.tuples(st.just("p"), st.sampled_from("xy"), st.sampled_from([1, 1.0, "1", None, "s"])).map(list),
    st.tuples(st.just("t"), st.sampled_from("xy"), st.text(max_size=3)).map(list),
    st.tuples(st.just("a"), st.sampled_from("xy"), st.integers(0, 9), st.just("ff")).map(list),
    st.just(b"garbage\n"),
)
_writes = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["1-h-1-a", "1-h-2-b", "2-h-3-c", "odd"]),
        st.lists(_line, max_size=4),
        st.booleans(),
    ),
    max_size=12,
)


@settings(
    max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(writes=_writes)
def test_the_index_does_not_depend_on_when_files_were_read(
    tmp_path_factory: pytest.TempPathFactory, writes: list[Any]
) -> None:
    tmp_path = tmp_path_factory.mktemp("order")
    home = new_home(tmp_path)
    writer = Writer.open(home)
    folders = [new_run(home, params={"x": 1}, tags={"x": "spec"}), new_run(home)]
    for which, name, lines, read_now in writes:
        journal(folders[which], name, *lines)
        if read_now:
            writer.ingest([folders[which].path])
    writer.ingest([folder.path for folder in folders])
    _oracle(writer, folders)
    writer.close()
    build(home, tmp_path / "fresh.duckdb")
    live, fresh = Database.open(home.index), Database.open(tmp_path / "fresh.duckdb")
    assert compare(live, fresh) == []
    live.close()
    fresh.close()


def _oracle(writer: Writer, folders: list[RunFolder]) -> None:
    """`last_values` is what the definition says, computed from all points."""
    for row in rows(writer, "SELECT * FROM last_values"):
        points = rows(
            writer, "SELECT * FROM metric_points WHERE run_id = ? AND key = ?", row["run_id"], row["key"]
        )
        newest = max(points, key=lambda p: (p["step"], p["ts"], p["attempt"], p["writer"], p["line"]))
        assert repr(newest["value"]) == repr(row["last"]) and newest["line"] == row["last_line"]
        assert row["count"] == len(points)
        finite = [p for p in points if math.isfinite(p["value"])]
        assert row["nans"] + row["infs"] == len(points) - len(finite)
        if not finite:
            assert row["min"] is row["max"] is row["min_step"] is None
            continue
        low = min(finite, key=lambda p: (p["value"], p["step"]))
        high = min(finite, key=lambda p: (-p["value"], p["step"]))
        assert (row["min"], row["min_step"], row["max"], row["max_step"]) == (
            low["value"],
            low["step"],
            high["value"],
            high["step"],
        )


_last = st.builds(LastValue, st.integers(1, 5), st.integers(0, 2), st.integers(0, 2), st.floats(allow_nan=False), st.integers(0, 3), st.integers(0, 3),
                  st.integers(1, 2), st.sampled_from("ab"), st.integers(1, 9), st.floats(-3, 3), st.integers(0, 3), st.floats(-3, 3), st.integers(0, 3))  # fmt: skip


@given(a=_last, b=_last, c=_last)
def test_merging_summaries_is_associative(a: LastValue, b: LastValue, c: LastValue) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
