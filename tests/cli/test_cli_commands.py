"""Commands against a real daemon: output, errors, exit codes, waiting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_store.home import Home
from mlops_tui.cli.main import main
from mlops_tui.client import connect
from mlops_tui.sdk import start_run

HEAVY = (
    "textual",
    "polars",
    "duckdb",
    "numpy",
    "sklearn",
    "scipy",
    "pandas",
    "pydantic",
    "starlette",
    "uvicorn",
    "optuna",
    "asyncio",
)


@dataclass
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        assert self.out == ""
        found: dict[str, str] = json.loads(self.err)["error"]
        assert set(found) == {"code", "message", "hint"}
        return found


@pytest.fixture
def run(
    shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs a command in this process, outside of any project unless the test changes the folder."""
    monkeypatch.setenv("MLOPS_TUI_HOME", str(shared_home.path))
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Done:
        capsys.readouterr()
        code = main(words)
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    return call


def shell(home: Home, *words: str, cwd: Path) -> list[str]:
    return [sys.executable, "-m", "mlops_tui.cli.main", "--home", str(home.path), *words]


@pytest.mark.parametrize(
    "words",
    [
        "run show zzz", "run stop zzz", "run logs zzz", "run why zzz", "run metrics zzz", "run compare zzz yyy", "run resume zzz",
        "run archive zzz", "run tag zzz --tag a=b", "run start m --project nowhere", "model show none", "model show none@3",
        "model history none", "model card none", "model promote none@1", "model compare none@1 none@2", "model evaluate none@1",
        "data show none", "data show none@99", "data diff none 1 2", "feature show none", "feature get none --entity a=b", "project show none",
        "project remove none", "lineage none", "lineage run:zzz", "ledger undo 999999", "proposal show none", "wait zzz",
    ],
)  # fmt: skip
def test_what_is_not_there_exits_with_1(run: Callable[..., Done], words: str) -> None:
    done = run(*words.split(), "--json")
    assert done.code == 1, done.err


def test_lists_are_pages(run: Callable[..., Done]) -> None:
    for noun in ("run", "model", "proposal", "data", "feature", "project", "ledger"):
        done = run(noun, "list", "--json")
        assert done.code == 0, done.err
        assert set(done.json) == {"items", "next", "total"}


def test_global_options_may_stand_anywhere(run: Callable[..., Done], shared_home: Home) -> None:
    os.environ.pop("MLOPS_TUI_HOME")
    home = str(shared_home.path)
    answers = [
        run("--json", "--home", home, "daemon", "status"), run("daemon", "--json", "--home", home, "status"),
        run("daemon", "status", "--json", "--home", home),
    ]  # fmt: skip
    assert [done.json["home"] for done in answers] == [home] * 3


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("rnu",), "unknown_command", "did you mean `mlops-tui run`?"),
        (("run", "lits"), "unknown_command", "did you mean `mlops-tui run list`?"),
        (("run", "xyzzy"), "unknown_command", "`mlops-tui run --help` lists the commands"),
        (("run", "list", "--bogus"), "usage", "`mlops-tui run list --help`"),
        (("run", "start"), "usage", "`mlops-tui run start --help`"),
        (("run", "list", "--limit", "0"), "usage", "`mlops-tui run list --help`"),
        (("run", "list", "--state", "RUNING"), "usage", "did you mean 'RUNNING'?"),
        (("run", "start", "m"), "no_project", ""),
        (("run", "list", "--page", "%%%"), "bad_page", ""),
        (("sql", "DELETE FROM runs"), "sql_refused", ""),
        (("sql", "WITH d AS (DELETE FROM runs RETURNING *) SELECT * FROM d"), "sql_failed", ""),
        (("sql", "SELECT * FROM read_text('/etc/passwd')"), "sql_failed", ""),
        (("sql", "SELECT 1; SELECT 2"), "sql_refused", ""),
        (("sql", "SELECT"), "sql_failed", ""),
        (("events", "--since", "x"), "usage", ""),
        (("wait", "0" * 32, "--until", "auc"), "bad_condition", ""),
    ],
)
def test_wrong_commands_exit_with_2(
    run: Callable[..., Done], words: tuple[str, ...], code: str, hint: str
) -> None:
    done = run(*words, "--json")
    assert (done.code, done.error["code"]) == (2, code)
    assert hint in done.error["hint"]
    plain = run(*words)
    assert plain.code == 2
    assert plain.out == ""
    assert plain.err.startswith("error: ")
    assert "Traceback" not in plain.err


