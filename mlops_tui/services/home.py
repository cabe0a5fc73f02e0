"""The home as a whole: shown, given a budget, collected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from mlops_store import gc_sweep
from mlops_store.atomic import read_json_if, write_json
from mlops_store.errors import Problem
from mlops_store.gc_find import KEEP_FILE, KINDS, Keep, find
from mlops_store.home import HomeFile
from mlops_store.index.tx import Read, Tx
from mlops_store.records import ENDED
from mlops_store.usage import taken
from mlops_tui.services import run_guard, run_rows, space
from mlops_tui.services.home_import import import_
from mlops_tui.services.submit import submit
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.home import (
    HomeBudget,
    HomeBudgetSet,
    HomeClass,
    HomeCounts,
    HomeGc,
    HomeReport,
    HomeRestore,
    HomeRestored,
    HomeShow,
)

__all__ = ["budget", "gc", "import_", "plan_budget", "plan_gc", "plan_restore", "restore", "show"]

_DAY = 86_400_000
_SHA = "[0-9a-f]{64}"
_WHY = {
    "objects": "objects that nothing in the ledger names",
    "cache": "kept stages that were used least recently, beyond the room for them",
    "logs": "logs of runs that ended long ago and that nothing stands on",
    "code copies": "at most: files of run folders that the objects hold too become second names of those",
    "trash": "deleted runs and collected things whose time in the trash is up",
    "tmp": "beginnings of writers that are gone",
}


# --- show, budget -------------------------------------------------------------------------------------------------


def show(read: Read, _request: HomeShow) -> HomeReport:
    """Counts everything now."""
    found = space.look(read)
    classes = [HomeClass(name=name, files=n.files, bytes=n.bytes) for name, n in taken(read.home).items()]
    marker = read_json_if(read.home.marker, HomeFile)
    return HomeReport(
        path=str(read.home.path), id=marker.id if marker else "", state=found.state, bytes=sum(c.bytes for c in classes), free=found.free,
        total=found.total, settings=found.settings, classes=classes, counts=_counts(read),
    )  # fmt: skip


def _counts(read: Read) -> HomeCounts:
    row = read.one(
        "SELECT (SELECT count(*) FROM projects WHERE removed IS NULL) AS projects, count(*) FILTER (deleted IS NULL) AS runs, "
        "count(*) FILTER (deleted IS NULL AND state NOT IN (SELECT unnest(?::VARCHAR[]))) AS live, "
        "count(*) FILTER (deleted IS NULL AND archived IS NOT NULL) AS archived, "
        "count(*) FILTER (deleted IS NOT NULL AND purged IS NULL) AS deleted, (SELECT count(*) FROM models) AS models, "
        "(SELECT count(*) FROM model_versions) AS versions, (SELECT count(*) FROM data_versions) AS data_versions FROM runs",
        [sorted(ENDED)],
    )
    return HomeCounts(**(row or {}))


def budget(tx: Tx, request: HomeBudgetSet) -> HomeBudget:
    """Raises Problem where nothing is asked for, or where the limits make no sense together."""
    found = _wanted(tx, request)
    if found != space.settings(tx):
        tx.append(
            "setting.set",
            "home",
            {"name": space.SETTING, "value": msgspec.to_builtins(found)},
            why=request.reason,
        )
    return found


def plan_budget(read: Read, request: HomeBudgetSet) -> Plan:
    before, after = space.settings(read), _wanted(read, request)
    steps = [
        f"{name}: {_size(getattr(before, name))} → {_size(getattr(after, name))}"
        for name in HomeBudget.__struct_fields__
        if getattr(before, name) != getattr(after, name)
    ]
    return Plan(title="Change the budget of the home", steps=steps or ["nothing: it is so already"])


def _wanted(db: Read | Tx, request: HomeBudgetSet) -> HomeBudget:
    before = space.settings(db)
    given = {
        name: getattr(request, name)
        for name in HomeBudget.__struct_fields__
        if getattr(request, name) is not None
    }
    if not given:
        raise Problem("no_budget", "no size is given", "such as `mlops-tui home budget 200GB`; `mlops-tui home show` shows it", status=2)  # fmt: skip
    if given.get("budget") == 0:
        given["budget"] = None
    found = msgspec.structs.replace(before, **given)
    if found.floor > found.warn:
        raise Problem("bad_budget", f"--floor {_size(found.floor)} is above --warn {_size(found.warn)}", "warn before nothing starts", status=2)  # fmt: skip
    return found


def _size(count: int | None) -> str:
    return "no limit" if count is None else f"{count / 1e9:,.2f} GB"


# --- collecting ---------------------------------------------------------------------------------------------------


def gc(tx: Tx, request: HomeGc) -> Run:
    """Queues the collection. What it may not touch is decided here and now, and lies in its folder. Raises Problem `gc_running`."""
    other = tx.one(
        "SELECT run_id FROM runs WHERE kind = 'gc' AND deleted IS NULL AND state NOT IN (SELECT unnest(?::VARCHAR[]))",
        [sorted(ENDED)],
    )
    if other is not None:
        raise Problem("gc_running", f"run {other['run_id']} is collecting", f"`mlops-tui wait {other['run_id']}`", status=3)  # fmt: skip
    expired = _expired(tx, request)
    keep = _keep(tx, request, expired)
    for run_id in expired:
        tx.append("run.purge", run_id, {"run_id": run_id}, why=request.reason)
    asked = msgspec.to_builtins(request)
    del asked["reason"]
    spec = submit(tx, kind="gc", project="", name="gc", request=asked, why=request.reason)
    write_json(tx.home.run_dir(spec.run_id) / KEEP_FILE, keep)
    return run_rows.run_of(tx, spec.run_id)


def plan_gc(read: Read, request: HomeGc) -> Plan:
    """What a collection would find now."""
    keep = _keep(read, request, _expired(read, request))
    counts: dict[str, list[int]] = {kind: [0, 0] for kind in KINDS}
    for found in find(read.home, keep, exact=False):
        counts[found.kind][0] += 1
        counts[found.kind][1] += found.bytes
    steps = [
        f"{kind}: {n:,} of {size / 1e6:,.1f} MB; {_WHY[kind]}" for kind, (n, size) in counts.items() if n
    ]
    total = sum(size for _, size in counts.values())
    if keep.because:
        steps.append(f"left alone: {keep.because}")
    return Plan(
        title=f"Collect {total / 1e6:,.1f} MB"
        if total
        else "Collect nothing: all that is there is needed or new",
        steps=steps,
        undo="mlops-tui home restore RUN brings objects and logs back, as long as the trash holds them"
        if total
        else "",
    )


def _expired(db: Read | Tx, request: HomeGc) -> list[str]:
    """Deleted runs whose time in the trash is up."""
    rows = db.rows(
        "SELECT r.run_id FROM runs r JOIN ledger l ON l.seq = r.deleted WHERE r.purged IS NULL AND l.time <= ? ORDER BY r.run_id",
        [db.now - request.keep_days * _DAY],
    )
    return [row["run_id"] for row in rows]


def _keep(db: Read | Tx, request: HomeGc, expired: list[str]) -> Keep:
    found = space.settings(db)
    cutoff, because = _cutoff(db, request.grace)
    purged = [row["run_id"] for row in db.rows("SELECT run_id FROM runs WHERE purged IS NOT NULL")]
    return Keep(
        made=db.now, cutoff=cutoff, because=because, digests=sorted(_named(db)), needed=sorted(run_guard.bonds(db)),
        purged=[*expired, *(run_id for run_id in purged if db.home.trashed_run(run_id).is_dir())], keep_ms=request.keep_days * _DAY,
        log_ms=request.log_days * _DAY, cache=found.cache, budget=request.budget if request.budget is not None else found.budget,
    )  # fmt: skip


def _cutoff(db: Read | Tx, grace: int) -> tuple[int, str]:
    """Nothing that was used since the oldest run under way began is touched, since its outcome may name it."""
    row = db.one(
        "SELECT min_by(run_id, created) AS run_id, min(created) AS created FROM runs WHERE deleted IS NULL AND kind <> 'gc' AND "
        "(state NOT IN (SELECT unnest(?::VARCHAR[])) OR (submitted IS NOT NULL AND settled IS NULL))",
        [sorted(ENDED)],
    )
    cutoff = db.now - grace
    if row is None or row["created"] is None or row["created"] >= cutoff:
        return cutoff, ""
    return row["created"], f"what was used since run {row['run_id']} was begun, which is not over"


def _named(db: Read | Tx) -> Iterator[str]:
    """The digest of every object that the ledger names in whatever way, or an outcome that is not in the ledger yet. Files of data
    versions are no objects."""
    named = f"SELECT DISTINCT unnest(regexp_extract_all(data::VARCHAR, '{_SHA}')) AS digest FROM ledger WHERE verb NOT LIKE 'data.%'"
    waiting = (
        f"SELECT DISTINCT unnest(regexp_extract_all(o.json::VARCHAR, '{_SHA}')) AS digest FROM outcomes o JOIN runs r USING (run_id) "
        "WHERE r.submitted IS NOT NULL AND r.settled IS NULL"
    )
    for row in db.rows(f"{named} UNION {waiting}"):
        yield row["digest"]


# --- undoing a collection -------------------------------------------------------------------------------------------


def restore(tx: Tx, request: HomeRestore) -> HomeRestored:
    """Raises Problem where the run is no collection, or still collects."""
    run_id = _collection(tx, request)
    counts: dict[str, Any] = gc_sweep.put_back(tx.home, run_id)
    if any(counts.values()):
        tx.append("home.restore", run_id, {"run_id": run_id, **counts}, why=request.reason)
    return HomeRestored(run_id=run_id, **counts)


def plan_restore(read: Read, request: HomeRestore) -> Plan:
    place = read.home.trash / "gc" / _collection(read, request)
    counts = {
        name: len(list(folder.iterdir())) if (folder := place / name).is_dir() else 0
        for name in ("objects", "logs")
    }
    steps = [f"{count} {name} from the trash" for name, count in counts.items() if count]
    return Plan(title="Undo a collection", steps=steps or ["nothing: the trash has nothing of it"])


def _collection(db: Read | Tx, request: HomeRestore) -> str:
    row = run_rows.row_of(db, run_rows.find_run(db, request.run_id))
    if row["kind"] != "gc":
        raise Problem("no_collection", f"run {row['run_id']} is of kind {row['kind']}", "`mlops-tui run list --kind gc` lists collections; "
                      "`mlops-tui run restore` brings a deleted run back", status=2)  # fmt: skip
    if row["state"] not in ENDED:
        raise Problem("gc_running", f"run {row['run_id']} is still collecting", f"`mlops-tui wait {row['run_id']}`", status=3)  # fmt: skip
    return str(row["run_id"])
