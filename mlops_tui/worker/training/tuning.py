"""The search: Optuna by ask and tell, in memory, seeded, ranked by cross-validation inside the training rows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mlops_store.errors import Problem
from mlops_tui.worker.statistics.bootstrap import interval
from mlops_tui.worker.statistics.metrics import Metric
from mlops_tui.worker.training import families
from mlops_tui.worker.training.encoding import Encoding, Matrix
from mlops_tui.worker.training.families import Family, Job, Params
from mlops_tui.worker.training.folds import ALL, Fold, in_window, thinned

Floats = npt.NDArray[np.float64]

TRAIN_ROWS = 40_000
"""Rows a fold is fitted on at most during search (a sample of the fold): ranking needs no more."""
VALID_ROWS = 20_000
OPTIMISTIC = "optimistic: chosen by search"
_RESAMPLES = 400


class Entry(msgspec.Struct, kw_only=True):
    """One line of leaderboard.json. `score` is the mean over `folds`; null where the trial failed (`error`).

    `low` and `high` bound the mean at 95 % (cluster bootstrap per fold); they are optimistic, since the best of
    many was chosen on the same folds. `fit_seconds` is for all folds together.
    """

    trial: int
    family: str
    params: dict[str, Any]
    window: str
    score: float | None = None
    folds: list[float] = []
    fit_seconds: float = 0.0
    low: float | None = None
    high: float | None = None
    interval: str = ""
    state: str = "finished"
    error: str = ""


class Board(msgspec.Struct, kw_only=True):
    """leaderboard.json: entries best first, the naive baseline among them."""

    metric: str
    direction: str
    entries: list[Entry]
    winner: int
    folds: list[dict[str, Any]]
    seed: int
    stopped: str = ""
    note: str = OPTIMISTIC

    def best(self) -> Entry:
        return next(entry for entry in self.entries if entry.trial == self.winner)


@dataclass
class Rows:
    """What is searched on: training rows only. `times` are ms; `clusters` any labels, shape (n,)."""

    matrix: Matrix
    target: Floats
    clusters: npt.NDArray[Any]
    times: npt.NDArray[np.int64] | None
    folds: list[Fold]


class Start(msgspec.Struct, kw_only=True, frozen=True):
    """A point of the space to begin with."""

    family: str
    params: dict[str, Any]
    window: str


@dataclass
class Setup:
    """How to search. `fixed` are parameters that override every family's own (`--set`, [model.x.params]).

    `start` is what the champion was made with: tried first, so that a challenger does not lose by the luck of the draw.
    """

    task: str
    metric: Metric
    classes: int
    encoding: Encoding
    families: list[Family]
    windows: list[str] = field(default_factory=lambda: [ALL])
    trials: int = 10
    timeout: float = 600.0
    seed: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    start: Start | None = None
    log: Callable[[str], None] = print
    point: Callable[[str, float, int], None] = lambda key, value, step: None


def search(rows: Rows, setup: Setup) -> Board:
    """Runs the trials and returns the board. Raises Problem where every trial failed, or nothing can be scored."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=setup.seed, multivariate=True, group=True, n_startup_trials=8
        )
    study = optuna.create_study(
        direction="maximize" if setup.metric.direction == "max" else "minimize", sampler=sampler
    )
    run = _Search(rows, setup, study)
    with quiet():
        run.baseline()
        run.trials()
    return run.board()


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of fits that stopped before they converged: a score says how good they are."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=ConvergenceWarning)
        yield


