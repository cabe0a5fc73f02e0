"""One stage of a pipeline: its inputs, its cache, and what it may write."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.home import scratch
from mlops_store.ids import check_name, now_ms
from mlops_store.redact import redact_text
from mlops_tui.worker import stage_cache
from mlops_tui.worker.stage_cache import StageRecord
from mlops_tui.worker.stage_code import closure

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig, ProjectConfig
    from mlops_tui.worker.context import WorkerContext


class StageContext:
    """What a stage's `run(ctx)` gets: files of the stages before it, a folder to write into, a journal that can be replayed."""

    def __init__(
        self, worker: WorkerContext, record: StageRecord, out: Path, done: dict[str, StageRecord]
    ) -> None:
        self.worker = worker
        self.record = record
        self.out = out
        self._done = done

    @property
    def config(self) -> ProjectConfig:
        return self.worker.config

    @property
    def model(self) -> ModelConfig:
        return self.worker.model

    @property
    def facts(self) -> dict[str, Any]:
        """Small JSON values that this stage leaves for later stages; they are kept with its outputs."""
        return self.record.facts

    def fact(self, stage: str, name: str, default: Any = None) -> Any:
        """A fact of a stage before this one."""
        return self._done[stage].facts.get(name, default)

    def outputs(self, stage: str) -> dict[str, Any]:
        """What a stage before this one wrote: name → digest."""
        return self._done[stage].outputs

    def path(self, stage: str, name: str) -> Path:
        """A file that a stage before this one wrote."""
        return Path(self._done[stage].folder) / name

    def log(self, message: str) -> None:
        self.worker.log(message)

    # --- the journal; all of it is written again on a cache hit ---

    def metric(self, key: str, value: float, step: int | None = None) -> None:
        self.worker.journal.metric(key, value, step)
        self.record.replay.append(["m", key, step, _plain(value)])

    def param(self, key: str, value: Any) -> None:
        self.worker.log_params({key: value})
        self.record.replay.append(["p", key, value])

    def tag(self, key: str, value: str) -> None:
        self.worker.journal.tag(key, value)
        self.record.replay.append(["t", key, value])

    def artifact(self, name: str, logical: str = "") -> None:
        """Makes a file of this stage's folder (`ctx.out / name`) an artifact of the run under `logical`."""
        logical = logical or name
        self.worker.add_artifact(self.out / name, logical)
        self.record.replay.append(["a", name, logical])


def _plain(value: float) -> float | str:
    """JSON has no NaN: the replay keeps such values as text."""
    return value if value - value == 0 else str(value)


class Stages:
    """Runs stages in order, each once: from the cache where nothing it depends on has changed.

    A stage module has `run(ctx: StageContext) -> None` and may have: `INPUTS` (names of the stages it reads),
    `inputs(worker) -> dict` (other things it depends on, JSON, readable), `CODE` (modules of ours that
    it runs without importing them; what it imports counts by itself), `USES_RECIPE` (the user's code counts), `CACHED = False` (never from the cache).
    """

    def __init__(self, worker: WorkerContext) -> None:
        self.worker = worker
        self.done: dict[str, StageRecord] = {}
        self._log: list[StageRecord] = []

    def run(self, module: ModuleType) -> StageRecord:
        """Runs or finds one stage. Raises what the stage raises, after recording that it failed."""
        name = module.__name__.rpartition(".")[2]
        self.worker.current_stage = name
        behind = closure(module.__name__, *getattr(module, "CODE", ()))
        code, inputs = behind.code, self._inputs(module, behind.versions)
        key = stage_cache.stage_key(name, code, inputs)
        cached = bool(getattr(module, "CACHED", True))
        folder = self._folder(name, key) if cached else self.worker.attempt_dir / "work" / name
        started = time.monotonic()
        found = stage_cache.find(folder) if cached else None
        record = found or StageRecord(
            name=name, key=key, code=code, inputs=inputs, run_id=self.worker.spec.run_id
        )
        record.started, record.attempt, record.folder = now_ms(), self.worker.attempt, str(folder)
        self._log.append(record)
        if found:
            self._replay(found, folder)
        else:
            self._execute(module, record, folder)
        record.ended, record.seconds = now_ms(), round(time.monotonic() - started, 3)
        self._write("cached" if found else "finished")
        self.done[name] = record
        self.worker.current_stage = ""
        return record

    def _inputs(self, module: ModuleType, libraries: dict[str, str]) -> dict[str, Any]:
        inputs: dict[str, Any] = {f"stage {n}": self.done[n].digest for n in getattr(module, "INPUTS", ())}
        own = getattr(module, "inputs", None)
        if own is not None:
            inputs |= own(self.worker)
        if getattr(module, "USES_RECIPE", False):
            inputs["recipe code"] = self.worker.recipe.code_hash
            inputs["packages"] = self.worker.recipe.packages
        inputs["libraries"] = libraries
        return inputs

    def _folder(self, name: str, key: str) -> Path:
        return self.worker.home.cache / check_name(self.worker.spec.project, "project") / name / key

    def _execute(self, module: ModuleType, record: StageRecord, folder: Path) -> None:
        out = scratch(self.worker.home, f"stage-{record.name}")
        self._write("started")
        try:
            module.run(StageContext(self.worker, record, out, self.done))
            record.outputs = stage_cache.output_files(out)
            record.digest = stage_cache.stage_key(
                record.name, "", {"outputs": record.outputs, "facts": record.facts}
            )
            record.state = "finished"
            if folder.parent.name == "work":
                shutil.rmtree(folder, ignore_errors=True)
            stage_cache.keep(out, folder, record)
        except BaseException as error:
            text = error.message if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
            record.error = redact_text(text)
            with contextlib.suppress(OSError):
                self._write("failed")
            raise
        finally:
            shutil.rmtree(out, ignore_errors=True)

    def _replay(self, record: StageRecord, folder: Path) -> None:
        """A hit leaves the same metrics, parameters, tags and artifacts in this run as the work did in the first."""
        self.worker.log(f"unchanged, taken from run {record.run_id[:12]}")
        journal = self.worker.journal
        for line in record.replay:
            if line[0] == "m":
                journal.metric(line[1], float(line[3]), line[2])
            elif line[0] == "p":
                self.worker.log_params({line[1]: line[2]})
            elif line[0] == "t":
                journal.tag(line[1], line[2])
            else:
                self.worker.add_artifact(folder / line[1], line[2])

    def _write(self, state: str) -> None:
        """Journals the state and rewrites the attempt's `stages.json` (for `run why`)."""
        record = self._log[-1]
        record.state = state
        info: dict[str, Any] = {"key": record.key, "seconds": record.seconds, "run_id": record.run_id}
        if record.error:
            info["error"] = record.error
        self.worker.journal.stage(record.name, state, **info)
        write_json(self.worker.attempt_dir / "stages.json", self._log)
