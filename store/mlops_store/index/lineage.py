"""What made what, of one project: facts from every table, each as {from, to, relation} or as a thing with its title.

Keys are (kind, name): ("run", id), ("model", "late@3"), ("alias", "late@champion"), ("data", "flights@2"), ("feature", "weather@1"),
("proposal", id), ("prediction", run id).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from mlops_store.index.tx import Read

Key = tuple[str, str]
Row = dict[str, Any]


@dataclass(frozen=True)
class Thing:
    """What is shown of a thing; `time` is UTC ms."""

    title: str
    state: str = ""
    time: int | None = None


@dataclass
class Facts:
    """The things and edges of a project. Runs are only named by edges: `titles_of_runs` tells of those that are wanted."""

    things: dict[Key, Thing] = field(default_factory=dict)
    edges: dict[tuple[Key, Key], str] = field(default_factory=dict)
    snapshots: dict[tuple[str, str], int] = field(default_factory=dict)

    def edge(self, later: Key, earlier: Key, relation: str) -> None:
        """`later` goes back to `earlier`; the first relation of a pair holds."""
        if later != earlier:
            self.edges.setdefault((later, earlier), relation)


def facts(read: Read, project: str) -> Facts:
    """All that the index knows of a project's lineage, in eight statements."""
    found = Facts()
    for add in (_data, _versions, _aliases, _views, _looks, _evaluations, _proposals, _predictions):
        add(read, project, found)
    return found


def titles_of_runs(read: Read, run_ids: list[str]) -> dict[str, Thing]:
    """What is shown of these runs."""
    found = read.rows(
        "SELECT run_id, kind, name, state, created FROM runs WHERE run_id IN (SELECT unnest(?::VARCHAR[]))",
        [run_ids],
    )
    return {
        row["run_id"]: Thing(f"{row['kind']} {row['name']}".strip(), row["state"] or "", row["created"])
        for row in found
    }


def run_edges(read: Read, run_id: str, found: Facts) -> None:
    """What only the run's own row knows: pins, the card that it is the training of, the runs that it waited for."""
    row = read.one("SELECT pins, proposal_id, after FROM runs WHERE run_id = ?", [run_id])
    if row is None:
        return
    me = ("run", run_id)
    for source, version in _mapping(row["pins"]).items():
        found.edge(me, ("data", f"{source}@{version}"), "used")
    if row["proposal_id"]:
        found.edge(me, ("proposal", row["proposal_id"]), "wasInformedBy")
    for before in _listed(row["after"]):
        found.edge(me, ("run", str(before)), "wasInformedBy")


def _data(read: Read, project: str, found: Facts) -> None:
    rows = read.rows(
        'SELECT source, version, snapshot, "rows", created, run_id FROM data_versions WHERE project = ? ORDER BY source, version',
        [project],
    )
    for row in rows:
        source, version = row["source"], row["version"]
        me = ("data", f"{source}@{version}")
        found.things[me] = Thing(f"{source} version {version}, {row['rows'] or 0:,} rows", "", row["created"])
        found.snapshots[(source, row["snapshot"])] = version
        if row["run_id"]:
            found.edge(me, ("run", row["run_id"]), "wasGeneratedBy")
        before = ("data", f"{source}@{version - 1}")
        if before in found.things:
            found.edge(me, before, "wasDerivedFrom")


def _versions(read: Read, project: str, found: Facts) -> None:
    """A version, the run that made it, and what that run has read."""
    rows = read.rows(
        "SELECT model, version, run_id, pins, feature_service, verdict, created, gate ->> '$.champion' AS champion "
        "FROM model_versions WHERE project = ? ORDER BY seq",
        [project],
    )
    for row in rows:
        me, run = ("model", f"{row['model']}@{row['version']}"), ("run", row["run_id"])
        found.things[me] = Thing(
            f"{row['model']} version {row['version']}", row["verdict"] or "", row["created"]
        )
        found.edge(me, run, "wasGeneratedBy")
        for source, version in _mapping(row["pins"]).items():
            found.edge(run, ("data", f"{source}@{version}"), "used")
        for view in sorted({str(entry).partition(":")[0] for entry in _listed(row["feature_service"])}):
            if "@" in view:
                found.edge(run, ("feature", view), "used")
        if row["champion"]:
            number = str(row["champion"]).rpartition("@")[2]
            found.edge(run, ("model", f"{row['model']}@{number}"), "used")


