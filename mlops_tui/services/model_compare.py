"""Why is this version different: data, features, code, parameters, environment, and metrics on the same rows."""

from __future__ import annotations

from typing import Any

from mlops_store.index.tx import Read
from mlops_store.objects import Objects
from mlops_tui.services.versions import decode
from mlops_tui.verbs.model import MetricCompareRow, ModelCompareRow, ModelComparison

_TRAINING = ("source", "rows", "window", "min_event_time", "max_event_time")
_ENVIRONMENT = ("python", "implementation", "platform")


def compare(read: Read, a: dict[str, Any], b: dict[str, Any]) -> ModelComparison:
    """`a` and `b` are rows of `version_row`. Equal things are left out, but for the metrics."""
    left, right = a["manifest"] or {}, b["manifest"] or {}
    rows = [
        *_data(left, right),
        *_features(a, b),
        *_code(read, left, right),
        *_params(left, right),
        *_environment(left, right),
    ]
    metrics, note = _metrics(read, a, b)
    return ModelComparison(
        model=a["model"], a=a["version"], b=b["version"], rows=rows, metrics=metrics, note=note
    )


def _differ(section: str, pairs: dict[str, tuple[Any, Any]]) -> list[ModelCompareRow]:
    return [ModelCompareRow(section=section, key=key, a=x, b=y) for key, (x, y) in pairs.items() if x != y]


def _both(left: dict[str, Any], right: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (left.get(key), right.get(key)) for key in sorted({*left, *right})}


def _data(left: dict[str, Any], right: dict[str, Any]) -> list[ModelCompareRow]:
    pairs: dict[str, tuple[Any, Any]] = {}
    for source, (x, y) in _both(left.get("snapshots", {}), right.get("snapshots", {})).items():
        pairs[f"{source} version"] = ((x or {}).get("version"), (y or {}).get("version"))
        pairs[f"{source} snapshot"] = ((x or {}).get("snapshot"), (y or {}).get("snapshot"))
    first, second = left.get("training", {}), right.get("training", {})
    pairs |= {f"training {key}": (first.get(key), second.get(key)) for key in _TRAINING}
    before, after = set(first.get("batches", [])), set(second.get("batches", []))
    pairs["training batches only here"] = (sorted(before - after), sorted(after - before))
    return _differ("data", pairs)


def _features(a: dict[str, Any], b: dict[str, Any]) -> list[ModelCompareRow]:
    left, right = a["feature_service"] or [], b["feature_service"] or []
    pairs = {
        name: (name in left or None, name in right or None)
        for name in [*left, *(f for f in right if f not in left)]
    }
    rows = _differ("features", pairs)
    if not rows and left != right:
        rows = [ModelCompareRow(section="features", key="order", a=left, b=right)]
    columns = (
        (a["manifest"] or {}).get("feature_columns", []),
        (b["manifest"] or {}).get("feature_columns", []),
    )
    return rows + _differ("features", {"columns": columns})


def _code(read: Read, left: dict[str, Any], right: dict[str, Any]) -> list[ModelCompareRow]:
    """File by file, where both trees are still there."""
    if left.get("code") == right.get("code"):
        return _differ("code", {"recipe": (left.get("recipe_hash"), right.get("recipe_hash"))})
    objects = Objects(read.home)
    trees = [
        objects.tree(side["code"]) if side.get("code") and objects.has(side["code"]) else None
        for side in (left, right)
    ]
    if trees[0] is None or trees[1] is None:
        return _differ("code", {"tree": (left.get("code"), right.get("code"))})
    files = sorted({*trees[0], *trees[1]})
    return _differ(
        "code",
        {name: tuple(tree[name].sha256[:12] if name in tree else None for tree in trees) for name in files},
    )  # type: ignore[misc]


def _params(left: dict[str, Any], right: dict[str, Any]) -> list[ModelCompareRow]:
    pairs = {key: (left.get(key), right.get(key)) for key in ("family", "window", "seed")}
    return _differ("params", {**pairs, **_both(left.get("params", {}), right.get("params", {}))})


