"""What somebody's SQL can reach, and what it can cost the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.copied import open_copy
from mlops_store.index.database import Database
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect

SLOW = "SELECT count(*) FROM range(1000000000) a, range(1000) b"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("sql") / "home")
    (home.path.parent / "planted.csv").write_text("secret\nhunter2\n")
    yield home
    stop_daemon(home, 30.0)


@pytest.fixture
def client(home: Home) -> Iterator[Client]:
    with connect(home) as client:
        yield client


def ask(client: Client, query: str, **more: Any) -> Any:
    return client.call("sql", {"query": query, **more})


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{dir}/planted.csv')",
        "SELECT * FROM read_csv('{dir}/planted.csv')",
        "SELECT * FROM '{dir}/planted.csv'",
        "SELECT * FROM read_blob('{dir}/home/ledger/*')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('{dir}/planted.csv')",
        "SELECT * FROM parquet_metadata('{dir}/planted.csv')",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM read_csv('https://example.org/x.csv')",
        "COPY (SELECT 1) TO '{dir}/written.csv'",
        "ATTACH '{dir}/home/index/metadata.duckdb' AS x",
        "INSTALL httpfs",
        "LOAD json",
        "SET enable_external_access = true",
        "PRAGMA enable_external_access",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TEMP TABLE t AS SELECT 1",
        "DELETE FROM runs",
        "WITH gone AS (DELETE FROM runs RETURNING *) SELECT * FROM gone",
        "EXPLAIN ANALYZE DELETE FROM runs",
        "SELECT 1; SELECT 2",
        "EXPORT DATABASE '{dir}/export'",
        "CHECKPOINT",
        "CALL pragma_version()",
    ],
)
def test_neither_files_nor_network_nor_settings_nor_writes(client: Client, home: Home, query: str) -> None:
    folder = home.path.parent
    before = sorted(os.listdir(folder))
    try:
        answer = ask(client, query.format(dir=folder))
    except Problem as problem:
        assert problem.status == 2 and problem.code in ("sql_refused", "sql_failed")
        return
    finally:
        assert sorted(os.listdir(folder)) == before
    assert "hunter2" not in str(answer.rows) and "root:" not in str(answer.rows)
    assert query.startswith(("EXPLAIN", "SELECT * FROM glob", "CALL")), answer.rows
    if "glob" in query:
        assert answer.rows == []


def test_the_settings_are_locked_and_the_environment_is_bare(client: Client) -> None:
    query = "SELECT name, value FROM duckdb_settings() WHERE name IN ('enable_external_access', 'lock_configuration') ORDER BY name"
    assert ask(client, query).rows == [["enable_external_access", "false"], ["lock_configuration", "true"]]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT length(string_agg(repeat('x', 1000000))) FROM range(100000)",
        "SELECT max(s) FROM (SELECT repeat(md5(i::VARCHAR), 100000) s FROM range(10000) t(i))",
        "SELECT range(4500000)",
    ],
)
def test_a_greedy_query_dies_alone(client: Client, query: str) -> None:
    pid = client.ping().pid

    def resident() -> int:
        return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) >> 10

    peak, done = [resident()], threading.Event()
    before = peak[0]

    def watch() -> None:
        while not done.wait(0.02):
            peak.append(resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(Problem) as raised:
            ask(client, query, timeout=6_000)
    finally:
        done.set()
        watcher.join()
    assert raised.value.code in ("sql_too_large", "sql_failed", "sql_too_slow")
    assert max(peak) - before < 150, "megabytes that the daemon itself took"
    assert client.ping().pid == pid


def test_a_large_answer_is_cut_on_its_way(client: Client) -> None:
    answer = ask(client, "SELECT repeat('x', 1000000) FROM range(200)")
    assert answer.truncated and 1 <= len(answer.rows) <= 34


def test_what_was_acknowledged_is_seen_while_others_write(client: Client, home: Home, tmp_path: Path) -> None:
    stop, failed = threading.Event(), []

    def write() -> None:
        folder = tmp_path / "w"
        folder.mkdir()
        (folder / "mlops.toml").write_text('[project]\nname = "w"\n')
        with connect(home) as mine:
            while not stop.is_set():
                try:
                    mine.call("project add", {"dir": str(folder)})
                    mine.call("project remove", {"name": "w"})
                except Problem as problem:
                    failed.append(problem)
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            folder = tmp_path / f"r{number}"
            folder.mkdir()
            (folder / "mlops.toml").write_text(f'[project]\nname = "r{number}"\n')
            client.call("project add", {"dir": str(folder)})
            found = ask(
                client,
                "SELECT count(*), (SELECT max(seq) FROM ledger) = (SELECT max(seq) FROM projects) FROM projects WHERE name LIKE 'r%'",
            ).rows
            assert found == [[number + 1, True]]
    finally:
        stop.set()
        writer.join()
    assert not failed


def test_slow_questions_make_nobody_else_wait(client: Client, home: Home) -> None:
    def slow() -> None:
        with connect(home) as other, pytest.raises(Problem):
            ask(other, SLOW, timeout=500)

    threads = [threading.Thread(target=slow) for _ in range(5)]
    for thread in threads:
        thread.start()
    took = []
    while any(thread.is_alive() for thread in threads) and len(took) < 40:
        start = time.monotonic()
        client.call("project list")
        took.append(time.monotonic() - start)
    for thread in threads:
        thread.join()
    # in its threads, four of them would have had the daemon wait until their end
    assert sorted(took)[len(took) // 2] < 0.5 and max(took) < 2.0


def test_a_question_ends_with_the_daemon_and_leaves_nothing(client: Client, home: Home) -> None:
    def children(pid: int) -> list[int]:
        return [
            int(word)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]

    def working() -> list[int]:
        """The process that forks, and the one that answers."""
        return [each for forks in children(pid) for each in (forks, *children(forks))]

    def works(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except FileNotFoundError:
            return False

    def late() -> None:
        with connect(home, autostart=False) as other, pytest.raises((Problem, OSError)):
            ask(other, SLOW, timeout=20_000)

    pid = client.ping().pid
    thread = threading.Thread(target=late)
    thread.start()
    deadline = time.monotonic() + 20
    while len(found := working()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(found) == 2
    os.kill(pid, signal.SIGKILL)
    thread.join()
    deadline = time.monotonic() + 60  # it has nice 19: where others are busy, even its end takes time
    while any(map(works, found)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(works, found))
    with connect(home) as again:
        assert ask(again, "SELECT 1").rows == [[1]]
    assert not list(home.tmp.glob("sql-*"))


def test_a_copy_is_good_while_the_index_is_written_without_a_checkpoint(tmp_path: Path) -> None:
    """As the daemon does it: checkpoints are held, and another process copies while rows are committed."""
    index = tmp_path / "metadata.duckdb"
    database = Database.open(index)
    con = database.cursor()
    con.execute("CREATE TABLE t AS SELECT range AS i, 'x' || range AS s FROM range(200000)")
    con.execute("CHECKPOINT")
    con.execute("SET GLOBAL wal_autocheckpoint = '1TiB'")
    code = "import sys; from pathlib import Path; from mlops_store.index.copied import copy_index; copy_index(Path(sys.argv[1]), Path(sys.argv[2]))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for number in range(3):
        target = tmp_path / f"copy{number}.duckdb"
        least = con.execute("SELECT count(*) FROM t").fetchall()[0][0]
        process = subprocess.Popen([sys.executable, "-c", code, str(index), str(target)], env=env)
        while process.poll() is None:
            # large enough for its rows to go to the file itself, and the log only to tell where they are
            con.execute("INSERT INTO t SELECT range, 'y' || range FROM range(150000)")
        assert process.returncode == 0
        most = con.execute("SELECT count(*) FROM t").fetchall()[0][0]
        with open_copy(target, tmp_path / "spill", 1) as copy:
            [(rows, texts)] = copy.execute("SELECT count(*), count(s) FROM t WHERE length(s) > 0").fetchall()
        assert rows == texts and least <= rows <= most
        assert not list(tmp_path.glob("copy*"))
    database.close()
