"""What the columns of unknown data are for: the task, the key, the event time. Each choice comes with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

import polars as pl

from mlops_store.errors import Problem
from mlops_tui.worker.infer_toml import text

_ID_NAME = re.compile(
    r"(^|_)(id|key|uuid|guid|code|number|num|no|nr)$|^(id|key|uuid|index|row)(_|$)|[a-z]Id$|ID$", re.I
)
_TIME_NAME = re.compile(
    r"time|date|timestamp|(^|_)(ts|at|on|day|hour|month|week)($|_)|event|created|scheduled", re.I
)
_OTHER_TIME = re.compile(r"birth|dob|(^|_)(end|due|expir|updat|modif|until|close|return|deliver)", re.I)
_MEANT = (
    (r"^[+-]?[0-9][0-9.]*,[0-9]+$", "numbers need a dot, 12.50, or a file whose separator is a semicolon; or turn them into numbers in prepare() of a recipe"),
    (r"^[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{2,4}", "write dates as 2024-01-31 or 31.01.2024: which part is the day nobody can tell"),
)  # fmt: skip
MAX_CLASSES = 50
_MAX_SMALL_INT = 10
_COMBINED = 8


@dataclass
class Choice:
    """A decision and why."""

    value: list[str]
    why: str


def choose_task(target: pl.Series, asked: str | None) -> tuple[str, str]:
    """(task, why). Raises Problem where the column cannot be a target."""
    values = target.drop_nulls()
    values = values.drop_nans() if values.dtype.is_float() else values
    kinds, name = values.n_unique(), target.name
    if kinds < 2:
        said = "is empty" if not kinds else f"has one value only ({values[0]!r})"
        raise Problem(
            "bad_target", f"column {name!r} {said}: there is nothing to learn", "name another --target", 2
        )
    if asked:
        if asked == "regression" and not values.dtype.is_numeric():
            raise Problem(
                "bad_target",
                f"column {name!r} is {values.dtype}, regression needs numbers",
                "use --task multiclass",
                2,
            )
        if asked == "classification" and kinds != 2:
            raise Problem(
                "bad_target",
                f"column {name!r} has {kinds} values, classification means two",
                "use --task multiclass",
                2,
            )
        return asked, "asked for"
    if values.dtype.is_temporal():
        raise Problem(
            "bad_target", f"column {name!r} holds times", "name a --target with classes or numbers", 2
        )
    whole = values.dtype.is_integer() or (values.dtype.is_float() and bool((values == values.round()).all()))
    if kinds == 2 and (whole or not values.dtype.is_numeric()):
        return (
            "classification",
            f"it has two values: {', '.join(str(v)[:40] for v in values.unique().sort().to_list())}",
        )
    if not values.dtype.is_numeric():
        if kinds > max(MAX_CLASSES, 0) or kinds > values.len() / 4:
            raise Problem("bad_target", f"column {name!r} is text with {kinds} different values in {values.len()} rows",
                          "that is too many classes to learn; name another --target", 2)  # fmt: skip
        return "multiclass", f"it is text with {kinds} values"
    if whole and kinds <= _MAX_SMALL_INT and kinds < values.len() / 20:
        return (
            "multiclass",
            f"it is a whole number with only {kinds} values (--task regression if they are amounts)",
        )
    return "regression", f"it is a number with {kinds} values"


def unread(frame: pl.DataFrame) -> list[str]:
    """What stays text though it is meant as numbers or dates, and what to do about it."""
    found = []
    for name, dtype in frame.schema.items():
        values = frame[name].drop_nulls() if dtype == pl.String else pl.Series()
        for pattern, what in _MEANT if values.len() else ():
            if values.str.strip_chars().str.contains(pattern).mean() > 0.9:  # type: ignore[operator]
                found.append(f"{text(name)} is taken as text: {what} ({text(str(values[0])[:40])})")
    return found


def choose_event_time(frame: pl.DataFrame, target: str, file: str, asked: str | None) -> Choice:
    """The event time column, [] where there is none. `file` is the column with each row's file number. Raises Problem."""
    if asked:
        if not isinstance(frame.schema[asked], pl.Date | pl.Datetime):
            raise Problem("bad_event_time", f"column {asked!r} is {frame.schema[asked]}, not a date or time",
                          "write times as 2024-01-31, 31.01.2024 or 2024-01-31T12:00:00", 2)  # fmt: skip
        return Choice([asked], "asked for")
    scored: list[tuple[int, int, str, str]] = []
    for name, dtype in frame.schema.items():
        if name == target or not isinstance(dtype, pl.Date | pl.Datetime):
            continue
        score, why = _time_score(frame, name, file)
        scored.append((score, frame[name].n_unique(), name, why))
    if not scored:
        return Choice([], "no column holds dates or times")
    score, _, name, why = max(scored, key=lambda item: item[:2])
    if score < 1:
        return Choice([], f"{name!r} does not look like the time of the row ({why})")
    return Choice([name], why)


