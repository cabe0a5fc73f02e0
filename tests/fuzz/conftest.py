"""A daemon with something in it, for questions of all kinds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hostile import Stand

from mlops_store.home import Home
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import connect

CONFIG = """
[project]
name = "fuzzed"
[source.rows]
path = "data/*.csv"
key = ["k"]
[model.fast]
command = "true"
metric = "score"
[model.late]
spine = "rows"
target = "y"
task = "classification"
"""
CODE = "import mlops_tui\nwith mlops_tui.start_run(project='fuzzed', params={'lr': 0.1}) as r: r.log_metric('score', 0.5); r.set_tag('a', 'b')"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A home with a project, a finished run and a daemon, which must be the same one at the end."""
    folder = tmp_path_factory.mktemp("fuzz")
    home, project = Home(folder / "home"), folder / "fuzzed"
    (project / "data").mkdir(parents=True)
    (project / "mlops.toml").write_text(CONFIG)
    env = {**os.environ, "MLOPS_TUI_HOME": str(home.path)}
    subprocess.run([sys.executable, "-c", CODE], env=env, check=True)
    try:
        with connect(home, idle_exit=0) as client:
            client.call("project add", {"dir": str(project)})
            [run] = client.call("run list").items
            stand = Stand(
                home, client.ping().pid, ("fuzzed", "fast", "late", "rows", "score", run.run_id, str(project))
            )
        yield stand
        with connect(home, autostart=False) as client:
            assert client.ping().pid == stand.pid, "the daemon did not survive"
        log = home.log_file.read_text(errors="replace")
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:4000]
    finally:
        stop_daemon(home, 30.0)