class _Search:
    def __init__(self, rows: Rows, setup: Setup, study: Any) -> None:
        self.rows, self.setup, self.study = rows, setup, study
        self.sign = 1.0 if setup.metric.direction == "max" else -1.0
        self.entries: list[Entry] = []
        self.predictions: dict[int, list[tuple[npt.NDArray[np.int64], Floats]]] = {}
        self.stopped = ""

    # --- trials ---

    def baseline(self) -> None:
        """The naive model: on the board, never the winner."""
        entry = Entry(trial=-1, family=families.NAIVE, params={}, window=ALL)
        self._score(entry, families.FAMILIES[families.NAIVE])
        self.entries.append(entry)
        if entry.score is None:
            raise Problem("search_failed", f"not even the naive baseline can be scored: {entry.error}",
                          "look at the target: each fold needs rows, and both classes", status=1)  # fmt: skip
        self.setup.log(f"naive baseline: {self.setup.metric.name} {entry.score:.4f}")

    def trials(self) -> None:
        began = time.monotonic()
        first = self._queue_first()
        count = max(self.setup.trials, 1)
        for number in range(count):
            if number and time.monotonic() - began > self.setup.timeout:
                self.stopped = f"timeout after {number} of {count} trials"
                self.setup.log(self.stopped)
                break
            if number == first:
                self._queue_windows()
            self._trial(number, count)

    def _queue_first(self) -> int:
        """The champion's point, where this search has it in its space, then each family's defaults. Returns their number."""
        queued = 0
        start, windows = self.setup.start, self.setup.windows
        for family in self.setup.families:
            if (
                start is not None
                and family.name == start.family
                and set(start.params) == set(family.defaults)
            ):
                window = start.window if start.window in windows else windows[0]
                self.study.enqueue_trial(self._queued(family, start.params, window))
                queued += 1
        for family in self.setup.families:
            self.study.enqueue_trial(self._queued(family, family.defaults, windows[0]))
        return queued + len(self.setup.families)

    def _queue_windows(self) -> None:
        """Once each family has shown its defaults, the best of them tries the other windows."""
        best = self._best()
        if best is not None:
            family = next(f for f in self.setup.families if f.name == best.family)
            for window in self.setup.windows:
                if window != best.window:
                    self.study.enqueue_trial(self._queued(family, family.defaults, window))

    def _queued(self, family: Family, params: Mapping[str, Any], window: str) -> Params:
        queued: Params = {f"{family.name}.{key}": value for key, value in params.items()}
        if len(self.setup.families) > 1:
            queued["family"] = family.name
        if len(self.setup.windows) > 1:
            queued["window"] = window
        return queued

    def _trial(self, number: int, count: int) -> None:
        import optuna

        trial = self.study.ask()
        names = [family.name for family in self.setup.families]
        name = trial.suggest_categorical("family", names) if len(names) > 1 else names[0]
        windows = self.setup.windows
        window = trial.suggest_categorical("window", windows) if len(windows) > 1 else windows[0]
        family = next(f for f in self.setup.families if f.name == name)
        params = self._params(trial, family)
        entry = Entry(trial=number, family=name, params=params, window=window)
        self._score(entry, family)
        self.entries.append(entry)
        if entry.score is None:
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            self.setup.log(f"trial {number + 1}/{count} {name}: failed: {entry.error}")
            return
        self.study.tell(trial, entry.score)
        self.setup.point("search/score", entry.score, number)
        best = self._best()
        mark = " (best so far)" if best is entry else ""
        self.setup.log(
            f"trial {number + 1}/{count} {name} window {window}: {self.setup.metric.name} {entry.score:.4f}, {entry.fit_seconds:.1f} s{mark}"
        )

    def _params(self, trial: Any, family: Family) -> Params:
        """The family's own draw, with the fixed parameters over it; a list among those is drawn from."""
        params = family.space(trial, f"{family.name}.")
        for key, value in self.setup.fixed.items():
            if family.name == USER or key in family.defaults:
                listed = isinstance(value, list)
                params[key] = (
                    value[trial.suggest_int(f"{family.name}.{key}[]", 0, len(value) - 1)] if listed else value
                )
        return params

    def _score(self, entry: Entry, family: Family) -> None:
        """Fits and scores all folds into `entry`. What an estimator raises is recorded there, never fatal."""
        try:
            entry.folds, entry.fit_seconds = self._folds(entry, family)
        except Exception as error:  # noqa: BLE001 - estimators are foreign code: any failure belongs to its trial
            entry.state, entry.error = "failed", f"{type(error).__name__}: {error}"[:500]
            return
        finite = [value for value in entry.folds if np.isfinite(value)]
        if not finite:
            entry.state, entry.error, entry.folds = (
                "failed",
                f"{self.setup.metric.name} is undefined in every fold",
                [],
            )
            return
        entry.folds = finite
        entry.score = float(np.mean(finite))

    def _folds(self, entry: Entry, family: Family) -> tuple[list[float], float]:
        began = time.perf_counter()
        kept = [self._fold(entry, family, place) for place in range(len(self.rows.folds))]
        seconds = time.perf_counter() - began
        self.predictions[entry.trial] = kept
        self._forget()
        target = self.rows.target
        return [self.setup.metric(target[valid], predicted) for valid, predicted in kept], round(seconds, 3)

    def _fold(self, entry: Entry, family: Family, place: int) -> tuple[npt.NDArray[np.int64], Floats]:
        """Fits and predicts one fold; returns the row numbers and their predictions."""
        rows, fold, setup = self.rows, self.rows.folds[place], self.setup
        train = in_window(rows.times, fold.train, fold.end, entry.window)
        train = thinned(train, min(TRAIN_ROWS, family.max_rows or TRAIN_ROWS), setup.seed + place)
        valid = thinned(fold.valid, VALID_ROWS, setup.seed + place)
        model = fit(family, entry.params, rows.matrix[train], rows.target[train], setup)
        return valid, families.predict(model, rows.matrix[valid], setup.task, setup.classes)

    def _forget(self) -> None:
        """Keeps the predictions of each family's best trial only: memory is rows × families, not × trials."""
        keep = {self.entries[-1].trial} if self.entries else set()
        for name in {entry.family for entry in self.entries}:
            best = self._best(name)
            keep |= {best.trial} if best else set()
        newest = next(reversed(self.predictions))
        self.predictions = {
            trial: kept for trial, kept in self.predictions.items() if trial in keep or trial == newest
        }

    # --- the board ---

    def _best(self, family: str = "") -> Entry | None:
        scored = [
            e
            for e in self.entries
            if e.score is not None and (e.family == family if family else e.trial >= 0)
        ]
        return max(scored, key=lambda e: (self.sign * (e.score or 0.0), -e.trial), default=None)

    def board(self) -> Board:
        best = self._best()
        if best is None:
            reasons = "; ".join(dict.fromkeys(f"{e.family}: {e.error}" for e in self.entries if e.error))
            raise Problem(
                "search_failed",
                f"all {len(self.entries) - 1} trials failed: {reasons}",
                "the log and leaderboard.json have each one",
            )
        for name in {entry.family for entry in self.entries}:
            top = self._best(name)
            if top is not None:
                self._bound(top)
        ranked = sorted(self.entries, key=lambda e: (e.score is None, -self.sign * (e.score or 0.0), e.trial))
        shapes = [{"train": len(f.train), "valid": len(f.valid), "end": f.end} for f in self.rows.folds]
        return Board(metric=self.setup.metric.name, direction=self.setup.metric.direction, entries=ranked,
                     winner=best.trial, folds=shapes, seed=self.setup.seed, stopped=self.stopped)  # fmt: skip

    def _bound(self, entry: Entry) -> None:
        """95 % interval of the mean over folds; the folds share no rows, so their variances add."""
        below, above, used = 0.0, 0.0, 0
        for valid, predicted in self.predictions.get(entry.trial, []):
            found = interval(self.setup.metric, self.rows.target[valid], predicted, self.rows.clusters[valid],
                             seed=self.setup.seed, n_resamples=_RESAMPLES)  # fmt: skip
            if np.isfinite(found.low) and np.isfinite(found.high):
                below += (found.estimate - found.low) ** 2
                above += (found.high - found.estimate) ** 2
                used += 1
        if used and used == len(entry.folds) and entry.score is not None:
            entry.low, entry.high = entry.score - below**0.5 / used, entry.score + above**0.5 / used
            entry.interval = OPTIMISTIC


