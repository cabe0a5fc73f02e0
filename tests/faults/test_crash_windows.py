"""Processes that die between two steps: what it costs, what names it, and that nobody has to mend it. The table is in docs/faults.md."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from fault_box import assert_sound, codes, killed, run_with, spoilt_daemon
from ingest_box import make_box
from run_box import Box, Shims, lives, until
from test_daemon_life import copy_of_program

from mlops_store.atomic import read_json, write_json
from mlops_store.home import Home
from mlops_store.index.database import SCHEMA_DIR, Database, migrations
from mlops_store.index.writer import Command, Writer
from mlops_store.ledger import read_entries
from mlops_store.records import Identity, LaunchContext
from mlops_store.run_folder import RunFolder
from mlops_store.snapshots import Snapshots
from mlops_tui import processes
from mlops_tui.client import connect
from mlops_tui.daemon import offline
from mlops_tui.daemon.adopt import Life, life_of
from mlops_tui.daemon.spawn import LocalLauncher
from mlops_tui.services.settle import settle, settle_key

# --- ledger, index, answer --------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["appended", "committed"])
def test_a_daemon_that_dies_before_it_answers_has_done_it_once(
    served_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The client asks the next daemon, with the same key."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mlops.toml").write_text('[project]\nname = "p"\n')
    mark = tmp_path / "died"
    monkeypatch.setattr(
        "mlops_tui.client.spawn.daemon_command", spoilt_daemon(f"die_once({step!r}, {str(mark)!r})")
    )
    with connect(served_home) as client:
        assert client.call("project add", {"dir": str(tmp_path / "p")}).name == "p"
        assert mark.exists()
        assert [project.name for project in client.call("project list").items] == ["p"]
    assert [entry.verb for entry in read_entries(served_home.ledger)] == ["project.add"]


def test_what_the_ledger_has_and_the_index_has_not_is_named_and_caught_up(home: Home) -> None:
    Writer.open(home).close()
    killed(
        """
        import os, sys
        from pathlib import Path
        from mlops_store.home import Home
        from mlops_store.index.writer import Command, Writer
        writer = Writer.open(Home(Path(sys.argv[1])), lambda name: os._exit(9) if name == "appended" else None)
        writer.execute([Command(lambda tx: tx.append("project.add", "p", {"name": "p", "dir": sys.argv[1]}), "me")])
        """,
        home.path,
    )
    assert codes(home) == ["index_behind"]
    Writer.open(home).close()
    assert_sound(home)
    assert "index_behind" not in codes(home)


def test_marks_of_a_killed_daemon_are_the_same_after_a_rebuild(home: Home) -> None:
    """They are in the write-ahead log of a table with an index, which closing leaves as it is."""
    from index_box import new_run

    folder = new_run(home, kind="sdk")
    killed(
        """
        import os, sys
        from pathlib import Path
        from mlops_store.home import Home
        from mlops_store.index.writer import Command, Writer
        writer = Writer.open(Home(Path(sys.argv[1])))
        writer.ingest([writer.home.run_dir(sys.argv[2])])
        data = {"run_id": sys.argv[2], "set": {"a": "b"}}
        writer.execute([Command(lambda tx: tx.append("run.tag", sys.argv[2], data), "me")])[0].unwrap()
        os._exit(9)
        """,
        home.path,
        folder.run_id,
    )
    Writer.open(home).close()
    assert home.index.with_name(f"{home.index.name}.wal").exists()
    rebuilt = offline.rebuild(home)
    assert (rebuilt.differences, rebuilt.same) == ([], True)


@pytest.mark.parametrize("before", ["COMMIT", "CHECKPOINT"])
def test_a_migration_that_is_cut_off_is_simply_done_again(tmp_path: Path, before: str) -> None:
    """Killed before its commit, nothing of it is there; killed after it, all of it."""
    schema, path = tmp_path / "schema", tmp_path / "i.duckdb"
    shutil.copytree(SCHEMA_DIR, schema)
    Database.open(path, schema=schema).close()
    number = migrations(schema)[-1][0] + 1
    (schema / f"{number:03d}_more.sql").write_text(
        "ALTER TABLE projects ADD COLUMN note VARCHAR; CREATE TABLE more (a INTEGER); INSERT INTO more VALUES (1);"
    )
    killed(
        """
        import os, sys
        from pathlib import Path
        from mlops_store.index.database import Database
        class Dying:
            def __init__(self, con): self._con = con
            def __getattr__(self, name): return getattr(self._con, name)
            def execute(self, sql, *rest):
                if sql == sys.argv[3]: os._exit(9)
                return self._con.execute(sql, *rest)
        cursor = Database.cursor
        Database.cursor = lambda self: Dying(cursor(self))
        Database.open(Path(sys.argv[1]), schema=Path(sys.argv[2]))
        """,
        path,
        schema,
        before,
    )
    database = Database.open(path, schema=schema)
    con = database.cursor()
    assert database.version() == number
    assert con.execute("SELECT a FROM more").fetchall() == [(1,)]
    con.close()
    database.close()


# --- ledger and files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["applied", "appended"])
def test_a_manifest_without_its_ledger_entry_is_no_version(tmp_path: Path, step: str) -> None:
    """Settling an ingest writes the manifest, then the entry; the next daemon settles it again, as one version."""
    box = make_box(tmp_path)
    folder = box.submit(box.write("a.csv", "id,at,amount,size\n1,2024-01-01 10:00,1.5,3\n"))
    Writer.open(box.home).close()
    assert box.run(folder).manifest is not None
    write_json(folder.attempt_dir(1) / "exit.json", {"exit_code": 0, "signal": None, "ended": 1})
    killed(
        """
        import os, sys
        from pathlib import Path
        from mlops_store.home import Home
        from mlops_store.index.writer import Command, Writer
        from mlops_tui.services.settle import settle, settle_key
        home, run_id, project, step = Home(Path(sys.argv[1])), *sys.argv[2:5]
        armed = False
        writer = Writer.open(home, lambda name: os._exit(9) if armed and name == step else None)
        def submitted(tx):
            tx.append("project.add", "shop", {"name": "shop", "dir": project})
            tx.append("run.submit", run_id, {"run_id": run_id, "kind": "ingest", "project": "shop", "model": None, "path": ""})
        writer.execute([Command(submitted, "me")])[0].unwrap()
        writer.ingest([home.run_dir(run_id)])
        armed = True
        writer.execute([Command(lambda tx: settle(tx, run_id), "me", settle_key(run_id, 1))])
        """,
        box.home.path,
        folder.run_id,
        box.project,
        step,
    )
    assert Snapshots(box.home).manifest_path("shop", "orders", 1).exists()
    assert codes(box.home) == (["unsettled"] if step == "applied" else ["index_behind", "unsettled"])
    writer = Writer.open(box.home)
    command = Command(lambda tx: settle(tx, folder.run_id), "me", settle_key(folder.run_id, 1))
    assert writer.execute([command])[0].unwrap() == "FINISHED"
    with writer.reader() as read:
        assert read.rows("SELECT version FROM data_versions") == [{"version": 1}]
    writer.close()
    assert_sound(box.home)


def test_an_alias_file_that_was_not_written_is_named_and_put_right(home: Home) -> None:
    from registry_box import Box as Registry

    from mlops_store.index.doctor import examine
    from mlops_tui.services import alias_files

    box = Registry(home, Writer.open(home))
    box.register()
    box.promote("late@1")
    with box.read() as read:
        assert [found.code for found in examine(read)] == ["alias_file"]
        alias_files.reconcile(home, read)  # what a daemon does first
        assert examine(read) == []
    box.close()


@pytest.mark.parametrize("when", ["before it stops", "while it stops"])
def test_a_daemon_that_dies_in_its_hand_over(
    served_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """The newer client finds nobody, and starts its own; what was acknowledged is there."""
    how = {
        "before it stops": "from mlops_tui.daemon import server; server.Daemon.shutdown = lambda self, reason: die()",
        "while it stops": "from mlops_tui.daemon import loop; loop.Loops.stop = lambda self: die()",
    }[when]
    monkeypatch.setattr("mlops_tui.client.spawn.daemon_command", spoilt_daemon(how))
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mlops.toml").write_text('[project]\nname = "p"\n')
    with connect(served_home) as client:
        client.call("project add", {"dir": str(tmp_path / "p")})
        old = client.ping().pid
    copy_of_program(tmp_path / "newer", "99.1.0")
    done = run_with(
        tmp_path / "newer",
        """
        import sys
        from mlops_store.home import Home
        from mlops_tui.client import connect
        with connect(Home.locate(sys.argv[1])) as client:
            print(client.ping().version, client.ping().pid, *(each.name for each in client.call("project list").items))
        """,
        served_home.path,
    )
    version, pid, *projects = done.stdout.split()
    assert (version, projects) == ("99.1.0", ["p"]) and int(pid) != old


# --- runs: word, folder, ledger ---------------------------------------------------------------------------

_SCRIPT = """
import os, sys
from mlops_tui.sdk import start
step = sys.argv[1]
def dies_after(name, function):
    def call(*arguments, **named):
        result = function(*arguments, **named)
        if name == step:
            os._exit(9)
        return result
    return call
