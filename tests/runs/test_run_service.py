"""The run verbs over a real writer and real processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from run_box import Box, environment, until

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import run as render
from mlops_tui.services import run as service
from mlops_tui.services.command_line import argv_of
from mlops_tui.verbs._shapes import ClientContext, Run
from mlops_tui.verbs.run import RunCompare, RunList, RunLogs, RunMetrics, RunRef, RunSeveral, RunStart, RunWhy

TRAIN = """
import json, os, sys
import mlops_tui
print("args", json.dumps(sys.argv[1:]))
print("password: hunter2 \\u00fc")
with mlops_tui.start_run() as run:
    run.log_metric("auc", 0.5, step=0)
    run.log_metric("auc", 0.9, step=1)
    run.log_metric("auc", 0.7, step=2)
    run.log_metric("my_loss", 0.5); run.log_metric("my_loss", float("nan")); run.log_metric("my_loss", 0.1); run.log_metric("my_loss", 0.3)
    run.set_tag("k", "v")
sys.exit(int(os.environ.get("FAIL", "0")))
"""


@pytest.fixture
def project(box: Box, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "mlops.toml").write_text(
        '[project]\nname = "shop"\n[model.m]\ncommand = "python train.py --lr {lr} --note {note}"\n[model.m.params]\nlr = 0.1\nnote = "x"\n'
    )
    box.writer.call(lambda tx: tx.append("project.add", "shop", {"name": "shop", "dir": str(folder)}))
    return folder


def client(**env: str) -> ClientContext:
    path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
    return ClientContext(
        cwd="/",
        python=sys.executable,
        env=environment(**{"PATH": path, **env}),
        argv=["mlops-tui", "--token", "hunter2"],
    )


def start(box: Box, model: str = "m", env: dict[str, str] | None = None, **fields: Any) -> Run:
    request = RunStart(project="shop", model=model, client=client(**(env or {})), **fields)
    return box.writer.call(lambda tx: service.start(tx, request), actor="ann")


def show(box: Box, run_id: str) -> Any:
    return box.writer.read(lambda read: service.show(read, RunRef(run_id=run_id)))


def logs(box: Box, run_id: str, **fields: Any) -> Any:
    return box.writer.read(lambda read: service.logs(read, RunLogs(run_id=run_id, **fields)))


def test_command_model_from_start_to_show(box: Box, project: Path) -> None:
    made = start(
        box, params={"lr": 0.5, "note": "two words; $(rm) 'q'"}, name="first", tags={"t": "1"}, seed=7
    )
    assert (made.state, made.name, made.project, made.experiment, made.model) == (
        "QUEUED",
        "first",
        "shop",
        "m",
        "m",
    )
    assert made.params == {"lr": 0.5, "note": "two words; $(rm) 'q'", "seed": 7}
    box.wait_settled(made.run_id)
    found = show(box, made.run_id)
    assert (found.state, found.exit_code, found.attempts, found.settled) == ("FINISHED", 0, 1, True)
    auc, loss = found.metrics["auc"], found.metrics["my_loss"]
    assert (auc.last, auc.best, auc.min, auc.max, auc.count) == (0.7, 0.9, 0.5, 0.9, 3)
    assert (loss.last, loss.best, loss.min, loss.max, loss.count) == (0.3, 0.1, 0.1, 0.5, 4)
    assert found.tags == {"t": "1", "k": "v"}
    assert [attempt.state for attempt in found.attempt_list] == ["FINISHED"] and found.attempt_list[0].pid
    assert found.environment["interpreter"]["packages"]["msgspec"] and found.environment["seed"] == 7
    assert found.environment["argv"] == ["mlops-tui", "--token", "[redacted]"]
    assert "unknown" in found.environment["git"] or found.environment["git"]["commit"]
    assert found.command[:2] == ["python", "train.py"] and found.cwd == str(project)
    text = logs(box, made.run_id).text
    assert text.splitlines()[0] == "args " + json.dumps(["--lr", "0.5", "--note", "two words; $(rm) 'q'"])
    assert "hunter2" not in text and "ü" in text


def test_start_is_refused_with_reasons(box: Box, project: Path) -> None:
    for fields, code in (
        ({"model": "nope"}, "no_model"),
        ({"pins": {"s": 1}}, "no_source"),
        ({"after": ["feedbeef"]}, "no_such_run"),
        ({"params": {"a\nb": 1}}, "bad_param"),
    ):
        with pytest.raises(Problem) as caught:
            start(box, **fields)  # type: ignore[arg-type]
        assert caught.value.code == code and caught.value.message
    with pytest.raises(Problem) as caught:
        box.writer.call(lambda tx: service.start(tx, RunStart(project="none", model="m")))
    assert caught.value.code == "project_not_added"
    (project / "mlops.toml").write_text("[project\n")
    with pytest.raises(Problem) as caught:
        start(box)
    assert caught.value.code == "bad_config" and caught.value.status == 2
    assert not list(box.home.runs.glob("2*/*"))


def test_list_pages_and_filters(box: Box, project: Path) -> None:
    ids = [start(box, params={"lr": n}).run_id for n in range(3)]
    for run_id in ids:
        box.wait_settled(run_id)

    def page(**fields: Any) -> Any:
        return box.writer.read(lambda read: service.list_(read, RunList(**fields)))

    first = page(limit=2)
    assert [run.run_id for run in first.items] == [ids[2], ids[1]] and first.next
    second = page(limit=2, page=first.next)
    assert [run.run_id for run in second.items] == [ids[0]] and second.next is None
    assert [run.name for run in first.items] == ["m-3", "m-2"]
    assert not page(state="FAILED").items and len(page(state="FINISHED").items) == 3
    assert not page(model="'; DROP TABLE runs; --").items and not page(project="other").items
    assert not page(kind="drift").items and len(page(all_kinds=True).items) == 3
    with pytest.raises(Problem):
        page(page="rubbish")


def test_list_by_the_filter_language(box: Box, project: Path) -> None:
    ids = [start(box, params={"lr": n}, tags={"owner": f"team-{n}"}).run_id for n in range(3)]
    for run_id in ids:
        box.wait_settled(run_id)

    def found(text: str, **fields: Any) -> list[int]:
        page = box.writer.read(lambda read: service.list_(read, RunList(filter=text, **fields)))
        return [ids.index(run.run_id) for run in page.items]

    assert found("params.lr >= 1") == [2, 1]
    assert found("best(auc) = 0.9 and best(my_loss) = 0.1 and last(my_loss) > 0.2") == [2, 1, 0]
    assert found("params.lr >= 1", model="other") == found("params.lr >= 1 model = other") == []
    assert found("params.lr = 0 or tags.owner = team-2", sort="created") == [0, 2]
    assert found("kind = train", project="shop") == [2, 1, 0] and found("kind = drift") == []
    assert found("team-1") == [1] and found("") == [2, 1, 0]
    for text, code in (("name =", "bad_filter"), ("lr = 1", "bad_filter"), ("name ~ '(?=o)'", "bad_filter")):
        with pytest.raises(Problem) as caught:
            found(text)
        assert (caught.value.code, caught.value.status) == (code, 2)
    with pytest.raises(Problem) as caught:
        found("", sort="weather")
    assert (caught.value.code, caught.value.status) == ("bad_sort", 2)


def test_list_sorted_goes_on_where_the_page_before_ended(box: Box, project: Path) -> None:
    ids = [start(box, name=name).run_id for name in ("b", "a", "b")]
    for run_id in ids:
        box.wait_settled(run_id)

    def page(**fields: Any) -> Any:
        return box.writer.read(lambda read: service.list_(read, RunList(limit=1, **fields)))

    for sort, wanted in (("name", [1, 0, 2]), ("-metrics.auc", [2, 1, 0]), ("metrics.nothing", [0, 1, 2])):
        seen, token = [], None
        while True:
            one = page(sort=sort, page=token)
            seen += [ids.index(run.run_id) for run in one.items]
            if (token := one.next) is None:
                break
        assert seen == wanted, sort
    with pytest.raises(Problem) as caught:
        page(sort="name", page=page().next)
    assert caught.value.code == "bad_page"


def test_metrics_are_curves(box: Box, project: Path) -> None:
    run_id = start(box).run_id
    box.wait_settled(run_id)

    def curves(**fields: Any) -> Any:
        request = RunMetrics(run_id=run_id[:12], **fields)
        return box.writer.read(lambda read: service.metrics(read, request))

    found = curves(keys=["auc"])
    assert (found.run_id, found.axis, len(found.metrics)) == (run_id, "step", 1)
    assert found.metrics[0].buckets == [(0, 0.5, 0.5, 0.5), (1, 0.9, 0.9, 0.9), (2, 0.7, 0.7, 0.7)]
    assert curves(keys=["auc"], buckets=1).metrics[0].buckets == [(0, 0.5, 0.9, 0.7)]
    assert curves(keys=["auc"], start=1, end=1).metrics[0].buckets == [(1, 0.9, 0.9, 0.9)]
    assert curves(keys=["auc"], start=3).metrics[0].buckets == []
    with pytest.raises(Problem, match="is no x"):
        curves(keys=["auc"], end=1 << 63)
    every = {curve.key: curve for curve in curves(axis="time").metrics}
    assert {"auc", "my_loss"} <= set(every)
    assert (every["my_loss"].points, every["my_loss"].nonfinite) == (4, 1)
    assert every["my_loss"].buckets[0][0] > 1_600_000_000_000
    with pytest.raises(Problem) as caught:
        curves(keys=["auc", "nothing"])
    assert caught.value.code == "no_such_metric" and "auc" in caught.value.hint


def test_stop_and_resume(box: Box, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, time\nopen(os.environ['MLOPS_TUI_RUN_DIR'] + '/up', 'w').close()\n"
        "time.sleep(600 if os.environ['MLOPS_TUI_ATTEMPT'] == '1' else 0)\n"
    )
    run_id = start(box).run_id
    until(lambda: (box.folder(run_id).path / "up").exists())
    ref = RunSeveral(run_id=run_id[:20], project="elsewhere")
    with pytest.raises(Problem) as caught:
        box.writer.call(lambda tx: service.resume(tx, ref))
    assert caught.value.code == "run_not_ended"
    assert box.writer.call(lambda tx: service.stop(tx, ref)).state == "STOPPING"
    box.loops.wake()
    assert box.wait_settled(run_id)["state"] == "KILLED"
    with pytest.raises(Problem) as caught:
        box.writer.call(lambda tx: service.stop(tx, ref))
    assert caught.value.code == "run_ended"
    resumed = box.writer.call(lambda tx: service.resume(tx, ref))
    assert (resumed.state, resumed.attempts, resumed.exit_code) == ("QUEUED", 2, None)
    box.loops.wake()
    until(lambda: box.row(run_id)["state"] == "FINISHED" and box.row(run_id)["settled"])
    assert [attempt.state for attempt in show(box, run_id).attempt_list] == ["KILLED", "FINISHED"]
    with pytest.raises(Problem) as caught:
        box.writer.call(lambda tx: service.resume(tx, ref))
    assert caught.value.code == "run_finished"


def test_the_code_is_that_of_the_submit(box: Box, project: Path) -> None:
    run_id = start(box).run_id
    (project / "train.py").write_text("raise SystemExit(9)")
    box.wait_settled(run_id)
    assert (box.folder(run_id).code / "train.py").read_text() == TRAIN


def test_logs_by_offset(box: Box, project: Path) -> None:
    run_id = start(box).run_id
    box.wait_settled(run_id)
    whole = "".join(f"line {n} ü\n" for n in range(1000)).encode()
    box.folder(run_id).log.write_bytes(whole)
    everything = logs(box, run_id)
    assert (
        everything.text.encode() == whole
        and everything.ended
        and everything.next == everything.size == len(whole)
    )
    assert logs(box, run_id, tail=2).text == "line 998 ü\nline 999 ü\n"
    assert logs(box, run_id, tail=0).text == "" and logs(box, run_id, tail=5000).text.encode() == whole
    assert logs(box, run_id, offset=len(whole)).text == "" and logs(box, run_id, offset=10**9).ended
    assert logs(box, run_id, offset=-12).text.endswith("999 ü\n")
    box.folder(run_id).log.write_bytes(b"\xc3")
    assert logs(box, run_id).text == "\ufffd"
    box.folder(run_id).log.unlink()
    assert logs(box, run_id).text == "" and logs(box, run_id).ended


def test_a_log_of_many_megabytes_comes_in_pieces(box: Box, project: Path) -> None:
    run_id = start(box).run_id
    box.wait_settled(run_id)
    whole = ("ü" * 99 + "\n").encode() * 20_000
    box.folder(run_id).log.write_bytes(whole)
    place, pieces = 0, []
    while True:
        chunk = logs(box, run_id, offset=place)
        pieces.append(chunk.text)
        place = chunk.next
        if chunk.ended:
            break
    assert "".join(pieces).encode() == whole and len(pieces) == 4


def test_a_capped_log_tells_of_its_gap(box: Box, project: Path) -> None:
    from mlops_tui.worker.log_cap import LogCap

    run_id = start(box).run_id
    box.wait_settled(run_id)
    path, mb = box.folder(run_id).log, 1 << 20
    path.write_bytes(b"head\n" + b"x" * (3 * mb) + b"\n" * mb + b"tail\n")
    cap = LogCap(str(path), cap=2 * mb, head=mb, tail=mb)
    before = path.stat()
    if not cap.check():
        pytest.skip("this file system cannot punch holes")
    after = path.stat()
    assert after.st_size == before.st_size and after.st_blocks < before.st_blocks and not cap.check()
    place, text = 0, ""
    while True:
        chunk = logs(box, run_id, offset=place)
        text, place = text + chunk.text, chunk.next
        if chunk.ended:
            break
    assert text.startswith("head\n") and text.endswith("tail\n")
    assert f"[{2 * mb} bytes were dropped here" in text and "\0" not in text


def test_why_says_what_changed(box: Box, project: Path) -> None:
    first, second = start(box).run_id, ""
    box.wait_settled(first)
    (project / "train.py").write_text(TRAIN.replace("0.9", "0.8"))
    second = start(box).run_id
    box.wait_settled(second)
    stage = {"state": "finished", "code": "c", "run_id": first}
    before = [
        {"name": "collect", "key": "1", "inputs": {"source s": "a"}, **stage},
        {"name": "train", "key": "2", "inputs": {"recipe code": "x", "params": {"lr": 0.1}}, **stage},
    ]
    after = [
        {"name": "collect", "key": "1", "inputs": {"source s": "a"}, **stage, "state": "cached"},
        {"name": "train", "key": "3", "inputs": {"recipe code": "y", "params": {"lr": 0.2}}, **stage},
        {"name": "gate", "key": "4", "inputs": {}, **stage},
    ]
    write_json(box.folder(first).attempt_dir(1) / "stages.json", before)
    write_json(box.folder(second).attempt_dir(1) / "stages.json", after)

    def why(run_id: str, stage: str | None = None) -> Any:
        return box.writer.read(lambda read: service.why(read, RunWhy(run_id=run_id, stage=stage)))

    found = why(second)
    assert found.previous == first
    collect, train, gate = found.stages
    assert first in collect.reason and not collect.changes
    assert [(change.input, change.before, change.after) for change in train.changes] == [
        ("params.lr", "0.1", "0.2"),
        ("train.py line 8", 'run.log_metric("auc", 0.9, step=1)', 'run.log_metric("auc", 0.8, step=1)'),
    ]
    assert "did not get that far" in gate.reason
    assert why(first).previous is None and "no earlier run" in why(first, "train").stages[0].reason
    with pytest.raises(Problem) as caught:
        why(second, "nope")
    assert caught.value.code == "no_such_stage" and "collect, train, gate" in caught.value.hint


def test_compare(box: Box, project: Path) -> None:
    first = start(box, params={"lr": 1}).run_id
    box.wait_settled(first)
    (project / "train.py").write_text(TRAIN.replace("0.9", "0.95"))
    second = start(box, params={"lr": 2}, env={"EXTRA": "yes"}).run_id
    box.wait_settled(second)

    def compare(*runs: str) -> Any:
        return box.writer.read(lambda read: service.compare(read, RunCompare(runs=list(runs))))

    rows = {(row.section, row.key): row for row in compare(first, second).rows}
    assert rows["params", "lr"].values == [1, 2] and rows["params", "lr"].differs
    assert rows["params", "note"].values == ["x", "x"] and not rows["params", "note"].differs
    assert rows["metrics", "auc"].values == [0.9, 0.95]
    assert ("code", "train.py") in rows and ("code", "mlops.toml") not in rows
    assert rows["environment", "env EXTRA"].values == [None, "yes"]
    with pytest.raises(Problem):
        compare(first, first)


def test_refs(box: Box, project: Path) -> None:
    run_id = start(box).run_id
    box.wait_settled(run_id)
    assert show(box, run_id[:12].upper()).run_id == run_id
    for bad in ("", "zz", "'; --", run_id + "0"):
        with pytest.raises(Problem):
            show(box, bad)


@pytest.mark.parametrize(
    ("command", "params", "argv"),
    [
        ("python train.py --lr {lr}", {"lr": 0.1}, ["python", "train.py", "--lr", "0.1"]),
        ("a '{x} y' {x}{x}", {"x": "1 2"}, ["a", "1 2 y", "1 21 2"]),
        ("a {run_dir} {attempt} {}", {}, ["a", "{run_dir}", "{attempt}", "{}"]),
        ("a {x}", {"x": "{y} ; rm"}, ["a", "{y} ; rm"]),
        ("a {x}", {"x": True}, ["a", "true"]),
    ],
)
def test_command_lines(command: str, params: dict[str, Any], argv: list[str]) -> None:
    assert argv_of(command, params) == argv


@pytest.mark.parametrize(
    ("command", "code"), [("a 'b", "bad_command"), ("  ", "bad_command"), ("a {x} {y}", "param_missing")]
)
def test_command_lines_that_are_wrong(command: str, code: str) -> None:
    with pytest.raises(Problem) as caught:
        argv_of(command, {})
    assert caught.value.code == code and caught.value.hint


def test_a_run_tells_which_variables_it_did_not_get(
    box: Box, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start(box, env={"API_TOKEN": "hunter2", "WANDB_API_KEY": "hunter3", "PLAIN": "seen"})
    spec = box.folder(run.run_id).spec()
    assert spec.withheld == ["API_TOKEN", "WANDB_API_KEY"] and spec.env["PLAIN"] == "seen"
    assert "hunter" not in (box.folder(run.run_id).path / "spec.json").read_text()
    shown = box.writer.read(lambda read: service.show(read, RunRef(project="shop", run_id=run.run_id)))
    assert shown.environment["withheld"] == ["API_TOKEN", "WANDB_API_KEY"]
    render.show(shown, Screen(False))
    assert (
        "API_TOKEN, WANDB_API_KEY: secrets by name or look, not given to the run" in capsys.readouterr().out
    )
