"""The lists of everything but runs: filtered, sorted and paged in SQL, so that a ledger of a million entries costs no memory.

A list is a table (or a query) with one expression for each field of `filter_fields`. Rows without a sort value come last; those with the same
one go by what identifies them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from mlops_store.errors import Problem, did_you_mean
from mlops_store.filter_fields import NOUNS, Noun
from mlops_store.filter_tree import Field, Node, fields_of, kind_of
from mlops_store.index.filter_sql import Sql, compile_tree
from mlops_store.index.tx import Read

Row = dict[str, Any]
SortKey = int | float | str | None
Identity = int | str | list[str]
Place = tuple[SortKey, Identity]
"""(value that it is sorted by, what identifies it)"""

_EVERYTHING: Sql = ("true", [])
_UNREADABLE = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.BinderException,
)


@dataclass(frozen=True)
class Listing:
    """`table` is what follows FROM, `identity` unique in it, `shown` the columns of an answer; `fields` are expressions, by default the column
    of the same name. Those that are `derived` take other tables: they are worked out once, and only where they are asked for (a subquery in
    each of several conditions took DuckDB's planner seconds)."""

    noun: str
    table: str
    identity: str
    shown: str
    fields: Mapping[str, str]
    derived: Mapping[str, str] = field(default_factory=dict)

    def expression(self, name: str) -> str:
        return self.fields.get(name, f'"{name}"')


@dataclass(frozen=True)
class Found:
    """Rows of a page with their places, in order, and, where it was asked for, how many there are in all."""

    rows: list[Row]
    places: list[Place]
    total: int | None


LEDGER = Listing(
    "ledger",
    "ledger",
    "seq",
    "seq, time, actor, verb, subject, data, why, hash",
    {"model": "data ->> '$.model'", "run_id": "data ->> '$.run_id'", "data": "data::VARCHAR"},
    {
        "project": "CASE WHEN starts_with(verb, 'project.') THEN subject ELSE coalesce(data ->> '$.project', "
        "(SELECT any_value(r.project) FROM runs r WHERE r.run_id = listed.data ->> '$.run_id'), "
        "(SELECT any_value(p.project) FROM proposals p WHERE p.id = listed.data ->> '$.id')) END"
    },
)
PROPOSALS = Listing(
    "proposal",
    "proposals",
    "id",
    "*",
    {"reasons": "array_to_string(from_json(reasons, '[\"VARCHAR\"]'), ', ')", "why": "decision_reason"},
)
DATA = Listing(
    "data",
    "(SELECT d.*, (SELECT count(*) FROM quarantine q WHERE q.project = d.project AND q.source = d.source AND q.state = 'HELD') AS held "
    "FROM data_versions d)",
    "seq",
    "*",
    {"quarantined": "held"},
)
QUARANTINE = Listing(
    "data quarantine",
    "(SELECT * FROM quarantine WHERE state = 'HELD')",
    "seq",
    "*",
    {"time": "created"},
)
MODELS = Listing(
    "model",
    "(SELECT m.project, m.model, m.metric, m.direction, m.created, m.latest_version AS version, v.created AS updated, v.verdict, "
    "a.version AS champion FROM models m "
    "LEFT JOIN model_versions v ON v.project = m.project AND v.model = m.model AND v.version = m.latest_version "
    "LEFT JOIN aliases a ON a.project = m.project AND a.model = m.model AND a.alias = 'champion')",
    "[project, model]",
    "project, model, metric, direction",
    {"name": "model"},
)
MOVES = Listing(
    "model history",
    "(SELECT m.*, (SELECT arg_max(v.verdict, v.seq) FROM verdicts v WHERE v.project = m.project AND v.model = m.model "
    "AND v.verdict_id = m.verdict_id AND v.version = m.to_version) AS verdict FROM alias_moves m)",
    "seq",
    "*",
    {"from": "from_version", "to": "to_version"},
)
VIEWS = Listing(
    "feature",
    "(SELECT * FROM views QUALIFY row_number() OVER (PARTITION BY project, view ORDER BY version DESC) = 1)",
    "[project, view]",
    "*",
    {
        "name": "view",
        "entities": "array_to_string(from_json(record -> '$.entities', '[\"VARCHAR\"]'), ', ')",
        "features": "array_to_string((record ->> '$.features[*].name'), ', ')",
        "max_age": "(record ->> '$.max_age_ms')::BIGINT",
        "knowledge": "coalesce(record ->> '$.knowledge', 'assumed')",
        "description": "record ->> '$.description'",
    },
)


def page(
    read: Read,
    listing: Listing,
    where: Node | None,
    *,
    also: Sql = _EVERYTHING,
    sort: str = "",
    limit: int = 100,
    after: Place | None = None,
    offset: int | None = None,
) -> Found:
    """At most `limit` rows that a filter finds, and that fulfil `also`, in order; `*` of the table and what `shown` names.

    `sort` is a field, a leading - turns it around; "" is the order of the list. `after` is the place of the last row of the page before: a
    place, not a count, so that new rows shift nothing. With an `offset` so many rows are skipped instead, and `total` counts all.
    Raises Problem `bad_filter`, `bad_sort`.
    """
    noun = NOUNS[listing.noun]
    order = sort or noun.order
    key = _value(listing, sort_field(noun, order), read.now)
    condition, params = _condition(listing, where, read.now)
    keyset, keyset_params = after_place(after, descending=order.startswith("-"))
    way = "DESC" if order.startswith("-") else "ASC"
    used = {sort_field(noun, order)} | {each.name for each in (fields_of(where) if where else ())}
    matching = f"FROM {_table(listing, used)} WHERE {also[0]} AND {condition}"
    sql = f"""WITH f AS MATERIALIZED (SELECT identity, sort_key FROM (SELECT {listing.identity} AS identity, {key} AS sort_key {matching})
          WHERE {keyset} ORDER BY sort_key {way} NULLS LAST, identity {way} LIMIT {int(limit)} OFFSET {int(offset or 0)})
        SELECT t.*, f.sort_key AS "place.key", f.identity AS "place.identity"
        FROM f JOIN (SELECT {listing.shown} FROM {listing.table}) t ON {listing.identity} = f.identity
        ORDER BY f.sort_key {way} NULLS LAST, f.identity {way}"""
    with _readable():
        rows = read.rows(sql, [*also[1], *params, *keyset_params])
        total = None if offset is None else _count(read, matching, [*also[1], *params])
    return Found(rows, [(row.pop("place.key"), row.pop("place.identity")) for row in rows], total)


def sort_field(noun: Noun, sort: str) -> str:
    """The field that a list is sorted by. Raises Problem `bad_sort`."""
    wanted = sort.removeprefix("-")
    found = noun.column(wanted)
    if found is None:
        raise Problem("bad_sort", f"{noun.plural} cannot be sorted by {wanted[:80]!r}",
                      did_you_mean(wanted, noun.columns, f"by {', '.join(noun.columns)}; a leading - turns it around"), status=2)  # fmt: skip
    return found


def after_place(place: Place | None, *, descending: bool) -> Sql:
    """The condition of the rows (sort_key, identity) after a place; those without a sort key come last."""
    if place is None:
        return _EVERYTHING
    value, identity = place
    sign = "<" if descending else ">"
    if value is None:
        return f"(sort_key IS NULL AND identity {sign} ?)", [identity]
    return f"(sort_key {sign} ? OR (sort_key = ? AND identity {sign} ?) OR sort_key IS NULL)", [
        value,
        value,
        identity,
    ]


def text_matches(read: Read, pattern: str, text: str) -> bool:
    """Whether a regular expression is found in a text, as the index finds it: in linear time. Raises Problem `bad_filter`."""
    with _readable():
        found = read.one("SELECT regexp_matches(?, ?) AS found", [text, pattern])
    return bool(found and found["found"])


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise Problem(
            "bad_filter", f"the list cannot be read: {str(error).splitlines()[0][:300]}", "", status=2
        ) from error


def _table(listing: Listing, used: set[str]) -> str:
    """What follows FROM, with the derived fields that are used."""
    derived = [f', {value} AS "{name}"' for name, value in listing.derived.items() if name in used]
    return f"(SELECT *{''.join(derived)} FROM {listing.table} AS listed)" if derived else listing.table


def _count(read: Read, matching: str, params: list[Any]) -> int:
    found = read.one(f"SELECT count(*) AS n {matching}", params)
    return int(found["n"]) if found else 0


def _value(listing: Listing, name: str, now: int) -> str:
    """The value of a field; NULL where there is none, also for an empty text."""
    noun = NOUNS[listing.noun]
    if name == "age":
        return f"({int(now)} - {listing.expression(noun.since)})"
    value = listing.expression(name)
    return f"nullif({value}, '')" if noun.columns[name].kind == "text" else value


def _condition(listing: Listing, where: Node | None, now: int) -> Sql:
    if where is None:
        return _EVERYTHING
    noun = NOUNS[listing.noun]

    def there(of: Field, condition: str, params: list[Any]) -> Sql:
        value = _value(listing, of.name, now)
        return f"({value} IS NOT NULL AND coalesce({condition.replace('$', value)}, false))", params

    def search(text: str) -> Sql:
        inside = [f"contains(lower(coalesce({listing.expression(n)}, '')), lower(?))" for n in noun.search]
        begins = [f"starts_with(lower({listing.expression(n)}), lower(?))" for n in noun.begins]
        return "coalesce(" + " OR ".join([*inside, *begins]) + ", false)", [text] * (
            len(inside) + len(begins)
        )

    return compile_tree(where, there, lambda of: kind_of(of, listing.noun), search)