start.announce = dies_after("word", start.announce)
start.write_json = dies_after("child", start.write_json)
start.RunFolder.create = staticmethod(dies_after("spec", start.RunFolder.create))
if step == "half a word":
    from mlops_store import atomic
    atomic.os.replace = lambda *_names: os._exit(9)
start.start_run("p", home=sys.argv[2])
"""


def test_a_script_that_dies_while_its_run_begins(home: Home) -> None:
    """Before the spec is there nothing is left of it; from then on it is a run, which is lost. It never stays RUNNING."""
    Writer.open(home).close()
    for step in ("half a word", "word", "child", "spec"):
        killed(_SCRIPT, step, home.path)
    assert codes(home) == ["run_inbox"] * 2 + ["run_inbox", "run_unread"]
    assert len(list(home.inbox.iterdir())) == 3
    box = Box(home)
    try:
        row = until(lambda: box.writer.read(lambda read: read.one("SELECT * FROM runs WHERE state = 'LOST'")))
        until(lambda: not list(home.inbox.iterdir()))
        assert row["exit_code"] is None
        assert [path.name for path in home.runs.glob("*/*") if path.parent != home.inbox] == [row["run_id"]]
    finally:
        box.close()
    assert codes(home) == []
    assert_sound(home)


def test_a_daemon_that_dies_between_a_runs_folder_and_its_entry(home: Home) -> None:
    """Nobody was told of that run: the next daemon removes the folder, and no rebuild makes a run of it."""
    killed(
        """
        import os, sys
        from pathlib import Path
        from mlops_store.home import Home
        from mlops_store.index.writer import Command, Writer
        from mlops_tui.services.submit import submit
        writer = Writer.open(Home(Path(sys.argv[1])), lambda name: os._exit(9) if name == "applied" else None)
        writer.execute([Command(lambda tx: submit(tx, kind="train", project="p", command=["true"]), "me")])
        """,
        home.path,
    )
    [folder] = [path for path in home.runs.glob("*/*") if path.parent != home.inbox]
    assert (folder / "spec.json").exists()
    assert codes(home) == ["run_inbox"]
    assert_sound(home)
    box = Box(home)
    try:
        until(lambda: not folder.exists() and not list(home.inbox.iterdir()))
        assert not box.row(folder.name)
    finally:
        box.close()
    assert codes(home) == []
    assert_sound(home)


# --- spawn, claim, child ----------------------------------------------------------------------------------

_SHIM = """
import os, sys
sys.path += [{root!r}, {root!r} + "/store"]
from mlops_tui.worker import attempt_files, supervise
write = attempt_files.AttemptFiles.write
def dying(self, name, value):
    write(self, name, value)
    if name == {after!r}:
        os.kill(os.getpid(), 9)
