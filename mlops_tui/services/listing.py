"""A list verb over the index: its options and its filter together, sorted and paged."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from mlops_store.errors import Problem
from mlops_store.filter_fields import NOUNS
from mlops_store.filter_match import Get, matches
from mlops_store.filter_tree import And, Compare, Field, Node
from mlops_store.filters import parse
from mlops_store.index.filter_sql import Sql
from mlops_store.index.listings import Identity, Listing, Place, Row, SortKey, page, sort_field, text_matches
from mlops_store.index.tx import Read
from mlops_tui.services.paging import page_of, start_of
from mlops_tui.verbs._declare import ListInput, Page

T = TypeVar("T")


def listed(
    read: Read,
    listing: Listing,
    request: ListInput,
    shape: Callable[[list[Row]], list[T]],
    options: Mapping[str, str | None] | None = None,
    also: Sequence[Sql] = (),
) -> Page[T]:
    """A page of a list. `options` are fields with the one value that is wanted (None: any), `also` conditions in SQL.

    `shape` makes answers of the rows of the page, in their order. Raises Problem `bad_filter`, `bad_sort`, `bad_page`.
    """
    order = request.sort or NOUNS[listing.noun].order
    found = page(
        read,
        listing,
        _wanted(listing.noun, request.filter, options or {}),
        also=(" AND ".join(["true", *(sql for sql, _ in also)]), [p for _, params in also for p in params]),
        sort=order,
        limit=request.limit + 1,
        after=start_after(request, order),
        offset=request.offset,
    )
    places = page_of(found.places, request.limit, lambda place: [order, *place])
    return Page(items=shape(found.rows[: request.limit]), next=places.next, total=found.total)


def listed_here(
    read: Read, noun: str, request: ListInput, records: Mapping[Identity, Get]
) -> tuple[list[Identity], str | None, int | None]:
    """Which of a few records make the page, by their identity, in order; with `next` and `total` of a page. For lists that the index does not
    hold as a table. Raises Problem as `listed`."""
    order = request.sort or NOUNS[noun].order
    key = Field("column", sort_field(NOUNS[noun], order))
    wanted = parse(request.filter or "", noun)
    after, down = start_after(request, order), order.startswith("-")
    regex = partial(text_matches, read)
    places: list[Place] = [
        (get(key), name)
        for name, get in records.items()
        if wanted is None or matches(wanted, get, now=read.now, noun=noun, regex=regex)
    ]
    there = sorted((place for place in places if place[0] is not None), reverse=down)
    there += sorted((place for place in places if place[0] is None), key=lambda place: place[1], reverse=down)
    left = [place for place in there if after is None or _follows(place, after, down)][request.offset or 0 :]
    page = page_of(left[: request.limit + 1], request.limit, lambda place: [order, *place])
    total = None if request.offset is None else len(places)
    return [name for _, name in page.items], page.next, total


def _follows(place: Place, after: Place, down: bool) -> bool:
    """Whether a place is on the pages that follow another one; those without a value come last. Raises Problem `bad_page`."""
    comes = operator.lt if down else operator.gt
    (value, name), (last, last_name) = place, after
    try:
        if value is None or last is None:
            return value is None and (last is not None or comes(name, last_name))
        return bool(comes((value, name), (last, last_name)))
    except TypeError as error:
        raise Problem("bad_page", "this is not the `next` of a page of this list", "", status=2) from error


def start_after(request: ListInput, order: str) -> Place | None:
    """The place after which a page in this order starts; None for the first. Raises Problem `bad_page`."""
    if request.page is None:
        return None
    if request.offset is not None:
        raise Problem(
            "bad_page", "a list goes on by --page or by --offset", "leave one of them out", status=2
        )
    known, key, identity = start_of(request.page, tuple[str, SortKey, Identity], (order, None, 0))
    if known != order:
        raise Problem(
            "bad_page", "this is the `next` of a list in another order", f"--sort={known}", status=2
        )
    return key, identity


def _wanted(noun: str, text: str | None, options: Mapping[str, str | None]) -> Node | None:
    """The filter and the options, which are filters too, as one."""
    given = parse(text or "", noun)
    terms: list[Node] = [] if given is None else [given]
    terms += [
        Compare(Field("column", name), "=", value) for name, value in options.items() if value is not None
    ]
    return And(tuple(terms)) if terms else None