USER = "estimator"
"""The family name of a recipe's own `estimator(params)`."""


def fit(family: Family, params: Params, matrix: Matrix, target: Floats, setup: Setup) -> Any:
    """A fitted estimator. Raises what the estimator raises, and Problem where one class only is left."""
    labels = target.astype(np.int64) if setup.task != "regression" else target
    if setup.task != "regression" and len(np.unique(labels)) < 2 and family.name != families.NAIVE:
        raise Problem("one_class", "the rows to fit on hold one class only", "more data, or a longer window")
    workers = families.cores() if matrix.size >= families.PARALLEL_CELLS else 1
    job = Job(setup.task, setup.metric.name, setup.encoding, len(labels), setup.seed, workers)
    model = family.build(params, job)
    with families.limited(families.threads_for(matrix.size)):
        fitted = model.fit(matrix, labels)
    return model if fitted is None else fitted


def only_known(fixed: Mapping[str, Any], chosen: Sequence[Family]) -> None:
    """Raises Problem for a parameter that no chosen family has: a misspelt `--set` must not pass silently."""
    known = {key for family in chosen for key in family.defaults}
    unknown = [key for key in fixed if key not in known]
    if unknown and all(family.name != USER for family in chosen):
        raise Problem("unknown_parameter", f"no family of the search has the parameter {', '.join(map(repr, unknown))}",
                      f"there are: {', '.join(sorted(known))}", status=2)  # fmt: skip
