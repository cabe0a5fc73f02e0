"""The families of estimators that the search tries: a builder, defaults and a space for each.

Every estimator takes the matrix of `encoding.Encoding`: float64, NaN for NULL numbers, codes for categories.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_store.errors import Problem
from mlops_tui.project.spaces import DEFAULT_FAMILIES, OF_FAMILY
from mlops_tui.project.takes import Drawn
from mlops_tui.project.values import FAMILIES as TASKS
from mlops_tui.worker.training.encoding import Encoding

# A thread that waits spins first, and on a busy box takes the core from the thread it waits for. libgomp reads this
# when it is loaded, which scikit-learn does; 5,000 turns are some microseconds.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

Params = dict[str, Any]
Space = Callable[[Any, str], Params]
"""(optuna trial, prefix of parameter names) → parameters."""

NAIVE = "naive"
CLASSIFIERS = ("classification", "multiclass")
SMALL = 5_000
"""Rows up to which nearest neighbours are worth their cost."""
FOREST_ROWS = 30_000
"""Rows that each tree of a forest draws at most: more costs time and disk, and hardly helps an average."""
PARALLEL_CELLS = 500_000
RARE = 10
"""One-hot columns need this many rows; rarer categories share one."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a builder needs to know. `metric` is the one the search ranks by; `rows` those it will be
    fitted on; `workers` how many trees or neighbours may be computed side by side (they do not wait for each other)."""

    task: str
    metric: str
    encoding: Encoding
    rows: int
    seed: int
    workers: int


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of estimator. `defaults` are its first trial, inside its space."""

    name: str
    tasks: tuple[str, ...]
    defaults: Mapping[str, Any]
    space: Space
    build: Callable[[Params, Job], Any]
    max_rows: int | None = None


def cores() -> int:
    """Cores this process may use (affinity and container quota counted)."""
    import joblib

    return max(1, int(joblib.cpu_count()))


def threads_for(cells: int) -> int:
    """OpenMP threads for one fit or prediction over so many matrix cells: one where it is small or cores are few.

    Threads of one boosting fit meet at a barrier thousands of times. Where another process wants the core, each
    barrier waits for the scheduler: 29 s instead of 4 on a busy box of two cores. So one core is left free, and
    what others already use is not counted on.
    """
    if cells < PARALLEL_CELLS:
        return 1
    free = cores() - os.getloadavg()[0] + 1  # we are part of the load ourselves
    return int(max(1.0, min(free, cores() - 1)))


def limited(threads: int) -> AbstractContextManager[Any]:
    """Inside it, OpenMP and BLAS use at most so many threads."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[Any] = threadpool_limits(limits=threads)
    return limits


# --- builders ---


def _naive(params: Params, job: Job) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if job.task in CLASSIFIERS:
        return DummyClassifier(strategy="prior")
    return DummyRegressor(strategy="median" if job.metric in ("mae", "median_ae") else "mean")


def _scaled(job: Job, last: Any) -> Any:
    """Impute and scale numbers, one-hot categories, then `last`."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    mask = job.encoding.categorical
    codes = [i for i, yes in enumerate(mask) if yes]
    numbers = [i for i, yes in enumerate(mask) if not yes]
    parts: list[tuple[str, Any, list[int]]] = []
    if numbers:
        imputer = SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True)
        parts.append(("numbers", make_pipeline(imputer, StandardScaler()), numbers))
    if codes:
        rare = min(RARE, max(1, job.rows // 50))
        parts.append(
            ("codes", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=rare), codes)
        )
    return make_pipeline(ColumnTransformer(parts), last)


def _logistic(params: Params, job: Job) -> Any:
    from sklearn.linear_model import LogisticRegression

    return _scaled(job, LogisticRegression(C=params["C"], max_iter=300))


def _ridge(params: Params, job: Job) -> Any:
    from sklearn.linear_model import Ridge

    return _scaled(job, Ridge(alpha=params["alpha"], random_state=job.seed))


def _boosting(params: Params, job: Job) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    # no early stopping: its random holdout would mix days, and the search sets max_iter in time order
    shared = {**params, "early_stopping": False, "random_state": job.seed}
    mask = job.encoding.categorical
    shared["categorical_features"] = mask if any(mask) else None
    if job.task in CLASSIFIERS:
        return HistGradientBoostingClassifier(**shared)
    absolute = job.metric in ("mae", "median_ae")
    return HistGradientBoostingRegressor(loss="absolute_error" if absolute else "squared_error", **shared)


def _forest(kind: str) -> Callable[[Params, Job], Any]:
    def build(params: Params, job: Job) -> Any:
        from sklearn import ensemble

        task = "Classifier" if job.task in CLASSIFIERS else "Regressor"
        draw = FOREST_ROWS if job.rows > FOREST_ROWS else None
        estimator = getattr(ensemble, f"{kind}{task}")
        return estimator(
            **params, bootstrap=True, max_samples=draw, n_jobs=job.workers, random_state=job.seed
        )

    return build


def _neighbours(params: Params, job: Job) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    estimator = KNeighborsClassifier if job.task in CLASSIFIERS else KNeighborsRegressor
    neighbours = max(1, min(params["n_neighbors"], job.rows))
    return _scaled(job, estimator(n_neighbors=neighbours, weights=params["weights"], n_jobs=job.workers))


# --- spaces ---


def _space(name: str) -> Space:
    """How Optuna draws the parameters of a family."""

    def draw(trial: Any, prefix: str) -> Params:
        return {key: _suggested(trial, f"{prefix}{key}", one) for key, one in OF_FAMILY[name].items()}

    return draw


def _suggested(trial: Any, key: str, one: Drawn) -> Any:
    if one.takes.type == "choice":
        return trial.suggest_categorical(key, one.takes.choices)
    if isinstance(one.low, int) and isinstance(one.high, int):
        return trial.suggest_int(key, one.low, one.high, step=one.step or 1, log=one.log)
    return trial.suggest_float(key, one.low, one.high, log=one.log)


def _no_space(trial: Any, prefix: str) -> Params:
    return {}


def _family(name: str, build: Callable[[Params, Job], Any], max_rows: int | None = None) -> Family:
    defaults = {key: one.default for key, one in OF_FAMILY[name].items()}
    return Family(name, TASKS[name], defaults, _space(name), build, max_rows)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(NAIVE, (*CLASSIFIERS, "regression"), {}, _no_space, _naive),
        _family("logistic_regression", _logistic),
        _family("ridge", _ridge),
        _family("hist_gradient_boosting", _boosting),
        _family("random_forest", _forest("RandomForest")),
        _family("extra_trees", _forest("ExtraTrees")),
        _family("nearest_neighbours", _neighbours, SMALL),
    )
}


