"""Too much of anything has an end, and a word that says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.journal import MAX_NAMES, MAX_TEXT
from mlops_store.run_folder import RunFolder
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.worker.output import Output


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One home and daemon for all: it has to bear each of them."""
    home = Home(tmp_path_factory.mktemp("caps") / "home")
    with connect(home) as client:
        pid = client.ping().pid
        yield home
        assert client.ping().pid == pid
    stop_daemon(home, 30.0)


@dataclass(frozen=True)
class Logged:
    """What became of a script: the run as the daemon shows it, lines that it says it dropped, its complaints."""

    run: RunDetail
    dropped: int
    complaints: str


def until(what: Callable[[], Any]) -> Any:
    """The first true answer."""
    end = time.monotonic() + 60.0
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def log(home: Home, code: str) -> Logged:
    """A script that logs into the home, and the run when the daemon has all of it."""
    text = f"import mlops_tui\nwith mlops_tui.start_run(project='p') as run:\n    {code}\nprint(run.run_id, run.dropped)"
    env = {**os.environ, "MLOPS_TUI_HOME": str(home.path)}
    done = subprocess.run([sys.executable, "-c", text], env=env, capture_output=True, text=True, check=True)
    run_id, dropped = done.stdout.split()
    with connect(home, autostart=False) as client:
        run = until(lambda: over(client, run_id))
    return Logged(run, int(dropped), done.stderr)


def over(client: Client, run_id: str) -> RunDetail | None:
    """The run, once it is there and has ended."""
    if not client.call("run list", {"filter": f"id = {run_id}"}).items:
        return None
    found: RunDetail = client.call("run show", {"run_id": run_id})
    return found if found.ended else None


def test_a_parameter_of_10_mb_is_cut_and_says_so(served: Home) -> None:
    detail = log(
        served,
        "run.log_param('blob', 'x' * 10_000_000); run.set_tag('blob', 'y' * 10_000_000); run.log_param('list', list(range(3_000_000)))",
    ).run
    for text in (detail.params["blob"], detail.tags["blob"], detail.params["list"]):
        assert len(text) <= MAX_TEXT
        assert text.endswith("characters]") and "[cut: " in text


def test_a_large_parameter_of_a_start_is_refused_with_what_to_do(
    served: Home, make_project: Callable[..., Path]
) -> None:
    folder = make_project()
    with connect(served) as client:
        client.call("project add", {"dir": str(folder)})
        for size, code in ((10_000_000, "too_large"), (MAX_TEXT + 1, "bad_param")):
            with pytest.raises(Problem) as raised:
                client.call(
                    "run start", {"project": "quick", "model": "fast", "params": {"blob": "x" * size}}
                )
            assert (raised.value.code, raised.value.status) == (code, 2)
            assert raised.value.hint


def test_a_million_tags_and_names_of_metrics_end_at_the_limit(served: Home) -> None:
    done = log(
        served,
        "[run._journal.tag(f't{i}', 'v') for i in range(1_000_000)]; [run.log_metric(f'm{i}', 1.0) for i in range(10_003)]; [run.log_metric('m1', 2.0, 7)]",
    )
    assert done.dropped == 1_000_000 - MAX_NAMES + 10_003 - MAX_NAMES
    assert (
        "a run has at most 10,000 names of tags" in done.complaints
        and done.complaints.count("mlops-tui:") == 1
    )
    detail = done.run
    assert (len(detail.tags), len(detail.metrics), detail.metrics["m1"].last) == (MAX_NAMES, MAX_NAMES, 2.0)
    assert detail.dropped == done.dropped


def test_a_line_without_end_costs_a_bad_line_and_no_memory(served: Home) -> None:
    run_id = log(served, "run.log_metric('a', 1.0)").run.run_id
    journal = next((served.run_dir(run_id) / "journal").glob("*.jsonl"))
    with connect(served) as client:
        pid = client.ping().pid
        before = int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
        with open(journal, "ab") as file:
            file.write(b'["p","x","')
            file.truncate(file.tell() + (1 << 28))  # so many NULs, which takes no room
            file.seek(0, os.SEEK_END)
            file.write(b'"]\n["m","b",0,1,2.0]\n')
        served.inbox.mkdir(exist_ok=True)
        (served.inbox / run_id).touch()
        until(lambda: "b" in client.call("run show", {"run_id": run_id}).metrics)
        query = f"SELECT sum(bad_lines)::BIGINT FROM offsets WHERE run_id = '{run_id}'"
        assert client.call("sql", {"query": query}).rows == [[1]]
        after = int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
        assert client.ping().pid == pid
    assert after - before < 200


def test_a_log_of_a_gigabyte_keeps_its_ends_and_is_shown_in_pieces(served: Home) -> None:
    """`runs/test_output` has it capped while it grows, with and without a shim."""
    detail = log(served, "pass").run
    path = RunFolder(served.run_dir(detail.run_id)).log
    with open(path, "wb") as file:
        file.write(b"the first line\n")
        file.truncate(1 << 30)
    output = Output(str(path.parent), 1, ())
    os.write(output.writer, b"\nthe last line\n")
    output.close_writer()
    assert output.finish(10.0)
    with connect(served) as client:
        start = time.monotonic()
        head = client.call("run logs", {"run_id": detail.run_id, "offset": 0})
        tail = client.call("run logs", {"run_id": detail.run_id, "tail": 1})
        took = time.monotonic() - start
    assert head.text.startswith("the first line") and len(head.text) <= 1 << 20
    assert tail.text.endswith("a log is capped]\nthe last line\n") and tail.size > 1 << 30
    assert took < 5
