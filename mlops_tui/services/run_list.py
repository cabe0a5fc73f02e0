"""The list of runs: filtered, sorted, page by page or as a window of all, with as much of each run as is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlops_store.errors import Problem
from mlops_store.filter_tree import And, Compare, Field, In, Node, fields_of
from mlops_store.filters import field_names, parse, parse_field
from mlops_store.index.asking import among
from mlops_store.index.orders import Order
from mlops_store.index.run_order import RunsQuestion, order_of
from mlops_store.index.runs import SortKey
from mlops_store.index.tx import Read
from mlops_tui.services import run_rows
from mlops_tui.services.paging import page_of, start_of
from mlops_tui.services.run_headline import HEADLINE
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.run import RunList

DEFAULT_KINDS = ("train", "sdk")
_MOST_FIELDS = 200
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Run)


def list_(read: Read, request: RunList) -> Page[Run]:
    """Runs, newest first unless sorted otherwise; training and SDK runs unless asked for others. Raises Problem."""
    only = chosen(request.fields)
    where = _wanted(request)
    if request.page is not None and request.offset is not None:
        raise Problem(
            "bad_page", "a list goes on by --page or by --offset", "leave one of them out", status=2
        )
    descending = request.sort.startswith("-")
    order = order_of(
        read, RunsQuestion(where, request.sort.removeprefix("-"), request.archived, request.deleted), read.now
    )
    first = request.offset or 0
    if request.page is not None:
        first = _place(order, request.page, request.sort)
    ids = order.window(first, request.limit + 1, descending=descending)
    places = page_of(
        [(run_id, first + number) for number, run_id in enumerate(ids)],
        request.limit,
        lambda place: [request.sort, order.key(place[1], descending=descending), place[0]],
    )
    items = rows(read, [run_id for run_id, _ in places.items], request.fields, only)
    if "actor" in field_names(request.fields):
        _with_actors(read, items)
    return Page(items=items, next=places.next, total=None if request.offset is None else len(order))


def _place(order: Order, token: str, sort: str) -> int:
    """Where the page begins that a `next` speaks of: after a run, not after so many, so that new runs shift nothing."""
    of, key, run_id = start_of(token, tuple[str, SortKey, str], ("", None, ""))
    if of != sort:
        raise Problem("bad_page", "this is the `next` of a list in another order", f"--sort={of}", status=2)
    try:
        return order.after(key, run_id, descending=sort.startswith("-"))
    except (ValueError, OverflowError) as error:
        raise Problem("bad_page", f"{token[:40]!r} is not the `next` of a page", "", status=2) from error


def rows(read: Read, ids: Sequence[str], shape: Sequence[str], only: Sequence[Field] | None) -> list[Run]:
    """The answers for these runs, in this order; they are kept for the next question with these fields."""
    kept = read.kept
    if kept is None:
        return run_rows.runs_of(read, ids, only)
    form = tuple(shape)
    version = kept.changes.version
    known = kept.get(form, ids)
    found = {run.run_id: run for run in run_rows.runs_of(read, [i for i in ids if i not in known], only)}
    # one without a name has a folder that could not be read yet, and no commit says when it can
    kept.put(form, {run.run_id: _ENCODER.encode(run) for run in found.values() if run.name}, version)
    return [
        found[run_id] if run_id in found else run_rows.as_it_lives(read, _DECODER.decode(known[run_id]))
        for run_id in ids
        if run_id in found or run_id in known
    ]


def _with_actors(read: Read, runs: Sequence[Run]) -> None:
    """Who asked for each run: in no list but those that want to know."""
    mine, given = among([run.run_id for run in runs])
    found = {
        row["run_id"]: row["actor"]
        for row in read.rows(f"SELECT run_id, actor FROM runs WHERE {mine}", given)
    }
    for run in runs:
        run.actor = found.get(run.run_id) or ""


def chosen(fields: Sequence[str]) -> list[Field] | None:
    """The parameters, metrics and tags that `--fields` names; None where it names nothing, which means all. Raises Problem `bad_fields`.
    `headline`, which every run has, stands for none of them."""
    names = field_names(fields)
    if len(names) > _MOST_FIELDS:
        raise Problem(
            "bad_fields", f"{len(names)} fields are too many", f"name at most {_MOST_FIELDS}", status=2
        )
    try:
        found = [parse_field(name) for name in names if name != HEADLINE]
    except Problem as problem:
        raise Problem("bad_fields", problem.message, "such as headline, params.lr, metrics.roc_auc, tags.owner; `mlops-tui run fields` lists them",
                      status=2) from problem  # fmt: skip
    if not names:
        return None
    return [field for field in found if field.group != "column"]


def _wanted(request: RunList) -> Node | None:
    """The filter and the other options, which are filters too, as one."""
    given = parse(request.filter or "")
    terms: list[Node] = [] if given is None else [given]
    for name in ("kind", "state", "model", "experiment", "project"):
        value = getattr(request, name)
        if value is not None:
            terms.append(Compare(Field("column", name), "=", value))
    kind = Field("column", "kind")
    if not request.all_kinds and all(kind not in fields_of(term) for term in terms):
        terms.append(In(kind, DEFAULT_KINDS))
    return And(tuple(terms)) if terms else None