def test_sql_answers_with_types_and_limits(run: Callable[..., Done]) -> None:
    done = run(
        "sql", "SELECT 1 AS a, 'x' AS a, 1.5 AS d, NULL AS n, 'nan'::DOUBLE AS x, [1, 2] AS l", "--json"
    ).json
    assert [column["name"] for column in done["columns"]] == ["a", "a", "d", "n", "x", "l"]
    assert done["rows"] == [[1, "x", 1.5, None, "nan", [1, 2]]]
    short = run("sql", "SELECT * FROM range(10)", "--limit", "3", "--json").json
    assert (len(short["rows"]), short["truncated"]) == (3, True)
    zoned = run("sql", "SELECT TIMESTAMPTZ '2026-01-31 12:00:00+00' AS t -- end", "--json").json
    assert zoned["rows"][0][0].startswith("2026-01-31 12:00:00")
    slow = run(
        "sql", "SELECT count(*) FROM range(1000000000) a, range(1000) b", "--timeout", "200ms", "--json"
    )
    assert (slow.code, slow.error["code"]) == (3, "sql_too_slow")


def test_a_projects_folder_is_added_on_the_way(
    run: Callable[..., Done], make_project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_project("by-the-way")
    monkeypatch.chdir(folder)
    done = run("run", "start", "nosuch", "--json")
    assert done.code != 0
    assert done.error["code"] != "project_not_added"
    shown = run("project", "show", "--json").json
    assert (shown["name"], shown["dir"], shown["models"]) == ("by-the-way", str(folder), ["fast"])
    assert run("project", "add", "--json").json["name"] == "by-the-way"  # again is no change
    entries = run("ledger", "list", "--verb", "project", "--json").json["items"]
    assert [entry["subject"] for entry in entries].count("by-the-way") == 1


def test_two_folders_of_one_name_are_refused(
    run: Callable[..., Done], make_project: Callable[..., Path], tmp_path: Path
) -> None:
    first = make_project("twice")
    assert run("project", "add", str(first)).code == 0
    other = tmp_path / "copy"
    other.mkdir()
    (other / "mlops.toml").write_text((first / "mlops.toml").read_text())
    done = run("project", "add", str(other), "--json")
    assert (done.code, done.error["code"]) == (2, "project_elsewhere")
    plan = run("project", "remove", "twice", "--dry-run", "--json").json
    assert plan["title"] == "Remove the project twice"
    assert run("project", "show", "twice").code == 0
    assert run("project", "remove", "twice").code == 0
    assert run("project", "show", "twice", "--json").error["code"] == "project_not_added"
    assert run("project", "add", str(other), "--json").json["dir"] == str(other)


def test_all_errors_of_a_project_at_once(run: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text(
        '[project]\nname = "Bad Name"\n[source.s]\npth = "x"\n[model.m]\ntask = "x"\n'
    )
    done = run("project", "add", "--json")
    assert done.code == 2
    assert len(done.error["message"].splitlines()) >= 3
    assert "mlops.toml:4" in done.error["message"]


def test_a_run_is_waited_for_by_events(
    run: Callable[..., Done], make_project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project("waiting", "print('hello from the run')"))
    done = run("run", "start", "fast", "--wait", "--json")
    assert done.code == 0, done.out + done.err
    assert (done.json["state"], done.json["exit_code"], done.json["settled"]) == ("FINISHED", 0, True)
    run_id = done.json["run_id"]
    assert run("wait", run_id[:20], "--json").json["run_id"] == run_id
    logged = run("run", "logs", run_id)
    assert "hello from the run" in logged.out
    assert run("run", "logs", run_id, "--follow").out == logged.out


def test_a_run_that_fails_is_exit_code_1(
    run: Callable[..., Done], make_project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project("failing", "raise SystemExit(3)"))
    done = run("run", "start", "fast", "--wait", "--json")
    assert done.code == 1
    assert (done.json["state"], done.json["exit_code"]) == ("FAILED", 3)


def interrupted(command: list[str], after: str) -> str:
    """Runs a command with a terminal for standard error, sends ^C once it has said `after`; returns all that it said."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    said = ""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        while after not in said:
            said += terminal.read(4096).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        said += terminal.read(65536).decode()
    output, _ = process.communicate()
    assert output == b""
    return said


def test_waiting_ends_at_the_time_out_and_at_an_interrupt_and_the_run_goes_on(
    run: Callable[..., Done],
    make_project: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    shared_home: Home,
) -> None:
    folder = make_project("long", "import time; print('on', flush=True); time.sleep(600)")
    monkeypatch.chdir(folder)
    run_id = run("run", "start", "fast", "--json").json["run_id"]
    done = run("wait", run_id, "--timeout", "500ms", "--json")
    assert (done.code, done.error["code"]) == (3, "wait_timeout")
    process = subprocess.Popen(
        shell(shared_home, "run", "logs", run_id, "--follow", cwd=folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "on" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    process.communicate()
    events = subprocess.Popen(
        shell(shared_home, "events", "--follow", cwd=folder), stdout=subprocess.PIPE, text=True
    )
    assert events.stdout is not None
    assert json.loads(events.stdout.readline())["type"] == "hello"
    said = interrupted(shell(shared_home, "wait", run_id, cwd=folder), after="RUNNING")
    assert f"no longer waiting; run {run_id} goes on" in said
    assert run("run", "show", run_id, "--json").json["state"] in ("STARTING", "RUNNING")
    assert run("run", "stop", run_id).code == 0
    assert run("wait", run_id, "--json").json["state"] == "KILLED"
    seen = []
    for line in events.stdout:
        seen.append(json.loads(line))
        if seen[-1]["type"] == "ledger" and seen[-1]["data"]["verb"] == "run.stop":
            break
    assert seen[-1]["subject"] == run_id
    events.send_signal(signal.SIGINT)
    assert events.wait(20) == 130
    events.communicate()


def test_a_reader_that_goes_away_is_no_error(
    run: Callable[..., Done], shared_home: Home, tmp_path: Path
) -> None:
    run("project", "list")
    words = " ".join(
        shell(shared_home, "sql", "'SELECT * FROM range(50000)'", "--limit", "50000", cwd=tmp_path)
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{words} | head -1"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "range"
    assert subprocess.run(["bash", "-o", "pipefail", "-c", f"{words} | true"], check=False).returncode == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_stream_is_no_error(
    closed: str, run: Callable[..., Done], shared_home: Home, tmp_path: Path
) -> None:
    run("project", "list")
    words = " ".join(shell(shared_home, "project", "list", cwd=tmp_path))
    done = subprocess.run(["bash", "-c", f"{words} {closed}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_daemon_is_seen_and_stopped_and_the_index_made_anew(
    served_home: Home, run: Callable[..., Done], make_project: Callable[..., Path]
) -> None:
    home = ("--home", str(served_home.path))
    assert run("daemon", "status", "--json", *home).json["running"] is False
    assert not served_home.path.exists()
    assert run("project", "add", str(make_project("rebuilt")), *home).code == 0
    pid = run("daemon", "status", "--json", *home).json["pid"]
    assert run("daemon", "start", "--json", *home).json["pid"] == pid
    assert "serves" in run("daemon", "logs", *home).out
    assert run("doctor", "--json", *home).json["ok"] is True
    rebuilt = run("rebuild", "--json", *home).json
    assert (rebuilt["same"], rebuilt["differences"]) == (True, [])
    assert rebuilt["entries"] >= 1
    with start_run(
        "late", home=str(served_home.path)
    ) as late:  # of which no daemon has heard when the index is made anew
        late.log_metric("loss", 0.5)
    assert run("run", "list", "--json", "--all", *home).code == 0
    with start_run("later", home=str(served_home.path)) as later:
        later.log_metric("loss", 0.5)
    os.kill(run("daemon", "status", "--json", *home).json["pid"], signal.SIGKILL)
    assert run("rebuild", "--json", *home).json["same"] is True
    assert run("daemon", "status", "--json", *home).json["running"] is False
    assert run("daemon", "stop", *home).out.startswith("no daemon runs for ")
    pid = run("daemon", "start", "--json", *home).json["pid"]
    assert run("daemon", "stop", *home).out == f"stopped (pid {pid})\n"
    served_home.index.unlink()
    found = run("doctor", "--json", *home)  # the next daemon makes it anew
    assert found.code == 0
    assert ("warning", "index") in [(finding["level"], finding["code"]) for finding in found.json["findings"]]
    served_home.index.write_bytes(b"damaged" * 1000)
    found = run("doctor", "--json", *home)
    assert found.code == 1
    assert [finding["code"] for finding in found.json["findings"] if finding["level"] == "error"] == ["index"]
    assert run("rebuild", "--json", *home).json["same"] is None
    assert [item["name"] for item in run("project", "list", "--json", *home).json["items"]] == ["rebuilt"]


# what only declares or asks: a list of commands needs neither
ASKING = ("msgspec", "mlops_tui.verbs._declare", "pathlib", "hashlib", "http.client", "socket", "json")
# what only some commands do: start a process, follow events, read a configuration, draw
RARE = (
    "subprocess",
    "mlops_tui.verbs.top",
    "mlops_tui.client.waiting",
    "tomllib",
    "tempfile",
    "difflib",
    "rich",
)


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (("--help",), (*ASKING, *RARE)),
        (("--version",), (*ASKING, *RARE)),
        (("run", "--help"), (*ASKING[2:], *RARE)),
        (("run", "start", "--help"), (*ASKING[2:], *RARE)),
        (("run", "list", "--json"), RARE),
        (("run", "list"), RARE),
        (("model", "list"), RARE),
        (("status",), RARE[2:]),
        (("find", "x"), RARE[2:]),
        (("daemon", "status"), ()),
        (("ledger", "list"), RARE),
    ],
)
def test_commands_load_nothing_heavy(
    shared_home: Home, words: tuple[str, ...], more: tuple[str, ...], tmp_path: Path
) -> None:
    if "--help" not in words:
        connect(shared_home).close()  # who finds no daemon starts one, which takes more
    code = (
        "import sys; from mlops_tui.cli.main import main; code = main(sys.argv[1:]);"
        f"print([name for name in {(*HEAVY, *more)!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path, check=True, timeout=120,
        env={**os.environ, "MLOPS_TUI_HOME": str(shared_home.path)},
    )  # fmt: skip
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_why_a_run_was_started_stopped_and_marked_stays_in_the_ledger(
    run: Callable[..., Done], make_project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project("reasons", "import time; time.sleep(60)"))
    started = run("run", "start", "fast", "--reason", "to see", "--json").json["run_id"]
    assert run("run", "note", started, "look", "--reason", "odd").code == 0
    assert run("run", "stop", started, "--reason", "enough seen", "--json").code == 0
    said = {
        entry["verb"]: entry["why"]
        for entry in run("ledger", "list", "--subject", started, "--json").json["items"]
    }
    assert (said["run.submit"], said["run.note"], said["run.stop"]) == ("to see", "odd", "enough seen")