def _time_score(frame: pl.DataFrame, name: str, file: str) -> tuple[int, str]:
    values = frame[name]
    if values.null_count():
        return -5, "it is sometimes missing"
    if values.n_unique() < 5:
        return -3, "it has hardly any different values"
    score, reasons = 1, [f"it is {'a date' if values.dtype == pl.Date else 'a time'} in every row"]
    if _TIME_NAME.search(name):
        score += 1
    if _OTHER_TIME.search(name):
        score, reasons = score - 3, ["its name tells of another time"]
    now = datetime.now(UTC)
    last = values.cast(pl.Datetime("us")).max()
    if isinstance(last, datetime) and last.replace(tzinfo=UTC) > now:
        score, reasons = score - 4, ["it reaches into the future"]
    ranges = (
        frame.group_by(file)
        .agg(pl.col(name).min().alias("low"), pl.col(name).max().alias("high"))
        .sort("low")
    )
    if (
        ranges.height > 1
        and ranges.select((pl.col("low") >= pl.col("high").shift(1)).drop_nulls().all()).item()
    ):
        score += 3
        reasons.append("the files follow each other in it")
    elif values.is_sorted():
        score += 2
        reasons.append("the rows are in its order")
    return score, " and ".join(reasons)


def choose_key(frame: pl.DataFrame, target: str, event_time: list[str], asked: list[str]) -> Choice:
    """Columns that tell every row apart, [] where nothing sensible does. Raises Problem where the asked ones do not."""
    if asked:
        if not _unique(frame, asked):
            raise Problem(
                "bad_key",
                f"{', '.join(asked)} do not tell the rows apart, or are missing in some",
                "add a column to --key",
                2,
            )
        return Choice(list(asked), "asked for")
    able = [name for name, dtype in frame.schema.items()
            if name != target and not dtype.is_float() and dtype != pl.Boolean and not frame[name].null_count()]  # fmt: skip
    ids = [name for name in able if _ID_NAME.search(name) and name not in event_time]
    for name in ids:
        if _unique(frame, [name]):
            return Choice([name], "its name says so, and it is different in every row")
    words = [name for name in able if frame.schema[name] == pl.String and name not in event_time]
    for name in words:
        if _unique(frame, [name]) and float(frame[name].str.len_chars().mean() or 0) <= 64:  # type: ignore[arg-type]
            return Choice([name], "it is different in every row")
    for name in able:
        if frame.schema[name].is_integer() and _unique(frame, [name]) and frame[name].is_sorted():
            return Choice([name], "it is different in every row and rises")
    if event_time and _unique(frame, event_time):
        return Choice(event_time, "there is one row for each time")
    numbers = [name for name in able if frame.schema[name].is_integer() and frame[name].n_unique() > 100]
    parts = list(dict.fromkeys([*ids, *words, *numbers]))[:_COMBINED]
    for size in (1, 2, 3):
        for group in combinations(parts, size):
            for chosen in ([*group, *event_time], list(group)):
                if len(chosen) > 1 and _unique(frame, chosen):
                    return Choice(chosen, "together they are different in every row")
    return Choice([], "no columns are different in every row")


def later_times(frame: pl.DataFrame, event_time: str, target: str) -> list[str]:
    """Other times that often lie after the event: they were not known when it happened."""
    event = pl.col(event_time).cast(pl.Datetime("us"))
    found = []
    for name, dtype in frame.schema.items():
        if name in (event_time, target) or not isinstance(dtype, pl.Date | pl.Datetime):
            continue
        share = frame.select((pl.col(name).cast(pl.Datetime("us")) > event).mean()).item()
        if share is not None and share > 0.01:
            found.append(name)
    return found


def _unique(frame: pl.DataFrame, columns: list[str]) -> bool:
    part = frame.select(columns)
    return not any(part[name].null_count() for name in columns) and bool(part.is_unique().all())
