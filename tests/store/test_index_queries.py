"""What the query modules answer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_box import command, do, end, journal, new_home, new_run, project, start

from mlops_store.errors import Problem
from mlops_store.filters import parse
from mlops_store.index import curves, data, features, ledger_log, models, proposals, runs
from mlops_store.index.listings import DATA, LEDGER, MOVES, PROPOSALS, QUARANTINE, page
from mlops_store.index.query import Answer, user_query
from mlops_store.index.tx import Tx
from mlops_store.index.writer import Writer
from mlops_store.records import PastLook


@pytest.fixture
def writer(tmp_path: Path) -> Any:
    writer = Writer.open(new_home(tmp_path))
    yield writer
    writer.close()


def register(version: int, **more: Any) -> tuple[str, dict[str, Any]]:
    return ("model.register", {"project": "flights", "model": "late", "version": version, "run_id": f"{version:032x}", "metric": "roc_auc",
                               "direction": "max", "metrics": {"roc_auc": {"value": 0.7}}, "gate": {"verdict": "PASS"},
                               "feature_service": ["weather@1:wind"], **more})  # fmt: skip


def move(to: int | None, old: int | None = None) -> tuple[str, dict[str, Any]]:
    return (
        "alias.move",
        {
            "project": "flights",
            "model": "late",
            "alias": "champion",
            "from": old,
            "to": to,
            "verdict_id": "v",
        },
    )


def at(writer: Writer, monkeypatch: pytest.MonkeyPatch, now: int, *verbs: tuple[str, dict[str, Any]]) -> None:
    from mlops_store.index import writer as writing

    with monkeypatch.context() as patch:
        patch.setattr(writing, "now_ms", lambda: now)
        do(writer, *verbs)


def test_a_run_has_the_shape_of_the_contract(writer: Writer) -> None:
    folder = new_run(
        writer.home, name="a", params={"lr": 0.1, "deep": {"x": [1]}}, tags={"t": "v"}, created=5
    )
    start(folder)
    journal(
        folder,
        "1-a",
        ["m", "roc_auc", 0, 0, 0.9],
        ["m", "roc_auc", 1, 0, 0.8],
        ["m", "log_loss", 0, 0, 0.5],
        ["m", "log_loss", 1, 0, 0.2],
    )
    end(folder)
    do(
        writer,
        (
            "run.submit",
            {"run_id": folder.run_id, "kind": "train", "project": "flights", "model": None, "path": "x"},
        ),
    )
    writer.ingest([folder.path])
    with writer.reader() as read:
        (shape,) = runs.shapes(read, [folder.run_id, "f" * 32])
    assert shape == {
        "archived": False, "note": "", "verdict": None, "model_version": None,
        "run_id": folder.run_id, "kind": "train", "name": "a", "project": "flights", "experiment": "late", "state": "FINISHED",
        "params": {"lr": 0.1, "deep": {"x": [1]}}, "tags": {"t": "v"}, "created": 5, "started": 1000, "ended": 2000, "exit_code": 0, "signal": None,
        "attempts": 1, "model": None, "proposal_id": None, "reason": "", "settled": False,
        "metrics": {"log_loss": {"last": 0.2, "best": 0.2, "min": 0.2, "max": 0.5, "count": 2},
                    "roc_auc": {"last": 0.8, "best": 0.9, "min": 0.8, "max": 0.9, "count": 2}},
        "error": None, "metric": "", "judged": ("log_loss", {"last": 0.2, "best": 0.2, "min": 0.2, "max": 0.5, "count": 2}),
    }  # fmt: skip


def test_a_submitted_run_is_there_before_its_folder_was_read(writer: Writer) -> None:
    folder = new_run(writer.home)
    do(
        writer,
        ("run.submit", {"run_id": folder.run_id, "kind": "drift", "project": "p", "model": "m", "path": "x"}),
    )
    with writer.reader() as read:
        assert runs.shapes(read, [folder.run_id])[0]["state"] == "QUEUED"
        assert runs.find(read, folder.run_id[:10]) == folder.run_id
        with pytest.raises(Problem) as caught:
            runs.find(read, "nothing")
    assert caught.value.code == "no_such_run"


@pytest.mark.parametrize("sort", ["-created", "created", "name", "-best(auc)", "last(auc)", "-state", "-duration", "metrics.loss"])  # fmt: skip
def test_pages_are_complete_and_stable_while_runs_arrive(writer: Writer, sort: str) -> None:
    folders = [new_run(writer.home, name=f"n{i % 3}", created=i // 2) for i in range(11)]
    for i, folder in enumerate(folders[:7]):
        journal(
            folder, "1-a", ["m", "auc", 0, 0, [0.1, 0.5, "nan", "inf"][i % 4]], ["m", "loss", 0, 0, i / 3]
        )
    writer.ingest([folder.path for folder in folders])
    with writer.reader() as read:
        whole = [run_id for run_id, _ in runs.page(read, None, sort=sort)]
        seen: list[str] = []
        after: Any = None
        while found := runs.page(read, None, sort=sort, limit=3, after=after):
            seen += [run_id for run_id, _ in found]
            after = (found[-1][1], found[-1][0])
        assert seen == whole and len(set(seen)) == 11


@pytest.mark.parametrize("sort", ["secret", "params.lr", "-", "best(", "created; DROP TABLE runs"])
def test_runs_cannot_be_sorted_by_anything(writer: Writer, sort: str) -> None:
    with writer.reader() as read, pytest.raises(Problem) as caught:
        runs.page(read, None, sort=sort)
    assert (caught.value.code, caught.value.status) == ("bad_sort", 2)


def test_the_best_of_a_metric_knows_its_direction(writer: Writer) -> None:
    names = {}
    for name, low, high in (("a", 0.1, 0.9), ("b", 0.2, 0.3)):
        folder = new_run(writer.home, name=name)
        journal(
            folder,
            "1-x",
            *(["m", key, i, 0, v] for key in ("auc", "loss") for i, v in enumerate((low, high))),
        )
        writer.ingest([folder.path])
        names[folder.run_id] = name
    with writer.reader() as read:
        by = {sort: [(names[r], v) for r, v in runs.page(read, None, sort=sort)] for sort in ("metrics.loss", "metrics.auc", "max(loss)")}  # fmt: skip
    assert by == {
        "metrics.loss": [("a", 0.1), ("b", 0.2)],
        "metrics.auc": [("b", 0.3), ("a", 0.9)],
        "max(loss)": [("b", 0.3), ("a", 0.9)],
    }


_points = st.lists(
    st.tuples(st.integers(-5, 40), st.one_of(st.floats(-10, 10), st.just(math.nan), st.just(math.inf))),
    min_size=1,
    max_size=60,
)


@settings(
    max_examples=examples(7), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(points=_points, buckets=st.integers(1, 20))
def test_a_series_is_an_envelope(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, float]], buckets: int
) -> None:
    writer = Writer.open(new_home(tmp_path_factory.mktemp("series")))
    folder = new_run(writer.home)
    text = {math.inf: "inf"}
    journal(folder, "1-a", *(["m", "k", step, 0, "nan" if v != v else text.get(v, v)] for step, v in points))
    writer.ingest([folder.path])
    with writer.reader() as read:
        assert runs.metric_names(read, folder.run_id) == ["k"]
        (found,) = curves.series(read, folder.run_id, ["k", "other"], buckets)
    writer.close()
    finite = [(s, v) for s, v in points if math.isfinite(v)]
    assert found["points"] == len(points) and found["nonfinite"] == len(points) - len(finite)
    envelope = found["buckets"]
    assert len(envelope) <= buckets and [b[0] for b in envelope] == sorted(b[0] for b in envelope)
    if finite:
        assert min(b[1] for b in envelope) == min(v for _, v in finite)
        assert max(b[2] for b in envelope) == max(v for _, v in finite)
        assert envelope[0][0] == min(s for s, _ in finite)
        assert all(low <= last <= high for _, low, high, last in envelope)


def test_models_as_they_are_and_as_they_were(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    at(writer, monkeypatch, 1000, register(1), move(1))
    at(writer, monkeypatch, 2000, register(2), move(2, 1))
    at(writer, monkeypatch, 1500, move(1, 2))  # the clock went back: the ledger's time does not
    at(writer, monkeypatch, 3000, move(None, 1), ("gate.verdict", {"project": "flights", "model": "late", "version": 2, "verdict_id": "v", "verdict": "FAIL"}),
       ("gate.waive", {"project": "flights", "model": "late", "version": 2, "verdict_id": "v", "check": "slices", "name": "ann", "reason": "r", "expires": 4000}),
       ("gate.look", {"project": "flights", "model": "late", "evaluation_key": "e", "look": 1, "run_id": "r", "split_by": "time", "batches": ["a"]}))  # fmt: skip
    with writer.reader() as read:
        aliases = {
            t: models.aliases(read, "flights", "late", t) for t in (500, 1000, 1999, 2000, 2999, 3000, None)
        }
        assert aliases == {
            500: {},
            1000: {"champion": 1},
            1999: {"champion": 1},
            2000: {"champion": 1},
            2999: {"champion": 1},
            3000: {},
            None: {},
        }
        versions = models.versions_of(read, [("flights", "late")])
        assert [v["verdict"] for v in versions] == ["PASS", "FAIL"]
        assert versions[0]["metrics"] == {"roc_auc": {"value": 0.7}}
        assert [v["version"] for v in models.versions_of(read, [("flights", "late")], 1500)] == [1]
        assert models.version(read, "flights", "late", 1, 500) is None
        moves = page(read, MOVES, parse("alias:a", "model history")).rows
        assert [(m["to_version"], m["verdict"]) for m in moves] == [
            (None, None),
            (1, None),
            (2, "FAIL"),
            (1, None),
        ]
        look = PastLook(run_id="r", evaluation_key="e", split_by="time", batches=["a"])
        assert models.looks(read, "flights", "late") == [look]
        assert models.looks(read, "flights", "late", but="r") == []
        assert [len(models.waivers(read, "flights", "late", 2, t)) for t in (2999, 3000, None)] == [0, 1, 1]
        found = models.version(read, "flights", "late", 2)
        assert found is not None and found["feature_service"] == ["weather@1:wind"]
        users = [
            {"model": "late", "version": 1, "created": 1000},
            {"model": "late", "version": 2, "created": 2000},
        ]
        assert features.users(read, "flights", "weather", 1) == users
        assert features.users(read, "flights", "weather", 2) == features.newest(read, None) == []


def file(path: str, sha: str, rows: int) -> dict[str, Any]:
    return {
        "path": path,
        "sha256": sha,
        "rows": rows,
        "stored": f"data/{sha}",
        "bytes": 9,
        "admitted": 1,
        "min_event_time": 1,
        "max_event_time": 2,
    }


def admit(version: int, rows: int, files: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    return (
        "data.admit",
        {
            "project": "p",
            "source": "s",
            "version": version,
            "snapshot": f"s{version}",
            "manifest": "m",
            "rows": rows,
            "files": files,
        },
    )


@pytest.mark.parametrize("whole", [True, False])
def test_a_version_has_all_its_files_whether_the_entry_names_all_or_the_new_ones(
    writer: Writer, whole: bool
) -> None:
    a, b, b2, c = file("a", "1", 10), file("b", "2", 5), file("b", "3", 6), file("c", "4", 1)
    do(writer, admit(1, 15, [a, b]))
    do(writer, admit(2, 17, [a, b2, c] if whole else [b2, c]))
    with writer.reader() as read:
        assert [(f["path"], f["sha256"]) for f in data.files(read, "p", "s", 2)] == [
            ("a", "1"),
            ("b", "3"),
            ("c", "4"),
        ]
        versions = page(read, DATA, parse("project = p", "data")).rows
        assert [(v["version"], v["files"], v["rows"], v["held"]) for v in versions] == [
            (2, 3, 17, 0),
            (1, 2, 15, 0),
        ]
        first = page(read, DATA, None, limit=1)
        assert [v["version"] for v in page(read, DATA, None, after=first.places[0]).rows] == [1]
        assert [v["version"] for v in data.between(read, "p", "s", 1, 2)] == [2]
        assert [data.exists(read, "p", "s", n) for n in (2, 3)] == [True, False]
        assert data.sources(read, None) == ["s"] and data.sources(read, "q") == []
        assert read.rows("SELECT path, version FROM batches ORDER BY seq, path") == [
            {"path": "a", "version": 1}, {"path": "b", "version": 1}, {"path": "b", "version": 2}, {"path": "c", "version": 2}]  # fmt: skip
        assert [v["version"] for v in data.find(read, None, "s", None)] == [2, 1]


def test_quarantine_is_held_until_somebody_decides(writer: Writer) -> None:
    held = (
        "data.quarantine",
        {
            "project": "p",
            "source": "s",
            "path": "x",
            "sha256": "1",
            "bytes": 3,
            "reason": "torn",
            "details": [{"row": 1}],
        },
    )
    do(writer, held)
    do(writer, held)
    with writer.reader() as read:
        assert [q["reason"] for q in page(read, QUARANTINE, None).rows] == ["torn"]
        assert [q["path"] for q in (*data.held(read, None, "1"), *data.held(read, "p", "x"))] == ["x", "x"]
        assert data.held(read, None, "2") == []
    do(writer, ("data.drop", {"project": "p", "source": "s", "sha256": "1"}))
    with writer.reader() as read:
        assert page(read, QUARANTINE, None).rows == data.held(read, None, "1") == []


def test_a_proposal_grows_is_decided_and_ends(writer: Writer) -> None:
    def open_card(tx: Tx) -> None:
        tx.append(
            "proposal.open",
            "late",
            {
                "id": "p1",
                "project": "p",
                "model": "late",
                "reasons": ["new data"],
                "evidence": {"rows": 1},
                "expires": 9,
            },
        )
        tx.append(
            "firing.add",
            "late",
            {
                "firing_id": "f1",
                "project": "p",
                "model": "late",
                "rule": "r",
                "kind": "new_data",
                "inputs": {"n": 5},
                "proposal_id": "p1",
            },
        )

    assert writer.execute([command(open_card)])[0].ok
    do(writer, ("proposal.update", {"id": "p1", "revision": 2, "evidence": {"rows": 2}}))
    with writer.reader() as read:
        card = proposals.active(read, "p", "late")
        assert card is not None and (card["state"], card["revision"]) == ("OPEN", 2)
        assert (card["evidence"], card["reasons"]) == ('{"rows":2}', '["new data"]')
        assert proposals.active_anywhere(read, "late") == proposals.starting(read, "p", None) == [card]
    do(
        writer,
        (
            "proposal.decide",
            {"id": "p1", "revision": 2, "decision": "APPROVED", "pins": {"s": 3}, "run_id": "r"},
        ),
        actor="ann",
    )
    do(writer, ("proposal.state", {"id": "p1", "state": "DONE", "verdict": "PASS"}))
    do(
        writer,
        ("policy.set", {"project": "p", "model": "late", "auto_approve": True}),
        ("policy.set", {"project": "p", "model": "late", "auto_promote": "on_pass"}),
    )
    with writer.reader() as read:
        shown = proposals.find(read, "p1")
        assert shown is not None and shown["pins"] == '{"s":3}'
        assert [shown[name] for name in ("state", "verdict", "decided_by", "run_id")] == [
            "DONE",
            "PASS",
            "ann",
            "r",
        ]
        assert proposals.active(read, "p", "late") is None and proposals.newest(read, None, "late") == shown
        policy = proposals.policy(read, "p", "late")
        assert policy is not None and (policy["auto_approve"], policy["auto_promote"]) == (True, "on_pass")
        assert page(read, PROPOSALS, parse("model = late and state = DONE", "proposal")).rows == [shown]
        assert page(read, PROPOSALS, None, after=(shown["created"], "p1")).rows == []


def test_the_ledger_by_verb_and_time(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    at(writer, monkeypatch, 1000, project("a"))
    at(writer, monkeypatch, 2000, register(1), ("future.verb", {"anything": [1]}))
    with writer.reader() as read:
        assert ledger_log.head(read) == 3
        assert [e["seq"] for e in page(read, LEDGER, None).rows] == [3, 2, 1]
        assert [e["verb"] for e in page(read, LEDGER, None, also=ledger_log.of_verb("model")).rows] == [
            "model.register"
        ]
        assert page(read, LEDGER, None, after=(2, 2)).rows[0]["data"] == '{"dir":"/projects/a","name":"a"}'
        assert [e["seq"] for e in page(read, LEDGER, None, also=ledger_log.of_project("flights")).rows] == [2]


def test_a_huge_answer_is_cut_and_says_so(tmp_path: Path) -> None:
    def ask(sql: str, limit: int = 1000) -> Answer:
        # a connection for one question, as in the process that answers it
        with duckdb.connect() as con:
            return user_query(con, sql, limit=limit, timeout_ms=20_000)

    answer = ask("SELECT repeat('x', 10000000) FROM range(20)")
    assert answer.truncated and 1 <= len(answer.rows) <= 4
    small = ask("SELECT range FROM range(5)", limit=5)
    assert [msgspec.json.decode(row) for row in small.rows] == [
        [0],
        [1],
        [2],
        [3],
        [4],
    ] and not small.truncated
    assert ask("SELECT range FROM range(5)", limit=4).truncated
    with pytest.raises(Problem, match="one row"):
        ask("SELECT repeat('x', 40000000)")
