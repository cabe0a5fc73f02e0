"""What several renderers show: scores with intervals, days, names, features by view. Total: evidence may hold anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any, Protocol

from mlops_tui.text import lasted, short, when

Record = Mapping[str, Any]
BULLET = "  • "


def record(value: Any) -> Record:
    """A mapping; empty where it is something else."""
    return value if isinstance(value, Mapping) else {}


def records(value: Any) -> list[Record]:
    """The mappings of a list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def items(value: Any) -> list[Any]:
    """A list; empty where it is something else."""
    return list(value) if isinstance(value, list | tuple) else []


def count(value: Any) -> int:
    """A whole number; 0 where it is something else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def real(value: Any) -> float | None:
    """A finite number; None where it is something else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def score(value: Any) -> str:
    """A measured number with as many places as matter: 0.8040, 12.31, 0.00042."""
    if value is None or isinstance(value, bool | int):
        return "-" if value is None else f"{value:,}" if not isinstance(value, bool) else ("no", "yes")[value]
    if not isinstance(value, float):
        return short(value)
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if value.is_integer() and size < 1e15:
        return f"{value:,.0f}"
    if size < 1e-3 or size >= 1e12:
        return f"{value:.3g}"
    return f"{value:,.{4 if size < 10 else 2 if size < 1000 else 0}f}"


def setting(value: Any) -> str:
    """A parameter, exactly enough to be typed again."""
    return (
        f"{value:.6g}" if isinstance(value, float) else str(value) if isinstance(value, int) else short(value)
    )


def signed(value: Any) -> str:
    """A difference, with its sign."""
    number = real(value)
    if number is None:
        return score(value)
    return f"+{score(number)}" if number > 0 else score(number)


def interval(value: Any, *, difference: bool = False) -> str:
    """`0.8040 [0.7848, 0.8201]` of {value or estimate, low, high}; a bare number has no interval."""
    show = signed if difference else score
    if not isinstance(value, Mapping):
        return show(value)
    shown = show(next((value[key] for key in ("value", "estimate", "difference") if key in value), None))
    low, high = value.get("low"), value.get("high")
    if real(low) is None and real(high) is None:
        return shown
    return f"{shown} [{'-∞' if low is None else show(low)}, {'∞' if high is None else show(high)}]"


def level(value: Any) -> str:
    """A confidence level: 97.5%."""
    number = real(value)
    return f"{number * 100:g}%" if number is not None else "-"


def share(value: Any) -> str:
    """A part of a whole: 3.2%."""
    number = real(value)
    return f"{number * 100:.1f}%" if number is not None else "-"


def nulls(before: Any, now: Any) -> str:
    """The share of NULLs before and now, as one where they are the same."""
    return share(now) if share(before) == share(now) else f"{share(before)} → {share(now)}"


def day(ms: Any) -> str:
    """The day of a moment in UTC."""
    return when(ms)[:10] if isinstance(ms, int) and not isinstance(ms, bool) else "-"


def minute(ms: Any) -> str:
    """A moment to the minute in UTC."""
    return when(ms)[:16] if isinstance(ms, int) and not isinstance(ms, bool) else "-"


def month(start: Any, end: Any) -> str:
    """`May 2013` where the moments are the ends of a month, whatever its time zone; else both days."""
    if not isinstance(start, int) or not isinstance(end, int):
        return "the new rows"
    if timedelta(days=27) < timedelta(milliseconds=end - start) < timedelta(days=32):
        return datetime.fromtimestamp((start + end) / 2000, UTC).strftime("%B %Y")
    return f"{day(start)} to {day(end)}"


def took(seconds: Any) -> str:
    """Seconds as a duration."""
    number = real(seconds)
    return lasted(round(number * 1000)) if number is not None else "-"


def names(found: Iterable[Any], most: int = 5) -> str:
    """The first few of a list of names."""
    shown = [short(name, 80) for name in found]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def plural(number: int, one: str, many: str = "") -> str:
    """`1 file`, `1,204 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def features_by_view(service: Sequence[str], columns: Sequence[Any]) -> list[tuple[str, str]]:
    """A feature service and a model's columns as (view, its features), each once, own columns last.

    `service` holds `view@1:feature`; the model reads that feature under the name `view__feature`.
    """
    views: dict[str, list[str]] = {}
    for entry in service:
        view, _, feature = entry.partition(":")
        views.setdefault(view, []).append(feature or entry)
    looked_up = {
        f"{view.partition('@')[0]}__{feature}" for view, features in views.items() for feature in features
    }
    own = [str(name) for name in columns if str(name) not in looked_up and str(name) not in service]
    rows = [(view, ", ".join(features)) for view, features in views.items()]
    return [*rows, ("own columns", ", ".join(own))] if own else rows


def batch_said(label: str) -> str:
    """Files that were named by a person may lie anywhere: of those the name, not the whole path."""
    return " … ".join(PurePath(part).name if part.startswith("/") else part for part in label.split(" … "))


class Looked(Protocol):
    """What a look at new data has found."""

    @property
    def major(self) -> bool: ...
    @property
    def alarm(self) -> bool | None: ...
    @property
    def features(self) -> list[str]: ...
    @property
    def cannot_tell(self) -> str: ...


def drift_said(found: Looked) -> str:
    """Alarm, quiet, or that nothing could have alarmed."""
    if found.alarm:
        return f"{'MAJOR' if found.major else 'alarm'}: {names(found.features, 3)}"
    return f"cannot tell: {short(found.cannot_tell, 60)}" if found.cannot_tell else "quiet"
