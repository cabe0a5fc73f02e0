"""What a script did is there for the next question, though the daemon's loop has not come to it yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from mlops_store.home import Home
from mlops_tui.client import connect

SCRIPT = """
import mlops_tui
with mlops_tui.start_run(project="lab", name="{name}") as run:
    run.log_metric("loss", 0.5)
"""


def test_a_script_that_has_ended_is_in_the_list_at_once(served_home: Home, tmp_path: Path) -> None:
    env = {**os.environ, "MLOPS_TUI_HOME": str(served_home.path)}
    connect(served_home).close()
    for number in range(3):
        script = SCRIPT.format(name=f"try-{number}")
        subprocess.run([sys.executable, "-c", script], env=env, cwd=tmp_path, check=True, timeout=60)
        asked = [sys.executable, "-m", "mlops_tui", "run", "list", "--json"]
        said = subprocess.run(asked, env=env, cwd=tmp_path, check=True, timeout=60, capture_output=True)
        newest = json.loads(said.stdout)["items"][0]
        assert (newest["name"], newest["state"]) == (f"try-{number}", "FINISHED")


def test_each_look_at_runs_finds_the_beginning_and_the_end(served_home: Home) -> None:
    from mlops_tui.sdk.start import start_run

    with connect(served_home) as client:
        for _ in range(10):
            run = start_run(project="lab", home=served_home.path)
            assert client.call("run show", {"run_id": run.run_id}).state == "RUNNING"
            run.finish()
            assert client.call("run show", {"run_id": run.run_id}).state == "FINISHED"
