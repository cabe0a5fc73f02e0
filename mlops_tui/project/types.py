"""Values of mlops.toml as types that pydantic checks: windows, names, cron lines, hours."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from mlops_tui.project.values import parse_duration

_NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,62}$")
_FEATURE = re.compile(r"^[A-Za-z_]\w*(:[A-Za-z_]\w*)?$")
_CRON_FIELD = re.compile(r"^[0-9A-Za-z*/,\-#L?]+$")
_CRON_RANGES = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week (0 and 7: Sunday)", 0, 7),
)
_ANY_TIME = datetime(2026, 1, 1)
"""Whether a schedule ever comes round does not depend on when one begins to wait."""
_QUIET = re.compile(r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")
_K_OF_N = re.compile(r"^([1-9]\d?)/([1-9]\d?)$")


def _windows(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if item == "all":
            continue
        match = re.fullmatch(r"(\d+)[mhdw]", item.strip()) if isinstance(item, str) else None
        if match is None or int(match[1]) < 1:
            raise ValueError(f'{item!r} is not a training window; write "all" or a length such as "90d"')
    if not items:
        raise ValueError('the list of windows is empty; write "all"')
    return [str(item).strip() for item in items]


def _name(value: str) -> str:
    if not _NAME.match(value) or ".." in value:
        raise ValueError(
            f"{value!r} cannot be a name; use 1 to 63 of a-z 0-9 _ . - and start with a letter or digit"
        )
    return value


def _feature(value: str) -> str:
    if not _FEATURE.match(value):
        raise ValueError(f'{value!r} is not a feature; write the name of a view, or "view:feature"')
    return value


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != 5 or not all(_CRON_FIELD.match(field) for field in fields):
        raise ValueError(f'{value!r} is not a schedule; write five cron fields, such as "0 3 * * 1"')
    from cronsim import CronSim, CronSimError  # only a project with a schedule pays for it

    for place, (name, least, most) in enumerate(_CRON_RANGES):
        alone = ["*" if other != place else field for other, field in enumerate(fields)]
        try:
            CronSim(" ".join(alone), _ANY_TIME)
        except CronSimError as error:
            raise ValueError(
                f"{value!r}: {fields[place]!r} is no {name}; write {least} to {most}, or * for each"
            ) from error
    try:
        fires = next(CronSim(value, _ANY_TIME), None)
    except CronSimError:
        fires = None
    if fires is None:
        raise ValueError(f"{value!r} never comes round: no month {fields[3]} has a day {fields[2]}")
    return value


def _quiet_hours(value: str) -> str:
    if not _QUIET.match(value):
        raise ValueError(f'{value!r} is not a span of hours; write it as "22:00-06:00" (local time)')
    return value


def _k_of_n(value: str) -> str:
    match = _K_OF_N.match(value)
    if match is None or int(match[1]) > int(match[2]):
        raise ValueError(f'{value!r} is not k of n; write "2/3" for two of the last three')
    return value


Duration = Annotated[int, BeforeValidator(parse_duration)]
"""Milliseconds, written as `"6h"`."""
Windows = Annotated[list[str], BeforeValidator(_windows)]
Name = Annotated[str, AfterValidator(_name)]
Feature = Annotated[str, AfterValidator(_feature)]
Cron = Annotated[str, AfterValidator(_cron)]
QuietHours = Annotated[str, AfterValidator(_quiet_hours)]
KOfN = Annotated[str, AfterValidator(_k_of_n)]