def _environment(left: dict[str, Any], right: dict[str, Any]) -> list[ModelCompareRow]:
    first, second = left.get("environment", {}), right.get("environment", {})
    pairs = {key: (first.get(key), second.get(key)) for key in _ENVIRONMENT}
    return _differ("environment", {**pairs, **_both(first.get("packages", {}), second.get("packages", {}))})


def _metrics(read: Read, a: dict[str, Any], b: dict[str, Any]) -> tuple[list[MetricCompareRow], str]:
    """On the same rows: from the gate of whichever version was judged against the other, or from an evaluation run."""
    judged = _judged_together(a, b) or _judged_together(b, a, swapped=True) or _evaluated_together(read, a, b)
    if judged is not None:
        return judged, ""
    names = sorted({*(a["metrics"] or {}), *(b["metrics"] or {})})
    rows = [MetricCompareRow(metric=n, a=_value(a["metrics"], n), b=_value(b["metrics"], n)) for n in names]
    name = a["model"]
    return rows, (
        "these metrics are of different evaluation rows, so no difference is given; "
        f"`mlops-tui model evaluate {name}@{b['version']} --baseline {a['version']}` judges both on the same rows"
    )


def _value(metrics: dict[str, Any] | None, name: str) -> dict[str, Any]:
    found = (metrics or {}).get(name)
    return found if isinstance(found, dict) else {} if found is None else {"value": found}


def _judged_together(
    base: dict[str, Any], candidate: dict[str, Any], swapped: bool = False
) -> list[MetricCompareRow] | None:
    """The gate of `candidate`, where its champion was `base`."""
    gate = candidate["gate"] or {}
    if gate.get("champion") not in (str(base["version"]), f"{base['model']}@{base['version']}"):
        return None
    return _rows(base["metric"], candidate["direction"], gate.get("champion_metrics") or {}, candidate["metrics"] or {},
                 gate.get("difference"), gate.get("evaluation_rows"), swapped)  # fmt: skip


def _evaluated_together(read: Read, a: dict[str, Any], b: dict[str, Any]) -> list[MetricCompareRow] | None:
    """The newest evaluation run of one against the other."""
    for base, other, swapped in ((a, b, False), (b, a, True)):
        found = read.one(
            "SELECT * FROM evaluations WHERE project = ? AND model = ? AND version = ? AND baseline_version = ? ORDER BY created DESC LIMIT 1",
            [a["project"], a["model"], other["version"], base["version"]],
        )
        if found is not None:
            return _rows(a["metric"], a["direction"], decode(found["baseline_metrics"], {}), decode(found["metrics"], {}),
                         decode(found["difference"]), found["evaluation_rows"], swapped)  # fmt: skip
    return None


def _rows(metric: str, direction: str, base: dict[str, Any], candidate: dict[str, Any], difference: dict[str, Any] | None, rows: int | None, swapped: bool) -> list[MetricCompareRow]:  # fmt: skip
    """`difference` is candidate − base with positive = candidate better; it is turned into plain b − a."""
    out = []
    sign = (1 if direction == "max" else -1) * (-1 if swapped else 1)
    for name in sorted({*base, *candidate}):
        first, second = (
            (_value(candidate, name), _value(base, name))
            if swapped
            else (_value(base, name), _value(candidate, name))
        )
        gap = _signed(difference, sign) if difference is not None and name == metric else None
        out.append(
            MetricCompareRow(metric=name, a=first, b=second, difference=gap, rows=rows, same_rows=True)
        )
    return out


def _signed(difference: dict[str, Any], sign: int) -> dict[str, Any]:
    low, high = difference.get("low"), difference.get("high")
    if sign < 0 and low is not None and high is not None:
        low, high = -high, -low
    estimate = difference.get("estimate")
    return {
        "estimate": None if estimate is None else sign * estimate, "low": low, "high": high, "level": difference.get("level"),
        "clusters": difference.get("clusters"), "rows": difference.get("rows"),
    }  # fmt: skip
