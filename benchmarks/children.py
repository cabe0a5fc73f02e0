"""A function measured in a process of its own: CPU, wall and memory are those of nothing else."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Turn:
    """What a function returned and what it took. `peak_mb` is the most memory of its whole process, `grown_mb` what came on top of its imports."""

    value: Any
    cpu_s: float
    wall_s: float
    peak_mb: float
    grown_mb: float


def peak_mb() -> float:
    """Peak resident memory of this process. Not from getrusage, which keeps the parent's peak over exec on Linux."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return int(next(x for x in status.read_text().splitlines() if x.startswith("VmHWM")).split()[1]) / 1024


def measured(function: Callable[..., Any], *arguments: Any, imports: Sequence[str] = ()) -> Turn:
    """One turn of a function that a module names, with arguments that can be pickled; `imports` are modules that are there before it is
    measured. Raises EOFError where its process died."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(function, arguments, imports, sender))
    process.start()
    sender.close()
    try:
        return Turn(*receiver.recv())
    finally:
        process.join()


def _child(
    function: Callable[..., Any], arguments: tuple[Any, ...], imports: Sequence[str], pipe: Any
) -> None:
    for name in imports:
        import_module(name)
    start, before, began = peak_mb(), resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    value = function(*arguments)
    wall, after, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF), peak_mb()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    pipe.send((value, cpu, wall, peak, peak - start))
