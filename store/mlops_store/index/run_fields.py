"""The names of parameters, metrics and tags that the runs of a project have."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mlops_store.errors import Problem
from mlops_store.filters import Field, parse_field
from mlops_store.index.changes import Changes
from mlops_store.index.runs import Rows

Group = Literal["param", "metric", "tag"]

_LATEST = 200
"""Runs that examples are taken from."""
_EXAMPLES = 5
_LENGTH = 60
"""Characters of an example."""
_LIFE = 5000
"""Milliseconds that counts stay good although runs changed: a training that logs would have them made anew with each question."""
_PROJECTS = 8
_TABLES: tuple[tuple[Group, str, str, str], ...] = (
    ("param", "params", "count(number) = count(*)", "text"),
    ("metric", "last_values", "true", "''"),
    ("tag", "tags", "false", "value"),
)
"""Group, table, whether all values are numbers, value of an example."""


@dataclass(frozen=True)
class NamedField:
    """`name` as the filter language writes it; `runs` that have it; `examples` of the newest runs as text."""

    name: str
    group: Group
    numeric: bool
    runs: int
    examples: list[str] = field(default_factory=list)


class Source(Rows, Protocol):
    """What can be asked, and may keep answers: `Read`."""

    @property
    def now(self) -> int: ...

    @property
    def fields(self) -> KeptFields | None: ...


def named(source: Source, project: str | None) -> list[NamedField]:
    """Parameters, metrics and tags, each by name; of all projects where none is named. Counts may be _LIFE old."""
    if source.fields is None:
        return _ask(source, project)
    return source.fields.of(source, project)


class KeptFields:
    """The last answers, by project, for all reader threads."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str | None, tuple[int, int, list[NamedField]]] = OrderedDict()

    def of(self, source: Source, project: str | None) -> list[NamedField]:
        """As `named`. Two that ask at once may both have the work."""
        version, now = self._changes.version, source.now
        with self._lock:
            kept = self._kept.get(project)
        if kept is not None and (kept[0] == version or 0 <= now - kept[1] < _LIFE):
            return kept[2]
        found = _ask(source, project)
        with self._lock:
            self._kept[project] = (version, now, found)
            self._kept.move_to_end(project)
            if len(self._kept) > _PROJECTS:
                self._kept.popitem(last=False)
        return found


def _ask(source: Rows, project: str | None) -> list[NamedField]:
    latest = [
        row["run_id"]
        for row in source.rows(
            "SELECT run_id FROM runs WHERE deleted IS NULL AND (?::VARCHAR IS NULL OR project = ?) ORDER BY run_id DESC LIMIT ?",
            [project, project, _LATEST],
        )
    ]
    if not latest:
        return []
    among, params = _of_project(source, project)
    fields = []
    for group, table, numeric, example in _TABLES:
        examples = _examples(source, table, example, latest)
        found = source.rows(
            f"SELECT key, count(*) AS runs, {numeric} AS numeric FROM {table} WHERE {among} GROUP BY key ORDER BY key",
            params,
        )
        fields += [
            NamedField(written(group, row["key"]), group, row["numeric"], row["runs"], examples.get(row["key"], []))
            for row in found
        ]  # fmt: skip
    return fields


def _of_project(source: Rows, project: str | None) -> tuple[str, list[Any]]:
    """The condition of a run's rows; none where all runs are of the project, which saves looking each of them up."""
    if project is None:
        return "true", []
    others = source.rows("SELECT 1 FROM runs WHERE project IS DISTINCT FROM ? LIMIT 1", [project])
    return ("run_id IN (SELECT run_id FROM runs WHERE project = ?)", [project]) if others else ("true", [])


def _examples(source: Rows, table: str, value: str, run_ids: Sequence[str]) -> dict[str, list[str]]:
    """A few different values of each name."""
    found = source.rows(
        f"SELECT key, list_sort(list(DISTINCT left({value}, {_LENGTH})))[:{_EXAMPLES}] AS examples FROM {table} "
        f"WHERE run_id IN ({', '.join('?' * len(run_ids))}) AND {value} <> '' GROUP BY key",
        list(run_ids),
    )
    return {row["key"]: row["examples"] for row in found}


def written(group: Group, name: str) -> str:
    """A field as the filter language writes it: in quotes where its name needs them."""
    bare = f"{group}s.{name}"
    try:
        if parse_field(bare) == Field(group, name, "best" if group == "metric" else ""):
            return bare
    except Problem:
        pass  # then it is no word of the language
    quoted = name.replace('"', '""')
    return f'{group}s."{quoted}"'
