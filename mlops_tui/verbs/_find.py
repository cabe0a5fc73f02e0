"""What `find` answers: things by name, for the command palette."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mlops_tui.verbs._declare import Output, ProjectInput, arg, opt

FoundKind = Literal["project", "model", "version", "alias", "source", "view", "proposal", "run"]


class Find(ProjectInput, kw_only=True):
    text: Annotated[str, arg("words of a name, id or tag; all of them must occur", metavar="TEXT")]
    limit: Annotated[int, opt("at most this many"), Meta(ge=1, le=100)] = 20
    everywhere: Annotated[bool, opt("in all projects of the home", "--all")] = False


class FoundItem(Output, kw_only=True):
    """A thing that was found. `id` is what the command of its kind takes (a run id, MODEL@3, SOURCE@4, VIEW, a card id);
    `entity` is what `lineage` takes, empty for projects and models without a version."""

    kind: FoundKind
    id: str
    title: str
    project: str = ""
    detail: str = ""
    state: str = ""
    time: int | None = None
    entity: str = ""


class FoundList(Output, kw_only=True):
    """Best match first: whole names before beginnings before parts, newer before older."""

    text: str
    items: list[FoundItem]
