"""`run show` answers from memory what has not changed, and from the index what has."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client import connect


def test_an_ended_run_is_shown_as_it_is_now(served_home: Home) -> None:
    code = "import mlops_tui\nwith mlops_tui.start_run(project='p', params={'a': 1}) as run: run.log_metric('m', 1.0)"
    env = {**os.environ, "MLOPS_TUI_HOME": str(served_home.path)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    with connect(served_home) as client:
        [run] = client.call("run list").items
        ask = {"run_id": run.run_id}
        first = client.call("run show", ask)
        assert first.state == "FINISHED" and first.params == {"a": 1}
        assert client.call("run show", ask) == first == client.call("run show", {"run_id": run.run_id[:20]})
        client.call("run tag", {**ask, "tags": {"owner": "ann"}})
        assert client.call("run show", ask).tags == {"owner": "ann"}
        assert client.call("run show", ask).tags == {"owner": "ann"}
        client.call("run delete", {"runs": [run.run_id]})
        for _ in range(2):
            with pytest.raises(Problem) as raised:
                client.call("run show", ask)
            assert raised.value.code == "run_deleted"
        client.call("run restore", {"runs": [run.run_id]})
        assert client.call("run show", ask).tags == {"owner": "ann"}