def chosen(names: list[str], task: str) -> list[Family]:
    """The families of a search, in order; no names means the defaults of the task. Raises Problem for a wrong name."""
    fitting = [name for name, family in FAMILIES.items() if task in family.tasks and name != NAIVE]
    wrong = [name for name in names if name not in fitting and name != NAIVE]
    if wrong:
        raise Problem(
            "unknown_family",
            f"no family {', '.join(map(repr, wrong))} for {task}",
            f"there are: {', '.join(fitting)}",
            status=2,
        )
    wanted = [name for name in names if name != NAIVE] or [
        name for name in DEFAULT_FAMILIES if name in fitting
    ]
    return [FAMILIES[name] for name in dict.fromkeys(wanted)]


_ROUNDING = 1e-6


def predict(model: Any, matrix: npt.NDArray[np.float64], task: str, classes: int) -> npt.NDArray[np.float64]:
    """Predictions as the metrics want them: P(class 1) shape (n,), class probabilities (n, K), or values (n,).

    `classes` is K, with labels 0..K-1; a class that the fit never saw has probability 0. Raises Problem where
    an estimator gives no probabilities, or predictions of another shape.
    """
    with limited(threads_for(matrix.size)):
        return _predicted(model, matrix, task, classes)


def _predicted(
    model: Any, matrix: npt.NDArray[np.float64], task: str, classes: int
) -> npt.NDArray[np.float64]:
    if task == "regression":
        values = np.asarray(model.predict(matrix), dtype=np.float64).reshape(-1)
        return _of_length(values, len(matrix))
    if not hasattr(model, "predict_proba"):
        raise Problem(
            "no_probabilities",
            f"{type(model).__name__} has no predict_proba",
            "wrap it in sklearn.calibration.CalibratedClassifierCV",
            status=2,
        )
    raw = np.asarray(model.predict_proba(matrix), dtype=np.float64)
    seen = np.asarray(model.classes_).astype(np.int64)
    if raw.shape != (len(matrix), len(seen)):
        raise Problem(
            "bad_prediction",
            f"{type(model).__name__}.predict_proba gave shape {raw.shape} for {len(matrix)} rows, {len(seen)} classes",
            "correct estimator()",
        )
    known = raw[np.isfinite(raw)]  # an undefined value makes the metric undefined, which fails the gate
    if known.size and (known.min() < -_ROUNDING or known.max() > 1 + _ROUNDING):
        raise Problem(
            "bad_prediction",
            f"{type(model).__name__}.predict_proba gave {known.min():g} to {known.max():g}, which are not probabilities",
            "return values from 0 to 1",
        )
    full = np.zeros((len(matrix), classes))
    full[:, seen] = raw
    return full[:, 1] if task == "classification" else full


def _of_length(values: npt.NDArray[np.float64], rows: int) -> npt.NDArray[np.float64]:
    if len(values) != rows:
        raise Problem(
            "bad_prediction",
            f"the estimator gave {len(values)} predictions for {rows} rows",
            "correct estimator()",
        )
    return values
