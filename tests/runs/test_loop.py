"""The loop with real processes: queue, adoption, loss, stop; and a daemon that goes away in between."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from run_box import Box, environment, lives, until

from mlops_store.ids import new_run_id
from mlops_store.index.tx import Tx
from mlops_store.records import RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui.daemon.loop import Loops
from mlops_tui.daemon.nice import lower_this_thread
from mlops_tui.daemon.run_table import OpenRun
from mlops_tui.services.submit import submit
from mlops_tui.verbs._shapes import ClientContext

SLEEP = "import time; time.sleep(600)"


def start(box: Box, code: str = "pass", kind: Any = "train", model: str | None = None, **fields: Any) -> str:
    """Submits `python -c code`; a model of its own unless one is named."""
    client = ClientContext(cwd="/", python=sys.executable, env=environment(), umask=0o077)

    def command(tx: Tx) -> str:
        name = model or f"m{len(tx.rows('SELECT 1 FROM runs'))}"
        return submit(
            tx,
            kind=kind,
            project="p",
            model=name,
            command=[sys.executable, "-c", code],
            client=client,
            **fields,
        ).run_id

    run_id = box.writer.call(command, actor="tester")
    box.loops.wake()
    return run_id


def ask_stop(box: Box, run_id: str) -> None:
    box.writer.call(lambda tx: tx.append("run.stop", run_id, {"run_id": run_id}))
    box.loops.wake()


def test_a_folder_that_fails_keeps_no_other_run_from_being_followed(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, asked = Loops._follow_one, list[str]()

    def follow_one(loops: Loops, run: OpenRun, attempt: int) -> bool:
        if run.run_id == bad:
            asked.append(bad)
            raise OSError(5, "Input/output error")
        return real(loops, run, attempt)

    bad = start(box, SLEEP)
    box.wait(bad, "RUNNING")
    monkeypatch.setattr(Loops, "_follow_one", follow_one)
    good = start(box, "pass")
    assert box.wait_settled(good)["state"] == "FINISHED"
    until(lambda: len(asked) > 1, "it is tried again")
    monkeypatch.undo()
    ask_stop(box, bad)
    assert box.wait_settled(bad)["state"] == "KILLED"
    assert sum("cannot be followed" in record.message for record in caplog.records) == 1


def test_submit_run_settle(box: Box) -> None:
    run_id = start(box, "print('hello')")
    row = box.wait_settled(run_id)
    assert (row["state"], row["exit_code"], row["settled_state"], row["attempts"]) == (
        "FINISHED",
        0,
        "FINISHED",
        1,
    )
    folder = box.folder(run_id)
    assert folder.log.read_text() == "hello\n"
    context = folder.context(1)
    assert context is not None and context.home == str(box.home.path) and folder.capture.exists()
    until(lambda: not box.loops.busy(), "the loop is idle")


def test_metrics_of_a_running_run_are_visible(box: Box) -> None:
    run_id = start(box, SLEEP)
    until(lambda: box.writer.read(lambda r: r.rows("SELECT * FROM last_values WHERE run_id = ?", [run_id])))
    assert box.row(run_id)["state"] == "RUNNING"
    ask_stop(box, run_id)
    row = box.wait_settled(run_id)
    assert (row["state"], row["signal"]) == ("KILLED", signal.SIGTERM)


def test_parallelism_limit(box: Box) -> None:
    ids = [start(box, SLEEP) for _ in range(4)]
    until(lambda: [box.row(i)["state"] for i in ids] == ["RUNNING", "RUNNING", "QUEUED", "QUEUED"])
    until(lambda: "free place" in box.loops.waits.get(ids[2], ""))
    ask_stop(box, ids[0])
    box.wait(ids[2], "RUNNING")
    assert box.row(ids[3])["state"] == "QUEUED"
    for run_id in ids[1:]:
        ask_stop(box, run_id)
    assert [box.wait_settled(i)["state"] for i in ids] == ["KILLED"] * 4
    assert box.row(ids[3])["reason"] == "withdrawn before it started" and box.row(ids[3])["started"] is None


def test_small_lane_passes_training(box: Box) -> None:
    training = [start(box, SLEEP) for _ in range(2)]
    for run_id in training:
        box.wait(run_id, "RUNNING")
    drift = start(box, "pass", kind="drift")
    assert box.wait_settled(drift)["state"] == "FINISHED"
    for run_id in training:
        ask_stop(box, run_id)
        box.wait_settled(run_id)


def test_one_training_of_a_model_at_a_time(box: Box) -> None:
    """The second starts when the first is settled: its look at the evaluation rows is then in the ledger."""
    first, second = start(box, SLEEP, model="m"), start(box, "pass", model="m")
    until(lambda: "same model" in box.loops.waits.get(second, ""))
    ask_stop(box, first)
    box.wait_settled(second)
    assert box.settled == [first, second]
    started = box.folder(second).context(1)
    assert started is not None and started.previous_run == first


def test_training_waits_for_arriving_data(box: Box) -> None:
    ingest = start(box, SLEEP, kind="ingest", request={"source": "s"})
    training = start(box, "pass")
    pinned = start(box, "pass", pins={"s": 7})
    until(lambda: box.loops.waits.get(training) == "waits for arriving data")
    row = box.wait_settled(pinned)
    assert row["state"] == "FAILED" and "no version 7" in row["reason"], (
        "it names its data, so it waits for none"
    )
    assert not box.loops.project_quiet("p") and box.loops.project_quiet("other")
    other = start(box, "pass", kind="ingest", request={"source": "s"})
    until(lambda: "same source" in box.loops.waits.get(other, ""))
    ask_stop(box, ingest)
    for run_id in (ingest, other, training):
        box.wait_settled(run_id)
    assert box.settled.index(other) < box.settled.index(training)


def test_after(box: Box) -> None:
    first = start(box, SLEEP)
    good = start(box, "pass", after=[first])
    doomed = start(box, "pass", after=[good, new_run_id()])
    assert box.wait_settled(doomed)["state"] == "KILLED" and "not known" in box.row(doomed)["reason"]
    until(lambda: "waits for run" in box.loops.waits.get(good, ""))
    ask_stop(box, first)
    row = box.wait_settled(good)
    assert row["state"] == "KILLED" and f"run {first}" in row["reason"] and "KILLED" in row["reason"]
    well = start(box)
    box.wait_settled(well)
    assert box.wait_settled(start(box, after=[well]))["state"] == "FINISHED"


def test_program_that_is_not_there(box: Box) -> None:
    def command(tx: Tx) -> str:
        return submit(tx, kind="train", project="p", command=["no-such-program"]).run_id

    run_id = box.writer.call(command)
    row = box.wait_settled(run_id)
    assert (row["state"], row["exit_code"]) == ("FAILED", 127)


# --- who goes away ------------------------------------------------------------------------------------


def test_runs_outlive_the_daemon_and_are_adopted(box: Box) -> None:
    code = "import os, time\nwhile not os.path.exists(os.environ['MLOPS_TUI_RUN_DIR'] + '/go'): time.sleep(0.01)\nprint('went on')"
    run_id = start(box, code)
    box.wait(run_id, "RUNNING")
    box.restart()
    assert box.row(run_id)["state"] == "RUNNING"
    (box.folder(run_id).path / "go").touch()
    assert box.wait_settled(run_id)["state"] == "FINISHED"
    assert box.folder(run_id).log.read_text() == "went on\n"


def test_a_run_that_ended_without_a_daemon(box: Box) -> None:
    code = "import os, time\nwhile not os.path.exists(os.environ['MLOPS_TUI_RUN_DIR'] + '/go'): time.sleep(0.01)\nraise SystemExit(3)"
    run_id = start(box, code)
    box.wait(run_id, "RUNNING")
    box.close()
    (box.folder(run_id).path / "go").touch()
    until(lambda: box.folder(run_id).exit(1))
    box.settled.clear()
    from mlops_tui.daemon.writer import WriterThread

    box.writer = WriterThread(box.home, box.events, lambda error: None)
    box.loops = box._open()
    row = box.wait_settled(run_id)
    assert (row["state"], row["exit_code"]) == ("FAILED", 3)


def test_shim_killed_then_child_gone_is_lost(box: Box) -> None:
    run_id = start(box, SLEEP)
    box.wait(run_id, "RUNNING")
    folder = box.folder(run_id)
    shim, child = folder.shim(1), folder.child(1)
    assert shim is not None and child is not None
    os.kill(shim.pid, signal.SIGKILL)
    until(lambda: (folder.attempt_dir(1) / "unsupervised").exists())
    assert box.row(run_id)["state"] == "RUNNING" and lives(child)
    os.kill(child.pid, signal.SIGKILL)
    row = box.wait_settled(run_id)
    assert (row["state"], row["exit_code"], row["signal"]) == ("LOST", None, None)


def test_stop_without_a_shim(box: Box) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('/dev/null'); time.sleep(600)"
    run_id = start(box, code)
    box.wait(run_id, "RUNNING")
    folder = box.folder(run_id)
    shim, child = folder.shim(1), folder.child(1)
    assert shim is not None and child is not None
    os.kill(shim.pid, signal.SIGKILL)
    until(lambda: (folder.attempt_dir(1) / "unsupervised").exists())
    folder.request_stop(1, "me", grace=0.3)
    row = box.wait_settled(run_id)
    assert (row["state"], row["exit_code"]) == ("KILLED", None)
    assert not lives(child)


def test_everything_killed_at_once(box: Box) -> None:
    run_id = start(box, SLEEP)
    box.wait(run_id, "RUNNING")
    folder = box.folder(run_id)
    shim, child = folder.shim(1), folder.child(1)
    assert shim is not None and child is not None
    box.close()
    os.kill(shim.pid, signal.SIGKILL)
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: not lives(shim) and not lives(child))
    from mlops_tui.daemon.writer import WriterThread

    box.writer = WriterThread(box.home, box.events, lambda error: None)
    box.loops = box._open()
    assert box.wait_settled(run_id)["state"] == "LOST"


def test_identity_of_another_boot_is_gone(box: Box) -> None:
    """A pid that runs now under the number of a process of an earlier boot is not that process."""
    from mlops_store.atomic import write_json
    from mlops_store.records import Identity

    run_id = start(box, SLEEP, after=[])
    box.wait(run_id, "RUNNING")
    folder = box.folder(run_id)
    shim, child = folder.shim(1), folder.child(1)
    assert shim is not None and child is not None
    for name, who in (("shim.json", shim), ("child.json", child)):
        old = Identity(
            pid=who.pid, start_ticks=who.start_ticks, boot_id="another", pid_ns=who.pid_ns, started=0
        )
        write_json(folder.attempt_dir(1) / name, old)
    assert box.wait_settled(run_id)["state"] == "LOST"
    assert lives(child), "nobody has the right to signal it"
    os.kill(shim.pid, signal.SIGTERM)
    until(lambda: not lives(child))


def test_resume_is_a_new_attempt(box: Box) -> None:
    code = "import os; raise SystemExit(0 if os.environ['MLOPS_TUI_ATTEMPT'] == '2' else 1)"
    run_id = start(box, code)
    assert box.wait_settled(run_id)["state"] == "FAILED"
    (box.folder(run_id).path / "attempts" / "2").mkdir()
    box.writer.call(lambda tx: tx.append("run.resume", run_id, {"run_id": run_id, "attempt": 2}))
    box.loops.wake()
    row = until(lambda: (found := box.row(run_id))["state"] == "FINISHED" and found["settled"] and found)
    assert row["attempts"] == 2


def test_sdk_run_from_the_inbox_and_its_loss(box: Box) -> None:
    import subprocess

    code = "import sys, time, mlops_tui\nr = mlops_tui.start_run(project='q', name='n').__enter__()\nr.log_metric('x', 1)\nprint(r.run_id, flush=True)\ntime.sleep(600)"
    env = {**environment(), "MLOPS_TUI_HOME": str(box.home.path)}
    script = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
    assert script.stdout is not None
    run_id = script.stdout.readline().strip()
    row = box.wait(run_id, "RUNNING")
    assert (row["kind"], row["project"], row["name"]) == ("sdk", "q", "n")
    until(lambda: not list(box.home.inbox.iterdir()))
    script.kill()
    script.wait()
    row = box.wait(run_id, "LOST")
    assert row["exit_code"] is None
    until(lambda: not box.loops.busy())


def test_stop_of_an_sdk_run_interrupts_it(box: Box) -> None:
    import subprocess

    code = "import time, mlops_tui\nwith mlops_tui.start_run(project='q') as r:\n print(r.run_id, flush=True)\n time.sleep(600)"
    env = {**environment(), "MLOPS_TUI_HOME": str(box.home.path)}
    script = subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert script.stdout is not None
    run_id = script.stdout.readline().strip()
    box.wait(run_id, "RUNNING")
    ask_stop(box, run_id)
    row = box.wait(run_id, "KILLED")
    assert row["signal"] == signal.SIGINT
    script.wait(30)


def test_training_does_not_inherit_the_daemons_politeness(box: Box) -> None:
    seen: list[str] = []

    def polite() -> None:
        lower_this_thread()
        seen.append(start(box, "import os; print(os.nice(0))"))

    before = os.nice(0)
    thread = threading.Thread(target=polite)
    thread.start()
    thread.join()
    box.wait_settled(seen[0])
    assert box.folder(seen[0]).log.read_text() == f"{before}\n"


def test_submit_twice_is_one_run(box: Box) -> None:
    """The writer may run a command again after another one of its group failed: no second folder is left."""

    def command(tx: Tx) -> list[str]:
        first = submit(tx, kind="train", project="p", command=["true"])
        second = submit(tx, kind="train", project="p", command=["true"])
        return [first.run_id, second.run_id]

    once: list[int] = []

    def fails(tx: Tx) -> None:
        once.append(1)
        tx.append("run.stop", "x", {"run_id": "x"})
        raise RuntimeError("a fault")

    futures = [box.writer.submit(command), box.writer.submit(fails), box.writer.submit(command)]
    ids = [*futures[0].result(), *futures[2].result()]
    assert len(set(ids)) == 4
    for run_id in ids:
        box.wait_settled(run_id)
    assert sorted(path.name for path in box.home.runs.glob("*/*")) == sorted(ids)


def test_hostile_names(box: Box, tmp_path: Path) -> None:
    """Whatever a model, a name, a parameter or a file is called, it is only text."""
    project = tmp_path / "it's [bold]; $(touch x) \n dir"
    project.mkdir()
    (project / "a'b;c.py").write_text("print(1)")
    (project / "mlops.toml").write_text("")
    os.symlink("/etc", project / "link")
    os.symlink("/nowhere", project / "dangling.py")
    run_id = start(
        box, "import sys, os; print(os.getcwd())", model="'; DROP TABLE runs; --", project_dir=str(project),
        name="[red]\x1b[31m{x}", params={"k'": "'; --", "password": "hunter2"}, tags={"t": "[/]"}, request={"x": "{run_dir}"},
    )  # fmt: skip
    row = box.wait_settled(run_id)
    assert row["state"] == "FINISHED" and row["model"] == "'; DROP TABLE runs; --"
    folder = box.folder(run_id)
    assert sorted(path.name for path in folder.code.iterdir()) == ["a'b;c.py", "mlops.toml"]
    assert folder.log.read_text() == f"{project}\n"
    assert "hunter2" not in folder.spec_file.read_text() and "hunter2" not in folder.capture.read_text()


def test_orphan_folder_is_no_run(box: Box) -> None:
    """A daemon that died between folder and ledger entry has submitted nothing."""
    spec = RunSpec(
        run_id=new_run_id(),
        kind="train",
        name="n",
        project="p",
        experiment="e",
        actor="a",
        created=0,
        command=["true"],
    )
    RunFolder.create(box.home, spec)
    other = start(box)
    box.wait_settled(other)
    assert not box.row(spec.run_id)
