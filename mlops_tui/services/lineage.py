"""What a thing was made from, and what was made from it: a walk over recorded facts, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from mlops_store.errors import Problem
from mlops_store.index import data as data_queries
from mlops_store.index import features
from mlops_store.index import lineage as queries
from mlops_store.index.lineage import Facts, Key, Thing
from mlops_store.index.tx import Read
from mlops_tui.services import proposal, run_rows
from mlops_tui.services.versions import CHAMPION, named, project_of, split_ref
from mlops_tui.verbs._lineage import EntityKind, Lineage, LineageEdge, LineageGraph, LineageNode

KINDS = get_args(EntityKind)
MOST = 500
"""Things in one answer."""

Root = tuple[str, Key]
"""(project, key)"""


def lineage(read: Read, request: Lineage) -> LineageGraph:
    """The things within `depth` steps of one, and the edges among them. Raises Problem."""
    project, root = entity(read, request.entity, request.project)
    found = queries.facts(read, project)
    if root[0] == "run":
        queries.run_edges(read, root[1], found)
    both = request.up == request.down
    depths: dict[Key, int] = {root: 0}
    cut = False
    if both or request.up:
        cut |= _walk(root, _steps(found, up=True), request.depth, -1, depths)
    if both or request.down:
        cut |= _walk(root, _steps(found, up=False), request.depth, 1, depths)
    runs = queries.titles_of_runs(read, [name for kind, name in depths if kind == "run"])
    nodes = [_node(key, depth, project, found, runs) for key, depth in depths.items()]
    nodes.sort(key=lambda node: (node.depth, node.kind, node.time or 0, node.id))
    edges = [
        LineageEdge(from_=text(later), to=text(earlier), relation=relation)  # type: ignore[arg-type]
        for (later, earlier), relation in found.edges.items()
        if later in depths and earlier in depths
    ]
    return LineageGraph(root=text(root), nodes=nodes, edges=edges, truncated=cut)


def text(key: Key) -> str:
    """`data:flights@2`: as a person writes it."""
    return f"{key[0]}:{key[1]}"


def _steps(found: Facts, *, up: bool) -> dict[Key, list[Key]]:
    steps: dict[Key, list[Key]] = {}
    for later, earlier in found.edges:
        here, there = (later, earlier) if up else (earlier, later)
        steps.setdefault(here, []).append(there)
    return steps


def _walk(root: Key, steps: dict[Key, list[Key]], depth: int, sign: int, depths: dict[Key, int]) -> bool:
    """Adds what can be reached, nearest first. Returns whether something was left out."""
    level = [root]
    for distance in range(1, depth + 1):
        following: list[Key] = []
        for key in level:
            for there in steps.get(key, []):
                if there in depths:
                    continue
                if len(depths) >= MOST:
                    return True
                depths[there] = sign * distance
                following.append(there)
        level = following
    return any(there not in depths for key in level for there in steps.get(key, []))


def _node(key: Key, depth: int, project: str, found: Facts, runs: dict[str, Thing]) -> LineageNode:
    kind, name = key
    thing = (runs.get(name) if kind == "run" else found.things.get(key)) or Thing(name, "not recorded here")
    kinds: Any = kind
    return LineageNode(
        id=text(key),
        kind=kinds,
        title=thing.title,
        project=project,
        state=thing.state,
        time=thing.time,
        depth=depth,
    )


# --- which thing is meant -----------------------------------------------------------------------------------------


def entity(read: Read, wanted: str, project: str | None) -> Root:
    """The project and key of what somebody wrote. Raises Problem."""
    kind, colon, name = wanted.strip().partition(":")
    if colon:
        if kind not in KINDS or not name:
            raise Problem(
                "bad_entity",
                f"{wanted[:200]!r} names nothing that has a lineage",
                f"write one of {', '.join(f'{known}:NAME' for known in KINDS)}",
                status=2,
            )
        return _FINDERS[kind](read, name, project)
    return _bare(read, wanted.strip(), project)


def _bare(read: Read, name: str, project: str | None) -> Root:
    """Without a kind: NAME@VERSION is of a model, a source or a view; else the champion of a model, the newest of a source or view, a run, a card."""
    tries = (
        ("model", "alias", "data", "feature")
        if "@" in name
        else ("model", "data", "feature", "run", "proposal")
    )
    problems: list[Problem] = []
    for kind in tries:
        try:
            return _FINDERS[kind](read, name, project)
        except Problem as problem:
            problems.append(problem)
    told = next((one for one in problems if one.code.startswith("ambiguous")), None)
    raise told or Problem(
        "no_such_entity",
        f"nothing here is called {name[:200]!r}",
        "`mlops-tui find TEXT` looks for it; a kind before the name says what it is, such as data:flights@2",
    )


def _run(read: Read, name: str, project: str | None) -> Root:
    run_id = run_rows.find_run(read, name, project)
    return str(run_rows.row_of(read, run_id)["project"]), ("run", run_id)


def _model(read: Read, name: str, project: str | None) -> Root:
    version = named(read, name, project)
    return version.project, ("model", version.label)


def _alias(read: Read, name: str, project: str | None) -> Root:
    model, alias = split_ref(name)
    version = named(read, f"{model}@{alias or CHAMPION}", project)
    return project_of(read, model, project), ("alias", f"{version.model}@{alias or CHAMPION}")


def _data(read: Read, name: str, project: str | None) -> Root:
    source, number = _numbered(name)
    return _newest("data version", name, data_queries.find(read, project, source, number), "data", source)


def _feature(read: Read, name: str, project: str | None) -> Root:
    view, number = _numbered(name)
    found = features.versions(read, view, project)[::-1]
    return _newest(
        "feature view", name, [row for row in found if number in (None, row["version"])], "feature", view
    )


def _newest(what: str, asked: str, rows: list[dict[str, Any]], kind: str, name: str) -> Root:
    """The first row's; refused where it is of several projects."""
    if not rows:
        raise Problem(
            "no_such_entity",
            f"there is no {what} {asked[:200]!r}",
            "`mlops-tui find TEXT`",
        )
    if len({row["project"] for row in rows}) > 1:
        raise Problem("ambiguous", f"{asked[:200]!r} is in several projects", "use --project", status=2)
    return rows[0]["project"], (kind, f"{name}@{rows[0]['version']}")


def _proposal(read: Read, name: str, project: str | None) -> Root:
    card = proposal.find(read, name, project)
    return card["project"], ("proposal", card["id"])


def _prediction(read: Read, name: str, project: str | None) -> Root:
    found_project, (_, run_id) = _run(read, name, project)
    if read.one("SELECT 1 AS found FROM predictions WHERE run_id = ?", [run_id]) is None:
        raise Problem("no_such_entity", f"run {run_id} made no predictions", "")
    return found_project, ("prediction", run_id)


def _numbered(name: str) -> tuple[str, int | None]:
    """`flights@3` → (`flights`, 3). Raises Problem."""
    base, _, number = name.partition("@")
    if number and not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Problem("bad_version", f"{number[:40]!r} is not a version", "write NAME or NAME@3", status=2)
    return base, int(number) if number else None


_FINDERS: dict[str, Callable[[Read, str, str | None], Root]] = {
    "run": _run, "model": _model, "alias": _alias, "data": _data, "feature": _feature, "proposal": _proposal,
    "prediction": _prediction,
}  # fmt: skip
