"""Things by name, best match first."""

from __future__ import annotations

import os
from typing import Any

from mlops_store.index import finding, ledger_log
from mlops_store.index.tx import Read
from mlops_tui.verbs._find import Find, FoundItem, FoundList

_ORDER = ("project", "model", "alias", "version", "source", "view", "proposal", "run")
"""Among equals, what there is less of comes first."""

Row = dict[str, Any]

_kept: dict[str, tuple[int, list[Row]]] = {}
"""By home: everything but runs, as of a ledger entry. Making it twice at once does no harm: both are the same."""


def find(read: Read, request: Find) -> FoundList:
    """What has all the words; nothing where there is no word."""
    project = None if request.everywhere else request.project
    wanted = finding.words(request.text)
    if not wanted:
        return FoundList(text=request.text, items=[])
    rows = [
        {**row, "rank": _rank(row["title"].lower(), " ".join(wanted))}
        for row in _things(read)
        if project in (None, row["project"]) and all(word in row["hay"] for word in wanted)
    ]
    rows += [_run(row) for row in finding.runs(read, request.text, project, request.limit)]
    rows.sort(key=lambda row: (row["rank"], _ORDER.index(row["kind"]), -(row["time"] or 0)))
    return FoundList(text=request.text, items=[_item(row) for row in rows[: request.limit]])


def _things(read: Read) -> list[Row]:
    """They change with the ledger only, so they are asked for once an entry, not once a key."""
    home, seq = os.fspath(read.home.path), ledger_log.head(read)
    known = _kept.get(home)
    if known is None or known[0] != seq:
        known = _kept[home] = (seq, [{**row, "hay": row["hay"].lower()} for row in finding.things(read)])
    return known[1]


def _rank(title: str, whole: str) -> int:
    """0 the whole name, 1 its beginning, 2 a part of it, 3 beside it."""
    return 0 if title == whole else 1 if title.startswith(whole) else 2 if whole in title else 3


def _run(row: Row) -> Row:
    return {
        "kind": "run", "id": row["run_id"], "title": row["name"] or row["run_id"], "project": row["project"],
        "detail": " ".join(filter(None, (row["kind"], row["model"]))), "state": row["state"], "time": row["created"],
        "entity": f"run:{row['run_id']}", "rank": row["rank"],
    }  # fmt: skip


def _item(row: Row) -> FoundItem:
    texts = {name: row[name] or "" for name in ("id", "title", "project", "detail", "state", "entity")}
    return FoundItem(kind=row["kind"], time=row["time"], **texts)
