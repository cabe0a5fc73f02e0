"""Too much of anything has an end, and a word that says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.journal import MAX_NAMES, MAX_TEXT
from mlops_store.run_folder import RunFolder
from mlops_tui.client import connect
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.worker.log_cap import LogCap


def log(home: Home, code: str) -> subprocess.CompletedProcess[str]:
    """A script that logs into the home."""
    text = (
        f"import mlops_tui\nwith mlops_tui.start_run(project='p') as run:\n    {code}\n    print(run.dropped)"
    )
    env = {**os.environ, "MLOPS_TUI_HOME": str(home.path)}
    return subprocess.run([sys.executable, "-c", text], env=env, capture_output=True, text=True, check=True)


def shown(home: Home) -> RunDetail:
    """The one run of a home, as a daemon started now sees it."""
    with connect(home) as client:
        [run] = client.call("run list").items
        detail: RunDetail = client.call("run show", {"run_id": run.run_id})
    return detail


def test_a_parameter_of_10_mb_is_cut_and_says_so(served_home: Home) -> None:
    log(
        served_home,
        "run.log_param('blob', 'x' * 10_000_000); run.set_tag('blob', 'y' * 10_000_000); run.log_param('list', list(range(3_000_000)))",
    )
    detail = shown(served_home)
    for text in (detail.params["blob"], detail.tags["blob"], detail.params["list"]):
        assert len(text) <= MAX_TEXT
        assert text.endswith("characters]") and "[cut: " in text


def test_a_large_parameter_of_a_start_is_refused_with_what_to_do(
    served_home: Home, make_project: Callable[..., Path]
) -> None:
    folder = make_project()
    with connect(served_home) as client:
        client.call("project add", {"dir": str(folder)})
        for size, code in ((10_000_000, "too_large"), (MAX_TEXT + 1, "bad_param")):
            with pytest.raises(Problem) as raised:
                client.call(
                    "run start", {"project": "quick", "model": "fast", "params": {"blob": "x" * size}}
                )
            assert (raised.value.code, raised.value.status) == (code, 2)
            assert raised.value.hint


def test_a_million_tags_and_names_of_metrics_end_at_the_limit(served_home: Home) -> None:
    done = log(
        served_home,
        "[run._journal.tag(f't{i}', 'v') for i in range(1_000_000)]; [run.log_metric(f'm{i}', 1.0) for i in range(10_003)]; [run.log_metric('m1', 2.0, 7)]",
    )
    assert int(done.stdout) == 1_000_000 - MAX_NAMES + 10_003 - MAX_NAMES
    assert "a run has at most 10,000 names of tags" in done.stderr and done.stderr.count("mlops-tui:") == 1
    start = time.monotonic()
    detail = shown(served_home)
    assert (len(detail.tags), len(detail.metrics), detail.metrics["m1"].last) == (MAX_NAMES, MAX_NAMES, 2.0)
    assert time.monotonic() - start < 30
    with connect(served_home) as client:
        rows = client.call("sql", {"query": "SELECT sum(dropped)::BIGINT FROM offsets"}).rows
    assert rows == [[int(done.stdout)]]


def test_a_line_without_end_costs_a_bad_line_and_no_memory(served_home: Home) -> None:
    log(served_home, "run.log_metric('a', 1.0)")
    run_id = shown(served_home).run_id
    journal = next((served_home.run_dir(run_id) / "journal").glob("*.jsonl"))
    with connect(served_home) as client:
        pid = client.ping().pid
        before = int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
        with open(journal, "ab") as file:
            file.write(b'["p","x","')
            file.truncate(file.tell() + (1 << 28))  # so many NULs, which takes no room
            file.seek(0, os.SEEK_END)
            file.write(b'"]\n["m","b",0,1,2.0]\n')
        served_home.inbox.mkdir(exist_ok=True)
        (served_home.inbox / run_id).touch()
        deadline = time.monotonic() + 60
        while "b" not in client.call("run show", {"run_id": run_id}).metrics:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert client.call("sql", {"query": "SELECT sum(bad_lines)::BIGINT FROM offsets"}).rows == [[1]]
        after = int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
        assert client.ping().pid == pid
    assert after - before < 200


def test_a_log_of_a_gigabyte_keeps_its_ends_and_is_shown_in_pieces(served_home: Home) -> None:
    log(served_home, "pass")
    detail = shown(served_home)
    path = RunFolder(served_home.run_dir(detail.run_id)).log
    with open(path, "wb") as file:
        file.write(b"the first line\n")
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe last line\n")
    LogCap(str(path)).check()
    with connect(served_home) as client:
        start = time.monotonic()
        head = client.call("run logs", {"run_id": detail.run_id, "offset": 0})
        tail = client.call("run logs", {"run_id": detail.run_id, "tail": 1})
        took = time.monotonic() - start
    assert head.text.startswith("the first line") and len(head.text) <= 1 << 20
    assert tail.text.endswith("a log is capped]\nthe last line\n") and tail.size > 1 << 30
    assert took < 5
