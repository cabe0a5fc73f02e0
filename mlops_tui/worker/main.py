"""A worker process: `python -m mlops_tui.worker.main RUN_DIR ATTEMPT`.

Exit 0: ran to the end, outcome.json is there. Exit 1: failed; the reason is in the log and in
`attempts/<n>/error.json` ({"code", "message", "hint", "status", "stage"}). Exit 2: called wrongly.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.redact import redact_text
from mlops_tui.worker.context import WorkerContext

KINDS = {
    "train": "mlops_tui.worker.training.pipeline",
    "ingest": "mlops_tui.worker.production.ingest",
    "drift": "mlops_tui.worker.production.drift",
    "evaluate": "mlops_tui.worker.production.evaluate",
    "score": "mlops_tui.worker.production.score",
    "inspect": "mlops_tui.worker.production.inspect",
    "features": "mlops_tui.worker.production.features",
    "gc": "mlops_tui.worker.production.gc",
}
"""Kind of run → the module whose `run(ctx: WorkerContext) -> None` does it."""


def main(arguments: list[str]) -> int:
    """Runs one attempt. Returns the exit code."""
    if len(arguments) != 2 or not arguments[1].isdigit():
        sys.stderr.write("usage: python -m mlops_tui.worker.main RUN_DIR ATTEMPT\n")
        return 2
    run_dir, attempt = Path(arguments[0]), int(arguments[1])
    worker: WorkerContext | None = None
    started = time.monotonic()
    try:
        worker = WorkerContext.open(run_dir, attempt)
        _entry(worker.spec.kind)(worker)
    except Problem as problem:
        _failed(run_dir, attempt, worker, problem)
        return 1
    except MemoryError:
        _failed(
            run_dir,
            attempt,
            worker,
            Problem("out_of_memory", "there was not enough memory", "use a shorter training window"),
        )
        return 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: a crash becomes a record with its traceback
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"
        _failed(
            run_dir, attempt, worker, Problem("worker_crashed", text, "the traceback is in the run's log")
        )
        return 1
    worker.log(f"done in {time.monotonic() - started:.1f} s")
    worker.journal.close()
    return 0


def _entry(kind: str) -> Callable[[WorkerContext], None]:
    if kind not in KINDS:
        raise Problem(
            "unknown_kind", f"a worker cannot do runs of kind {kind!r}", f"it can do {', '.join(KINDS)}"
        )
    entry: Callable[[WorkerContext], None] = import_module(KINDS[kind]).run
    return entry


def _failed(run_dir: Path, attempt: int, worker: WorkerContext | None, problem: Problem) -> None:
    stage = worker.current_stage if worker else ""
    message, hint = redact_text(problem.message), redact_text(problem.hint)
    sys.stdout.write(f"FAILED{f' in {stage}' if stage else ''}: {message}{f' ({hint})' if hint else ''}\n")
    sys.stdout.flush()
    record = {
        "code": problem.code,
        "message": message,
        "hint": hint,
        "status": problem.status,
        "stage": stage,
    }
    write_json(run_dir / "attempts" / str(attempt) / "error.json", record)
    if worker:
        worker.journal.close()


if __name__ == "__main__":
    os.umask(
        0o077
    )  # what it writes belongs to the home; a command of the user's own keeps the umask of its terminal
    sys.exit(main(sys.argv[1:]))
