"""The names of parameters, metrics and tags that the runs of a project have."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mlops_store.errors import Problem
from mlops_store.filter_tree import Field
from mlops_store.filters import parse_field
from mlops_store.index.asking import Rows, among
from mlops_store.index.changes import Changes

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
    ("param", "params", "count(number)", "text"),
    ("metric", "last_values", "count(*)", ""),
    ("tag", "tags", "0", "value"),
)
"""Group, table, how many values are numbers, value of an example."""


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
    mine = "deleted IS NULL AND (?::VARCHAR IS NULL OR project = ?)"
    latest = [
        row["run_id"]
        for row in source.rows(  # the bound makes few of many to put in order
            f"SELECT run_id FROM runs WHERE {mine} AND created >= (SELECT list_min(max(created, {_LATEST})) FROM runs WHERE {mine}) "
            f"ORDER BY created DESC, run_id DESC LIMIT {_LATEST}",
            [project] * 4,
        )
    ]
    if not latest:
        return []
    share = 1.0
    if project is not None:
        ((share,),) = (row.values() for row in source.rows("SELECT avg((project IS NOT DISTINCT FROM ?)::INT) AS share FROM runs", [project]))  # fmt: skip
    fields = []
    for group, table, numbers, example in _TABLES:
        examples = _examples(source, table, example, latest) if example else {}
        fields += [
            NamedField(written(group, key), group, numeric == runs, runs, examples.get(key, []))
            for key, (runs, numeric) in sorted(_counts(source, table, numbers, project, share).items())
        ]
    return fields


def _counts(
    source: Rows, table: str, numbers: str, project: str | None, share: float
) -> dict[str, tuple[int, int]]:
    """Of each name the runs of a project that have it, and those where it is a number; `share` of all runs are of the project.

    Looking up the run of a row costs three times what counting it does. So where most runs are of the project, all are counted, less the others'.
    """
    if share < 0.5:
        return _counted(source, table, numbers, "run_id IN (SELECT run_id FROM runs WHERE project = ?)", [project])  # fmt: skip
    every = _counted(source, table, numbers)
    if share < 1:
        others = "run_id IN (SELECT run_id FROM runs WHERE project IS DISTINCT FROM ?)"
        for key, (runs, numeric) in _counted(source, table, numbers, others, [project]).items():
            if key in every:  # else it came between the two questions
                every[key] = (every[key][0] - runs, every[key][1] - numeric)
    return {key: counts for key, counts in every.items() if counts[0] > 0}


def _counted(
    source: Rows, table: str, numbers: str, where: str = "true", params: Sequence[Any] = ()
) -> dict[str, tuple[int, int]]:
    found = source.rows(f"SELECT key, count(*) AS runs, {numbers} AS numeric FROM {table} WHERE {where} GROUP BY key", params)  # fmt: skip
    return {row["key"]: (row["runs"], row["numeric"]) for row in found}


def _examples(source: Rows, table: str, value: str, run_ids: Sequence[str]) -> dict[str, list[str]]:
    """A few different values of each name."""
    mine, given = among(run_ids)
    found = source.rows(
        f"SELECT key, list_sort(list(DISTINCT left({value}, {_LENGTH})))[:{_EXAMPLES}] AS examples FROM {table} "
        f"WHERE {mine} AND {value} <> '' GROUP BY key",
        given,
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
