"""What people say of runs, and what that is held against: read for many runs in one question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlops_store.index.asking import these
from mlops_store.index.fact import Ask, Fact


@dataclass
class Marks:
    """A run as it is tagged and noted. `own` are the tags of its journals; `said` stand over them, None takes one away."""

    run_id: str
    name: str
    project: str
    note: str
    own: dict[str, str] = field(default_factory=dict)
    said: dict[str, str | None] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """The tags as they are shown, by key."""
        return {key: value for key, value in sorted({**self.own, **self.said}.items()) if value is not None}


def _load(ask: Ask, run_ids: Sequence[str]) -> Mapping[str, Marks]:
    """Of runs that are there and not deleted."""
    mine, given = these("run_id", "VARCHAR", list(run_ids))
    rows = ask(
        f"SELECT 0 AS part, run_id, name AS a, project AS b, note AS c FROM runs WHERE {mine} AND deleted IS NULL "
        f"UNION ALL SELECT 1, run_id, key, value, NULL FROM journal_tags WHERE {mine} "
        f"UNION ALL SELECT 2, run_id, key, value, NULL FROM run_tags WHERE {mine}",
        given * 3,
    )
    found = {
        row["run_id"]: Marks(row["run_id"], row["a"] or "", row["b"] or "", row["c"] or "")
        for row in rows
        if row["part"] == 0
    }
    for row in rows:
        if row["part"] and row["run_id"] in found:
            marks = found[row["run_id"]]
            if row["part"] == 1:
                marks.own[row["a"]] = row["b"]
            else:
                marks.said[row["a"]] = row["b"]
    return found


MARKS = Fact(_load)
