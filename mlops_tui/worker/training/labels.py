"""The target as the metrics and estimators want it: 0/1, class numbers, or values."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from mlops_store.errors import Problem

Floats = npt.NDArray[np.float64]
Label = bool | int | float | str


class Labels(msgspec.Struct, kw_only=True):
    """What the numbers stand for: `classes[k]` is the label of class k (sorted; for two classes the second is
    the positive one), empty for regression. `dtype` is the polars type of the target in training."""

    task: str
    target: str
    dtype: str
    classes: list[Label] = []

    @property
    def count(self) -> int:
        """K; 1 for regression."""
        return max(1, len(self.classes))

    def encode(self, target: pl.Series) -> tuple[Floats, list[Label]]:
        """Numbers of shape (n,), NaN for NULL, and the labels that training did not have.

        Those get the numbers K, K+1, …: a model gives them probability 0. Raises Problem for two-class tasks,
        where a third label has no meaning, and for values that are no numbers in regression.
        """
        if self.task == "regression":
            return _numbers(target), []
        known = [_as_text(label) for label in self.classes]
        text = _labels_text(target)
        unseen = sorted(set(text.drop_nulls().unique().to_list()) - set(known))
        if unseen and self.task == "classification":
            raise Problem("target_labels", f"the target {self.target!r} has labels that training did not have: {', '.join(unseen[:8])}",
                          'a two-class task knows two labels; use task = "multiclass" for more')  # fmt: skip
        names = [*known, *unseen]
        codes = text.replace_strict(names, [float(k) for k in range(len(names))], return_dtype=pl.Float64)
        return codes.to_numpy().astype(np.float64), list(unseen)

    def decode(self, codes: npt.NDArray[np.int64]) -> pl.Series:
        """Class numbers as labels."""
        return pl.Series("prediction", [self.classes[int(code)] for code in codes])


def fit(target: pl.Series, task: str) -> Labels:
    """The labels of the training rows (NULL left out). Raises Problem where they do not fit the task."""
    labels = Labels(task=task, target=target.name, dtype=str(target.dtype))
    if task == "regression":
        _numbers(target)
        return labels
    present = target.drop_nulls()
    if present.dtype.is_float():
        whole = present.is_finite().all() and bool((present == present.floor()).all())
        if not whole:
            raise Problem("target_labels", f"the target {target.name!r} has fractions, which are no class labels",
                          'use task = "regression", or make labels in prepare()', status=2)  # fmt: skip
        present = present.cast(pl.Int64)
    classes = present.unique().sort().to_list()
    if task == "classification" and len(classes) != 2:
        shown = ", ".join(repr(label) for label in classes[:8]) or "none"
        raise Problem("target_labels", f"a two-class task needs two labels in the training rows, {target.name!r} has {len(classes)}: {shown}",
                      "more data, another target, or another task")  # fmt: skip
    if task == "multiclass" and not 2 <= len(classes) <= 1000:
        raise Problem(
            "target_labels",
            f"the target {target.name!r} has {len(classes)} labels in the training rows",
            "a multiclass task takes 2 to 1000",
        )
    labels.classes = (
        classes
        if present.dtype in (pl.Boolean, pl.String) or present.dtype.is_integer()
        else [str(v) for v in classes]
    )
    return labels


def _numbers(target: pl.Series) -> Floats:
    if not (target.dtype.is_numeric() or target.dtype in (pl.Boolean, pl.Null)):
        raise Problem(
            "target_type",
            f"the target {target.name!r} is {target.dtype}, regression needs numbers",
            "make a number of it in prepare()",
            status=2,
        )
    values = target.cast(pl.Float64)
    if values.is_infinite().any():
        raise Problem(
            "target_type",
            f"the target {target.name!r} holds infinite values",
            "take them out in prepare(), or expect a range",
        )
    return values.to_numpy().astype(np.float64)


def _labels_text(target: pl.Series) -> pl.Series:
    if target.dtype.is_float():
        return target.fill_nan(None).cast(pl.Int64, strict=False).cast(pl.String)
    return target.cast(pl.String)


def _as_text(label: Label) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)