attempt_files.AttemptFiles.write = dying
let_go = supervise._let_go_of_terminal
def then_die():
    let_go()
    if {after!r} == "answer":
        os.kill(os.getpid(), 9)
supervise._let_go_of_terminal = then_die
sys.exit(supervise.launch(os.path.abspath(sys.argv[1]), int(sys.argv[2])))
"""


def submit(box: Box, code: str) -> str:
    from mlops_tui.services.submit import submit as service

    run_id = box.writer.call(
        lambda tx: (
            service(tx, kind="train", project="p", model="m", command=[sys.executable, "-c", code]).run_id
        )
    )
    box.loops.wake()
    return run_id


@pytest.mark.parametrize("after", ["shim.json", "answer", "child.json"])
def test_a_shim_that_dies_before_the_program_runs(home: Home, tmp_path: Path, after: str) -> None:
    """It has claimed the attempt: the program never runs, and the run is lost."""
    shim = tmp_path / "shim.py"
    root = str(Path(processes.__file__).parents[1])
    shim.write_text(_SHIM.format(root=root, after=after))
    box = Box(home, launcher=LocalLauncher(shim=shim))
    try:
        run_id = submit(box, f"open({str(tmp_path / 'ran')!r}, 'w')")
        row = box.wait_settled(run_id)
        assert (row["state"], row["exit_code"], row["signal"]) == ("LOST", None, None)
        child = box.folder(run_id).child(1)
        assert (child is not None) is (after == "child.json")
        until(lambda: not lives(child))
        assert not (tmp_path / "ran").exists()
    finally:
        box.close()
    assert codes(home) == []


def test_a_daemon_that_dies_between_spawn_and_claim_costs_nothing(home: Home) -> None:
    """The context is there and no shim has taken it: the next daemon launches it."""
    box = Box(home, launcher=LocalLauncher(shim=Path("/nonexistent/shim.py")))
    box.loops.stop()
    run_id = submit(box, "print('ran')")
    folder = box.folder(run_id)
    context = LaunchContext(run_id=run_id, attempt=1, home=str(home.path), project="p", project_dir="", code_dir="", launched=0)  # fmt: skip
    write_json(folder.attempt_dir(1) / "context.json", context)
    box.options = {}
    box.restart()
    try:
        assert box.wait_settled(run_id)["state"] == "FINISHED"
        assert folder.log.read_text() == "ran\n"
    finally:
        box.close()


def test_a_run_that_was_launched_by_a_daemon_which_died_before_it_read_that_is_stopped_not_withdrawn(
    home: Home, shims: Shims
) -> None:
    """The index says that it waits: the next daemon looks before it believes that."""
    box = Box(home, launcher=LocalLauncher(shim=Path("/nonexistent/shim.py")))
    box.loops.stop()
    run_id = submit(box, "import time; print('up', flush=True); time.sleep(600)")
    folder = box.folder(run_id)
    box.writer.ingest([folder.path]).result()
    shims.folders.append(folder)
    shims.launch(folder)
    until(lambda: folder.log.exists() and folder.log.read_text())
    child = folder.child(1)
    box.writer.call(lambda tx: tx.append("run.stop", run_id, {"run_id": run_id}))
    assert (box.row(run_id)["state"], box.row(run_id)["attempts"]) == ("QUEUED", 0)
    box.options = {}
    box.restart()
    try:
        row = box.wait_settled(run_id)
        assert (row["state"], row["signal"], lives(child)) == ("KILLED", 15, False), row["reason"]
    finally:
        box.close()


def test_a_claim_without_an_identity_counts_for_ten_seconds(shims: Shims) -> None:
    """A shim may be between the two steps; one that died there is gone after a while, and its run lost."""
    folder = shims.folder(["true"])
    claim = folder.attempt_dir(1) / "claim"
    claim.parent.mkdir(parents=True)
    claim.write_text("1\n")
    assert life_of(folder, 1) is Life.SUPERVISED
    os.utime(claim, (1, 1))
    assert life_of(folder, 1) is Life.GONE


# --- identities -------------------------------------------------------------------------------------------


def test_a_pid_that_was_given_to_another_process_is_not_the_run(shims: Shims) -> None:
    """A living process under the pid, started at another time: gone, and never signalled."""
    folder = shims.folder(["true"])
    me = Identity(**processes.identity())  # type: ignore[arg-type]
    for name in ("shim.json", "child.json"):
        other = Identity(
            pid=me.pid, start_ticks=me.start_ticks - 1, boot_id=me.boot_id, pid_ns=me.pid_ns, started=1
        )
        write_json(folder.attempt_dir(1) / name, other)
    assert life_of(folder, 1) is Life.GONE
    writer = Writer.open(shims.home)
    writer.ingest([folder.path])
    writer.close()
    assert codes(shims.home) == ["run_dead"]
    assert not processes.send(me.pid, me.start_ticks - 1, 9)


def test_a_stale_daemon_file_names_nobody(home: Home) -> None:
    """`daemon stop` ends only the process that the file means, not whoever has its number now."""
    from mlops_tui.cli.commands.daemon import _Identity, _terminate, stop_daemon

    write_json(home.daemon_file, {"pid": os.getpid(), "start_ticks": 1})
    assert read_json(home.daemon_file, _Identity).pid == os.getpid()
    assert not _terminate(home)
    assert not stop_daemon(home, 1)


# --- clocks -----------------------------------------------------------------------------------------------


def test_a_clock_that_steps_back_and_forth(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order is that of the sequence numbers; times never go back; a rebuild is the same."""
    times = [5_000, 1_000, 9_000_000, 2_000, 2_000, 10_000_000]
    writer = Writer.open(home)
    for number, time in enumerate(times):
        monkeypatch.setattr("mlops_store.index.writer.now_ms", lambda time=time: time)
        monkeypatch.setattr("mlops_store.ledger.now_ms", lambda time=time: time)
        data = {"name": f"p{number}", "dir": str(home.path)}
        command = Command(lambda tx, data=data: tx.append("project.add", data["name"], data), "me")
        assert writer.execute([command])[0].unwrap() == number + 1
        if number == 3:
            writer.close()
            writer = Writer.open(home)
    writer.close()
    assert [entry.time for entry in read_entries(home.ledger)] == [5_000, 5_000, *[9_000_000] * 3, 10_000_000]
    assert_sound(home)


