"""32 clients at once, the short form of the soak of `benchmarks/clients.py`: the daemon's memory and descriptors stay as they are."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from run_box import until

from mlops_store.home import Home
from mlops_tui.client import Client, connect
from mlops_tui.sdk import start_run

CLIENTS, WARM, QUESTIONS = 32, 8, 12


def held_by(pid: int) -> tuple[int, int]:
    """Megabytes resident, open descriptors."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) >> 10, len(os.listdir(f"/proc/{pid}/fd"))


def ask(client: Client, chance: random.Random, folder: Path, run_id: str) -> None:
    """What screens and scripts ask, and now and then a decision, a listener, SQL."""
    dice = chance.random()
    if dice < 0.3:
        assert client.call("run show", {"run_id": run_id}).metrics["x"].count == 100
    elif dice < 0.6:
        assert len(client.call("run list", {"limit": 20}).items) == 1
    elif dice < 0.85:
        assert client.call("run metrics", {"run_id": run_id, "keys": ["x"]})
    elif dice < 0.95:
        client.call("project add", {"dir": str(folder)})
        client.call("project remove", {"name": folder.name})
    elif dice < 0.99:
        events = client.events(follow=True)
        assert next(events).type == "hello"  # type: ignore[union-attr]
        events.close()  # type: ignore[attr-defined]
    else:
        assert client.call("sql", {"query": "SELECT count(*) FROM runs"}).rows == [[1]]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="memory and descriptors are read from /proc")
def test_32_clients_leave_memory_and_descriptors_as_they_were(served_home: Home, tmp_path: Path) -> None:
    with start_run("p", home=served_home.path) as run:
        for step in range(100):
            run.log_metric("x", step, step=step)
    paused = Barrier(CLIENTS + 1)

    def work(number: int) -> int:
        chance, folder = random.Random(number), tmp_path / f"p{number}"
        folder.mkdir()
        (folder / "mlops.toml").write_text(f'[project]\nname = "p{number}"\n')
        with connect(served_home, autostart=False) as client:
            for questions in (WARM, QUESTIONS):
                for _ in range(questions):
                    ask(client, chance, folder, run.run_id)
                paused.wait(120)
                paused.wait(120)
        return number

    with connect(served_home) as client, ThreadPoolExecutor(CLIENTS) as pool:
        pid = client.ping().pid
        alone = held_by(pid)
        working = [pool.submit(work, number) for number in range(CLIENTS)]
        paused.wait(120)
        warm = held_by(pid)
        paused.wait(120)
        paused.wait(120)
        hot = held_by(pid)
        paused.wait(120)
        assert sorted(each.result() for each in working) == list(range(CLIENTS))
        assert hot[0] - warm[0] < 30 and hot[1] - warm[1] <= 8, (alone, warm, hot)
        assert alone[1] + CLIENTS <= hot[1] <= alone[1] + CLIENTS + 40, (
            "a descriptor for each, and the readers' own"
        )
        until(lambda: held_by(pid)[1] <= alone[1] + 40)
        assert client.ping().pid == pid
    assert "Traceback" not in served_home.log_file.read_text()
