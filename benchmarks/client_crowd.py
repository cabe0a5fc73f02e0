"""Many client processes at once on the daemon of a home, and what they and the daemon took."""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client_work import Work

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui import processes
from mlops_tui.client import connect


@dataclass
class Stand:
    """A served home and the ids of its runs; the last one has the long curve."""

    home: Home
    runs: list[str]
    folder: Path
    pid: int


@dataclass
class Sample:
    """What the daemon holds: megabytes resident, open descriptors."""

    rss: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def take(self, pid: int) -> None:
        status = Path(f"/proc/{pid}/status").read_text()
        self.rss.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        self.descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))


def _client(
    home: Home, work: Work, number: int, runs: list[str], folder: Path, pause: float, until: float, pipe: Any
) -> None:
    """One process: works until the time is up, then sends its latencies in ms and the processor seconds that it took."""
    chance, took, unanswered = random.Random(number), [], 0
    mine = folder / f"p{number}"
    mine.mkdir(exist_ok=True)
    (mine / "mlops.toml").write_text(f'[project]\nname = "{mine.name}"\n')
    with connect(home, autostart=False) as client:
        before = time.process_time()
        while time.monotonic() < until:
            start = time.perf_counter()
            try:
                work(client, chance, mine, runs)
            except Problem as problem:
                if problem.code != "too_slow":
                    raise
                unanswered += 1
            took.append((time.perf_counter() - start) * 1000)
            if pause:
                time.sleep(pause * (0.5 + chance.random()))
        used = time.process_time() - before
    pipe.send((took, used, unanswered))


def crowd(
    stand: Stand, work: Work, clients: int, seconds: float, pause: float = 0.0, watch: Sample | None = None
) -> dict[str, Any]:
    """`clients` processes at `work` for `seconds`; what they saw together."""
    until, pipes, processes, before = time.monotonic() + seconds, [], [], _cpu_seconds(stand.pid)
    for number in range(clients):
        here, there = multiprocessing.Pipe(duplex=False)
        words = (stand.home, work, number, stand.runs, stand.folder, pause, until, there)
        processes.append(multiprocessing.Process(target=_client, args=words))
        processes[-1].start()
        there.close()
        pipes.append(here)
    while watch is not None and time.monotonic() < until:
        watch.take(stand.pid)
        time.sleep(min(1.0, seconds / 20))
    told = [pipe.recv() for pipe in pipes]
    took = sorted(value for values, _, _ in told for value in values)
    for process in processes:
        process.join()
    return {
        "clients": clients,
        "seconds": round(seconds, 1),
        "pause_ms": round(pause * 1000),
        "questions": len(took),
        "per_second": round(len(took) / seconds),
        "p50_ms": round(statistics.median(took), 1),
        "p99_ms": round(took[int(len(took) * 0.99)], 1),
        "worst_ms": round(took[-1], 1),
        "daemon_cpu_ms": round((_cpu_seconds(stand.pid) - before) / len(took) * 1000, 2),
        "client_cpu_ms": round(sum(used for _, used, _ in told) / len(took) * 1000, 2),
        "load": round(os.getloadavg()[0], 1),
        **({"unanswered": late} if (late := sum(count for _, _, count in told)) else {}),
    }


def _cpu_seconds(pid: int) -> float:
    """What a process has used, its threads and its ended children together. Raises ProcessLookupError."""
    row = processes.read(pid)
    if row is None:
        raise ProcessLookupError(f"process {pid} is gone")
    return row.cpu_seconds


@contextmanager
def beside(target: Callable[..., None], *words: Any) -> Iterator[None]:
    """A process that does something else meanwhile, until the block ends."""
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=target, args=(*words, ready), daemon=True)
    process.start()
    ready.wait(30)
    try:
        yield
    finally:
        process.kill()
        process.join()