def test_the_grace_of_a_stop_does_not_hang_on_the_clock(
    shims: Shims, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is set back by a day after somebody asked for the end of a run without a shim."""
    from mlops_tui.daemon.adopt import Reaper

    folder = shims.python("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)")  # fmt: skip
    until(lambda: folder.log.exists() and folder.log.read_text())
    shim, child = folder.shim(1), folder.child(1)
    assert shim is not None and child is not None
    os.kill(shim.pid, 9)
    until(lambda: not lives(shim))
    folder.request_stop(1, "me", grace=0.2)
    request = folder.stop_request(1)
    assert request is not None
    request.time += 86_400_000
    reaper = Reaper()
    until(lambda: reaper.follow(folder, 1, request, sdk=False))
    assert not lives(child)


# --- journals ---------------------------------------------------------------------------------------------


def test_each_damage_of_a_journal_has_a_name(home: Home) -> None:
    from index_box import end, journal, new_run, start

    writer = Writer.open(home)
    folders: dict[str, RunFolder] = {}
    for kind in ("sound", "bad", "torn", "replaced", "shrunk", "missing"):
        folder = folders[kind] = new_run(home, kind="sdk")
        start(folder)
        journal(folder, "1-h-2-x", ["h", {"pid": 2}], *(["m", "a", step, step, 1.0] for step in range(20)))
        end(folder)
    journal(folders["bad"], "1-h-2-x", b"\0\0\0\n", b"\xff garbage\n", ["m", "a", 20, 20, 1.0])
    journal(folders["torn"], "1-h-2-x", b'["m","a",20')
    paths = [folder.path for folder in folders.values()]
    writer.ingest(paths)
    folders["replaced"].journals()[0].write_bytes(b'["h",{"pid":3}]\n["m","b",0,0,1]\n' * 99)
    os.truncate(folders["shrunk"].journals()[0], 200)
    folders["missing"].journals()[0].unlink()
    writer.ingest([path for path in paths if path != folders["shrunk"].path])
    writer.close()
    assert codes(home) == [
        "journal_bad_lines",
        "journal_missing",
        "journal_replaced",
        "journal_shrank",
        "journal_torn",
    ]
    writer = Writer.open(home)
    with writer.reader() as read:
        counts = {
            row["run_id"]: row["n"]
            for row in read.rows("SELECT run_id, count(*) AS n FROM metric_points GROUP BY run_id")
        }
    writer.close()
    assert {kind: counts[folder.run_id] for kind, folder in folders.items()} == {
        "sound": 20, "bad": 21, "torn": 20, "replaced": 20, "shrunk": 20, "missing": 20,
    }  # fmt: skip
