"""Things by their names, for `find`. Whatever people type is bound, never SQL.

Runs are many: a word that many have is looked for among the newest, since sorting all of them costs more than finding them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_store.index.tx import Read

Row = dict[str, Any]

_MOST_WORDS = 8
_FEW = 500
"""So many runs are fetched whole; of more, those of the window."""
_WINDOW = 8_000
"""About so many of the newest runs are in it."""
_SHOWN = "run_id, kind, name, project, model, state, created"
_HEX = frozenset("0123456789abcdef")

_THINGS = """
SELECT 'project' AS kind, name AS id, name AS title, name AS project, dir AS detail, '' AS state, added AS time, '' AS entity, name AS hay
  FROM projects WHERE removed IS NULL
UNION ALL BY NAME
SELECT 'model' AS kind, model AS id, model AS title, project, metric AS detail, '' AS state, created AS time, '' AS entity, model AS hay FROM models
UNION ALL BY NAME
SELECT 'version' AS kind, model || '@' || version AS id, model || '@' || version AS title, project, '' AS detail, verdict AS state, created AS time,
  'model:' || model || '@' || version AS entity, model || '@' || version AS hay FROM model_versions
UNION ALL BY NAME
SELECT 'alias' AS kind, model || '@' || alias AS id, model || '@' || alias AS title, project, 'version ' || version AS detail, '' AS state,
  moved AS time, 'alias:' || model || '@' || alias AS entity, model || '@' || alias AS hay FROM aliases WHERE version IS NOT NULL
UNION ALL BY NAME
SELECT 'source' AS kind, source || '@' || max(version) AS id, source AS title, project, '' AS detail, '' AS state, max(created) AS time,
  'data:' || source || '@' || max(version) AS entity, source || '@' || max(version) AS hay FROM data_versions GROUP BY project, source
UNION ALL BY NAME
SELECT 'view' AS kind, view AS id, view AS title, project, any_value(source) AS detail, '' AS state, max(created) AS time,
  'feature:' || view || '@' || max(version) AS entity, view || '@' || max(version) || ' ' || any_value(source) AS hay FROM views GROUP BY project, view
UNION ALL BY NAME
SELECT 'proposal' AS kind, id, id AS title, project, reasons ->> '$[0]' AS detail, state, created AS time, 'proposal:' || id AS entity,
  id || ' ' || model || ' ' || state || ' ' || coalesce(reasons ->> '$[0]', '') AS hay FROM proposals
"""


def words(text: str) -> list[str]:
    """What is looked for: lower-case words, all of which must occur."""
    return text.lower().split()[:_MOST_WORDS]


def things(read: Read) -> list[Row]:
    """All projects, models, versions, aliases, sources, views and cards; `hay` is what words are looked for in."""
    return read.rows(_THINGS)


def runs(read: Read, text: str, project: str | None, limit: int) -> list[Row]:
    """Runs by id, by name, and where there is room by tags: {run_id, kind, name, project, model, state, created, rank}.

    rank: 0 its name or id, 1 the beginning of one, 2 in its name, 3 in one of its tags. All words must occur in the same text.
    """
    asked = _Asked(read, text.strip(), words(text), project, limit)
    found: dict[str, Row] = {}
    for row in [*_by_id(asked), *_by_name(asked)]:
        found.setdefault(row["run_id"], {**row, "rank": _rank(row, " ".join(asked.words))})
    if len(found) < limit:
        for row in _by_tag(asked):
            found.setdefault(row["run_id"], {**row, "rank": 3})
    return sorted(found.values(), key=lambda row: (row["rank"], -(row["created"] or 0)))[:limit]


@dataclass(frozen=True)
class _Asked:
    read: Read
    text: str
    words: list[str]
    project: str | None
    limit: int

    def rows(self, condition: str, params: list[Any], *, newest: bool = False) -> list[Row]:
        """The runs of the project that a condition holds for; `newest`: only `limit` of them, newest first."""
        order = f" ORDER BY created DESC LIMIT {int(self.limit)}" if newest else ""
        return self.read.rows(
            f"SELECT {_SHOWN} FROM runs WHERE {condition} AND deleted IS NULL AND (? IS NULL OR project = ?){order}",
            [*params, self.project, self.project],
        )

    def every(self, column: str) -> str:
        """The condition that a text has all words."""
        return " AND ".join(f"contains(lower({column}), ?)" for _ in self.words)

    def count(self, table: str, column: str) -> int:
        found = self.read.rows(f"SELECT count(*) AS n FROM {table} WHERE {self.every(column)}", self.words)
        return int(found[0]["n"])

    def window(self) -> str:
        """The id from which on about _WINDOW runs were made, as if they had come evenly."""
        row = self.read.rows("SELECT count(*) AS n, min(created) AS first, max(created) AS last FROM runs")[0]
        if row["n"] <= _WINDOW:
            return ""
        start = row["last"] - (row["last"] - row["first"]) * _WINDOW // row["n"]
        return f"{max(0, start):012x}"


def _rank(row: Row, whole: str) -> int:
    name = row["name"].lower()
    if whole in (name, row["run_id"]):
        return 0
    return 1 if name.startswith(whole) or row["run_id"].startswith(whole) else 2


def _by_id(asked: _Asked) -> list[Row]:
    start = asked.words[0]
    if len(asked.words) > 1 or len(start) < 4 or not _HEX.issuperset(start):
        return []
    return asked.rows("run_id >= ? AND run_id < ?", [start, start + "g"], newest=True)


def _by_name(asked: _Asked) -> list[Row]:
    every, count = asked.every("name"), asked.count("runs", "name")
    if count <= _FEW:
        return asked.rows(every, asked.words) if count else []
    exact = asked.rows("name = ?", [asked.text])
    found = asked.rows(f"run_id >= ? AND {every}", [asked.window(), *asked.words], newest=True)
    whole = len(found) == asked.limit
    return exact[: asked.limit] + (found if whole else asked.rows(every, asked.words, newest=True))


def _by_tag(asked: _Asked) -> list[Row]:
    """Of many, those in the window: a tag that thousands share is no way to find one."""
    count = asked.count("journal_tags", "value")
    if not count and not asked.count("run_tags", "value"):
        return []
    among = f"run_id IN (SELECT run_id FROM tags WHERE run_id >= ? AND {asked.every('value')})"
    return asked.rows(among, [asked.window() if count > _FEW else "", *asked.words], newest=True)
