"""What people say of runs, and what that is held against: read for many runs in one question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from mlops_store.index.apply_marks import tag_words
from mlops_store.index.asking import these
from mlops_store.index.fact import Ask, Fact
from mlops_store.index.payload import text
from mlops_store.records import LedgerEntry


@dataclass
class Marks:
    """A run as it is tagged and noted. `own` are the tags of its journals; `said` stand over them, None takes one away."""

    run_id: str
    name: str
    project: str
    note: str = ""
    own: dict[str, str] = field(default_factory=dict)
    said: dict[str, str | None] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """The tags as they are shown, by key."""
        return {key: value for key, value in sorted({**self.own, **self.said}.items()) if value is not None}


_WORDS = 1000
"""Words of the log up to which finding the last of each takes less here than in the index."""
_RECENT = "SELECT run_id FROM runs WHERE deleted IS NULL ORDER BY run_id DESC LIMIT 1000"
"""Whoever marks runs marks most of all what is new."""


def _load(ask: Ask, run_ids: Sequence[str]) -> Mapping[str, Marks]:
    """Of runs that are there and not deleted."""
    mine, given = these("run_id", "VARCHAR", list(run_ids))
    rows = ask(
        f"SELECT 0 AS part, run_id, name AS a, project AS b, false AS cleared, 0 AS seq FROM runs WHERE {mine} AND deleted IS NULL "
        f"UNION ALL SELECT 1, run_id, key, value, false, 0 FROM journal_tags WHERE {mine} "
        f"UNION ALL (SELECT 2, run_id, key, value, cleared, seq FROM mark_log WHERE {mine} LIMIT ?)",
        [*given * 3, _WORDS + 1],
    )
    words = [row for row in rows if row["part"] == 2]
    if len(words) > _WORDS:
        words = ask(
            f"SELECT run_id, key AS a, value AS b, false AS cleared, 0 AS seq FROM run_tags WHERE {mine} "
            f"UNION ALL SELECT run_id, NULL, note, false, 0 FROM notes WHERE {mine}",
            given * 2,
        )
    found = {
        row["run_id"]: Marks(row["run_id"], row["a"] or "", row["b"] or "")
        for row in rows
        if row["part"] == 0
    }
    for row in rows:
        if row["part"] == 1 and row["run_id"] in found:
            found[row["run_id"]].own[row["a"]] = row["b"]
    for row in sorted(words, key=itemgetter("seq")):
        if row["run_id"] in found:
            _hear(found[row["run_id"]], row["a"], row["b"], row["cleared"])
    return found


def _hear(marks: Marks, key: str | None, value: str | None, cleared: bool) -> None:
    """A word of the log, later than those before it."""
    if key is None:
        marks.note = value or ""
    elif cleared:
        marks.said.pop(key, None)
    else:
        marks.said[key] = value


def _after(marks: Marks, entry: LedgerEntry) -> Marks | None:
    """What `apply_marks` makes of it."""
    if entry.data.get("run_id") != marks.run_id or "origin" in entry.data:
        return None
    if entry.verb == "run.note":
        return replace(marks, note=text(entry.data, "text"))
    if entry.verb == "run.tag":
        words = tag_words(entry.data)
        said = {**marks.said, **{key: value for key, (value, _) in words.items()}}
        cleared = {key for key, (_, cleared) in words.items() if cleared}
        return replace(marks, said={key: value for key, value in said.items() if key not in cleared})
    return None


def _size(marks: Marks) -> int:
    texts = (marks.name, marks.project, marks.note, *marks.own, *marks.own.values(), *marks.said)
    return 1000 + sum(map(len, texts)) + sum(len(value or "") for value in marks.said.values())


MARKS = Fact(_load, after=_after, size=_size, recent=_RECENT)
