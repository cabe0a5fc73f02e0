"""What `lineage` answers: what a thing was made from, and what was made from it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mlops_tui.verbs._declare import Output, ProjectInput, arg, opt

EntityKind = Literal["run", "model", "alias", "data", "feature", "proposal", "prediction"]
Relation = Literal["used", "wasGeneratedBy", "wasDerivedFrom", "wasInformedBy"]

WORDS: dict[Relation, tuple[str, str]] = {
    "used": ("used", "used by"), "wasGeneratedBy": ("made by", "made"), "wasDerivedFrom": ("derived from", "became"),
    "wasInformedBy": ("informed by", "informed"),
}  # fmt: skip
"""What a relation is called for people: of what came later, and the other way round."""


class Lineage(ProjectInput, kw_only=True):
    entity: Annotated[
        str,
        arg(
            "run:ID, model:NAME@3, alias:NAME@champion, data:SOURCE@4, feature:VIEW@2, proposal:ID, prediction:RUN; "
            "also a bare run id, MODEL@V or card id",
            metavar="ENTITY",
        ),
    ]
    up: Annotated[bool, opt("only what it was made from")] = False
    down: Annotated[bool, opt("only what was made from it")] = False
    depth: Annotated[int, opt("at most this many steps away"), Meta(ge=1, le=100)] = 8


class LineageNode(Output, kw_only=True):
    """A thing. `id` is what `lineage` takes; `depth` counts steps from the root: below 0 what it was made from, above 0
    what was made from it. `state` is a run's or card's state, or a version's verdict."""

    id: str
    kind: EntityKind
    title: str
    project: str = ""
    state: str = ""
    time: int | None = None
    depth: int = 0


class LineageEdge(Output, kw_only=True, rename={"from_": "from"}):
    """In the direction of W3C PROV: `from` came later and goes back to `to`."""

    from_: str
    to: str
    relation: Relation


class LineageGraph(Output, kw_only=True):
    """`nodes` in order of depth, the root among them; `truncated`: there is more than depth or size allowed."""

    root: str
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    truncated: bool = False
