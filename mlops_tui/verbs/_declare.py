"""How a verb is declared: once, for the route, its OpenAPI, the CLI command, the docs and the tests.

An input is a `msgspec.Struct` whose fields carry `Annotated[T, arg(...)]` or `Annotated[T, opt(...)]`.
Standard library and msgspec only: the client pays for what is imported here.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

Waits = Literal["no", "option", "always"]
Fill = Literal["project", "project_dir", "client"]
Kind = Literal["", "pairs", "values", "time", "duration", "size", "path"]

T = TypeVar("T")

Natural = Annotated[int, Meta(ge=0)]


def arg(description: str, *, kind: Kind = "", metavar: str = "") -> Meta:
    """A positional argument; a `list` field takes all that follow, a field with a default may be left out."""
    return Meta(description=description, extra={"arg": True, "kind": kind, "metavar": metavar})


def opt(description: str, flag: str = "", *, kind: Kind = "", metavar: str = "") -> Meta:
    """An option, named after the field unless `flag` says otherwise.

    `kind` says how the CLI reads the text: `pairs` K=V with V as JSON where it is JSON, `values` K=V with V as
    text, `time` ISO date or time, or age such as `2h` → UTC ms, `duration` `90s`, `2h`, `1d` → ms, `size` `500MB`, `2GiB` → bytes, `path` made absolute.
    """
    return Meta(description=description, extra={"option": flag, "kind": kind, "metavar": metavar})


def fill(what: Fill, description: str) -> Meta:
    """A field that no one types: the client fills it in."""
    return Meta(description=description, extra={"fill": what})


Reason = Annotated[str, opt("why; stays in the ledger")]
"""Whoever decides something may say why: the field is called `reason`, and the entry of the ledger has it as its `why`."""


class Input(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of all inputs; a misspelt field is refused."""


class Output(msgspec.Struct, kw_only=True):
    """Base of all outputs; tolerant of unknown fields, so that an older client reads a newer answer."""


class ProjectInput(Input, kw_only=True):
    """Base of the inputs that act on a project: the folder's own, unless `--project` names another."""

    project: Annotated[
        str | None, fill("project", "name of the project; none means all, where that makes sense")
    ] = None
    project_dir: Annotated[str | None, fill("project_dir", "folder whose mlops.toml named the project")] = (
        None
    )


class Page(Output, Generic[T], kw_only=True):
    """One page of a list; `next` goes into `page` of the next question, null at the end. `total` counts all that the
    question finds; it is given where the question had an `offset`."""

    items: list[T]
    next: str | None = None
    total: int | None = None


class PageInput(ProjectInput, kw_only=True):
    """Base of the inputs of lists."""

    limit: Annotated[int, opt("at most this many items"), Meta(ge=1, le=1000)] = 50
    page: Annotated[str | None, opt("the `next` of the page before", metavar="TOKEN")] = None
    offset: Annotated[Natural | None, opt("skip this many items, and count them all (instead of --page)")] = (
        None
    )


class ListInput(PageInput, kw_only=True):
    """Base of the inputs of lists in the one filter language; the fields of each list are in `mlops_store.filter_fields`."""

    filter: Annotated[
        str | None,
        opt(
            "only what this finds, such as 'age < 2d and not project = clinic'; docs/scripting.md has the language"
        ),
    ] = None
    sort: Annotated[
        str | None, opt("a field of the filter; a leading - turns it around", metavar="FIELD")
    ] = None


NOTHING = "nothing to do"
"""The last step of a plan that changes nothing: there is no yes to it."""


class Plan(Output, kw_only=True):
    """What a dangerous verb would do; printed by `--dry-run`, confirmed in the app. `settled` are fields of its input that the question left open: with
    them it does what the plan says, whatever happens meanwhile."""

    title: str
    steps: list[str]
    undo: str = ""
    settled: dict[str, Any] = {}


class Verb(msgspec.Struct, frozen=True):
    """One thing that can be asked of the system.

    `noun` is empty for top-level verbs. `writes`: runs in the writer with an idempotency key. `danger`: the app asks
    first. `local`: the CLI body is `mlops_tui/cli/commands/<noun or name>.py`; with `service` false there is no
    route either. `plans`: the service has `plan_<name>(read, request) -> Plan` for `--dry-run`. `waits`: the answer
    names a `run_id` that the CLI can wait for (`option`: `--wait`) or always waits for, printing the run's result. `empty`, of
    lists: what to say, and to do next, where there is nothing yet.
    """

    noun: str
    name: str
    input: type[Input]
    output: Any
    summary: str
    help: str = ""
    example: str = ""
    writes: bool = False
    danger: bool = False
    local: bool = False
    service: bool = True
    plans: bool = False
    waits: Waits = "no"
    empty: str = ""

    @property
    def key(self) -> str:
        """What is typed and passed to `Client.call`: `run list`, `sql`."""
        return f"{self.noun} {self.name}".strip()

    @property
    def path(self) -> str:
        """The route below `/v1/`."""
        return self.key.replace(" ", "/")

    @property
    def module(self) -> str:
        """The module of `mlops_tui.services` (and, for local verbs, of `mlops_tui.cli.commands`)."""
        return self.noun or self.name

    @property
    def function(self) -> str:
        """The function in the service's module; `list` is a builtin and `import` a keyword: they become `list_`, `import_`."""
        return f"{self.name}_" if self.name in ("list", "import") else self.name.replace("-", "_")
