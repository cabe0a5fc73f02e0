"""docs/mlops_toml.md names every key of mlops.toml, with its default, and none that is not there."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.functional_validators import BeforeValidator
from pydantic_core import PydanticUndefined

from mlops_tui.project.schema import ProjectConfig
from mlops_tui.project.values import parse_duration

PAGE = Path(__file__).parents[2] / "docs" / "mlops_toml.md"
PLACEHOLDERS = {"source": "NAME", "model": "NAME", "expect": "COLUMN"}


def tables(model: type[BaseModel], path: tuple[str, ...] = ()) -> dict[str, dict[str, FieldInfo]]:
    """Table of mlops.toml → its keys, as the loader knows them; the root has tables only."""
    found: dict[str, dict[str, FieldInfo]] = {}
    if path:
        found[".".join(path)] = {field.alias or name: field for name, field in model.model_fields.items()}
    for name, field in model.model_fields.items():
        for inner, is_map in nested(field.annotation):
            key = field.alias or name
            found |= tables(inner, (*path, key, *([PLACEHOLDERS[key]] if is_map else [])))
    return found


def nested(annotation: Any) -> list[tuple[type[BaseModel], bool]]:
    """The tables that a value may be, and whether it is a table of them by name."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and origin is None and issubclass(annotation, BaseModel):
        return [(annotation, False)]
    if origin is dict:
        return [(inner, True) for inner, _ in nested(get_args(annotation)[1])]
    if origin in (Union, types.UnionType, Annotated):
        return [one for part in get_args(annotation) for one in nested(part)]
    return []


def documented() -> dict[str, dict[str, str]]:
    """Table → {key: the cell of its default}, as the page has them."""
    found: dict[str, dict[str, str]] = {}
    current: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            current = re.findall(r"`\[([^\]]+)\]`", line)
            found |= {name: {} for name in current}
        elif (row := re.match(r"\| `(\w+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", line)) and current:
            for name in current:
                found[name][row[1]] = row[2].strip()
    return found


def show_duration(milliseconds: int) -> str:
    """The shortest exact way to write a duration: 86400000 → `1d`."""
    for unit, size in {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}.items():
        if milliseconds and milliseconds % (size * 1000) == 0:
            return f"{milliseconds // (size * 1000)}{unit}"
    return f"{milliseconds / 1000:g}s"


def written(field: FieldInfo) -> str:
    """A default as the page writes it."""
    if field.default is PydanticUndefined:
        return "required"
    value = field.default
    if isinstance(value, BaseModel):
        return "all defaults"
    if value is None:
        return "none"
    if any(isinstance(one, BeforeValidator) and one.func is parse_duration for one in field.metadata):
        return f'`"{show_duration(value)}"`'
    text = (
        str(value).lower()
        if isinstance(value, bool)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )
    return "`" + text.replace("'", '"') + "`"


def test_every_table_has_a_section_and_no_section_is_stale():
    assert set(documented()) == set(tables(ProjectConfig))


@pytest.mark.parametrize("table", sorted(tables(ProjectConfig)))
def test_every_key_has_an_entry_and_no_entry_is_stale(table):
    assert set(documented()[table]) == set(tables(ProjectConfig)[table])


@pytest.mark.parametrize("table", sorted(tables(ProjectConfig)))
def test_defaults_are_those_of_the_loader(table):
    expected = {key: written(field) for key, field in tables(ProjectConfig)[table].items()}
    assert documented()[table] == expected