def _aliases(read: Read, project: str, found: Facts) -> None:
    rows = read.rows(
        "SELECT model, alias, version, moved FROM aliases WHERE project = ? AND version IS NOT NULL",
        [project],
    )
    for row in rows:
        me = ("alias", f"{row['model']}@{row['alias']}")
        found.things[me] = Thing(f"{row['alias']} of {row['model']}", "", row["moved"])
        found.edge(me, ("model", f"{row['model']}@{row['version']}"), "wasDerivedFrom")


def _views(read: Read, project: str, found: Facts) -> None:
    for row in read.rows("SELECT view, version, source, created FROM views WHERE project = ?", [project]):
        title = f"{row['view']} version {row['version']}, of {row['source']}"
        found.things[("feature", f"{row['view']}@{row['version']}")] = Thing(title, "", row["created"])


def _looks(read: Read, project: str, found: Facts) -> None:
    """Drift runs: the version that was looked at, and the data of every source that it read."""
    rows = read.rows(
        "SELECT run_id, model, source, version, champion_version, json -> '$.sources' AS sources FROM drift WHERE project = ?",
        [project],
    )
    for row in rows:
        run = ("run", row["run_id"])
        found.edge(run, ("model", f"{row['model']}@{row['champion_version']}"), "used")
        for source, version in {row["source"]: row["version"], **_mapping(row["sources"])}.items():
            found.edge(run, ("data", f"{source}@{version}"), "used")


def _evaluations(read: Read, project: str, found: Facts) -> None:
    rows = read.rows(
        "SELECT e.run_id, e.model, e.version, e.baseline_version, r.pins FROM evaluations e LEFT JOIN runs r USING (run_id) "
        "WHERE e.project = ?",
        [project],
    )
    for row in rows:
        run = ("run", row["run_id"])
        for version in (row["version"], row["baseline_version"]):
            if version is not None:
                found.edge(run, ("model", f"{row['model']}@{version}"), "used")
        for source, version in _mapping(row["pins"]).items():
            found.edge(run, ("data", f"{source}@{version}"), "used")


def _proposals(read: Read, project: str, found: Facts) -> None:
    """A card: the data that it names, the drift run that its evidence is from, and the training that came of it."""
    rows = read.rows(
        "SELECT p.id, p.state, p.created, p.pins, p.run_id, p.reasons ->> '$[0]' AS reason, arg_max(d.run_id, row(d.created, d.run_id)) AS look "
        "FROM proposals p LEFT JOIN drift d ON d.project = p.project AND d.model = p.model "
        "AND d.version = TRY_CAST(p.evidence ->> '$.version' AS BIGINT) "
        "AND d.champion_version = TRY_CAST(p.evidence ->> '$.reference' AS BIGINT) "
        "WHERE p.project = ? GROUP BY ALL",
        [project],
    )
    for row in rows:
        me = ("proposal", row["id"])
        found.things[me] = Thing(row["reason"] or "proposal", row["state"], row["created"])
        for source, version in _mapping(row["pins"]).items():
            found.edge(me, ("data", f"{source}@{version}"), "used")
        if row["look"]:
            found.edge(me, ("run", row["look"]), "wasDerivedFrom")
        if row["run_id"]:
            found.edge(("run", row["run_id"]), me, "wasInformedBy")


def _predictions(read: Read, project: str, found: Facts) -> None:
    rows = read.rows(
        'SELECT run_id, model, version, output, "rows", snapshots, created FROM predictions WHERE project = ?',
        [project],
    )
    for row in rows:
        me, run = ("prediction", row["run_id"]), ("run", row["run_id"])
        name = str(row["output"] or "").rpartition("/")[2]
        found.things[me] = Thing(f"{row['rows'] or 0:,} rows in {name or 'a file'}", "", row["created"])
        found.edge(me, run, "wasGeneratedBy")
        found.edge(run, ("model", f"{row['model']}@{row['version']}"), "used")
        for source, snapshot in _mapping(row["snapshots"]).items():
            known = found.snapshots.get((source, str(snapshot)))
            if known is not None:
                found.edge(run, ("data", f"{source}@{known}"), "used")


def _mapping(value: Any) -> Row:
    found = msgspec.json.decode(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _listed(value: Any) -> list[Any]:
    found = msgspec.json.decode(value) if isinstance(value, str) else value
    return found if isinstance(found, list) else []
