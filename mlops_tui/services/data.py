"""Data: versions listed, shown, compared; files added by hand; the quarantine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import read_json_if
from mlops_store.delivered import delivered_path, path_text
from mlops_store.errors import Problem
from mlops_store.index import data as queries
from mlops_store.index.listings import DATA, QUARANTINE
from mlops_store.index.tx import Read, Tx
from mlops_store.records import Column, Manifest
from mlops_store.snapshots import Snapshots
from mlops_tui.project.load import load
from mlops_tui.services import profiles, run_rows
from mlops_tui.services import project as projects
from mlops_tui.services.costs import takes
from mlops_tui.services.expected import expected
from mlops_tui.services.ingests import submit_ingest
from mlops_tui.services.listing import listed
from mlops_tui.services.loop_facts import loads
from mlops_tui.verbs._declare import Page, Plan, ProjectInput
from mlops_tui.verbs._shapes import DataVersion, Run
from mlops_tui.verbs.data import (
    Batch,
    DataAdd,
    DataDetail,
    DataDiff,
    DataList,
    DataQuarantine,
    DataShow,
    Difference,
    Expected,
    Quarantined,
    QuarantineRef,
    Redrive,
    SchemaChange,
)

_RESULTS = 10
"""Versions whose results of expectations are shown."""
_STATES = {"HELD": "waiting", "REDRIVEN": "redriven", "DROPPED": "dropped"}


def list_(read: Read, request: DataList) -> Page[DataVersion]:
    """Versions of the sources, newest first unless sorted otherwise. Raises Problem."""
    options = {"project": request.project, "source": request.source}
    return listed(read, DATA, request, lambda rows: [_version(row) for row in rows], options)


def show(read: Read, request: DataShow) -> DataDetail:
    """One version: its files, columns and profile. Raises Problem."""
    name, _, number = request.source.partition("@")
    row = _row(read, request.project, name, _number(number) if number else None)
    files = _files(read, row)
    manifest = _manifest(read, row)
    plain = _version(row)
    return DataDetail(
        **{field: getattr(plain, field) for field in plain.__struct_fields__},
        batches=[_batch(file) for file in files],
        schema=manifest.schema if manifest else _schema(read, row),
        profile=profiles.merged(profiles.read(read.home, [file["stored"] for file in files])),
        current_rows=(_summary(read, row).get("keys") or {}).get("current"),
        warnings=warnings_of(read, row),
        expectations=_expected(read, row),
    )


def _expected(read: Read, row: dict[str, Any]) -> list[Expected]:
    """What is expected of the source, with the results of this version and of those before."""
    versions = queries.between(read, row["project"], row["source"], row["version"] - _RESULTS, row["version"])
    noted = [(each["version"], warnings_of(read, each)) for each in reversed(versions)]
    held = queries.held_of(read, row["project"], row["source"])
    return expected(read, row["project"], row["source"], noted, held)


def diff(read: Read, request: DataDiff) -> Difference:
    """What version b has that a had not, and the other way round. Raises Problem."""
    b = _row(read, request.project, request.source, request.b)
    if request.a is None and b["version"] == 1:
        raise Problem(
            "no_earlier_version",
            f"version 1 of {request.source} is its first: there is none before it to compare it with",
            f"`mlops-tui data show {request.source}@1` shows what it holds",
        )
    a = _row(read, request.project, request.source, request.a if request.a is not None else b["version"] - 1)
    files_a, files_b = _files(read, a), _files(read, b)
    known_a, known_b = ({file["sha256"] for file in files} for files in (files_a, files_b))
    paths_a = {file["path"] for file in files_a}
    came = [file for file in files_b if file["sha256"] not in known_a]
    paths_b = {file["path"] for file in files_b}
    fresh = profiles.read(read.home, [file["stored"] for file in came or files_b])
    return Difference(
        source=request.source,
        a=a["version"],
        b=b["version"],
        rows_a=a["rows"],
        rows_b=b["rows"],
        added=[_batch(file) for file in came if file["path"] not in paths_a],
        removed=[
            _batch(file) for file in files_a if file["sha256"] not in known_b and file["path"] not in paths_b
        ],
        replaced=[_batch(file) for file in came if file["path"] in paths_a],
        schema=_schema_changes(_schema(read, a), _schema(read, b)),
        columns=profiles.compare(profiles.read(read.home, [file["stored"] for file in files_a]), fresh),
        keys=_key_changes(read, a, b),
    )


def add(tx: Tx, request: DataAdd) -> Run:
    """Submits a look at files, wherever they are; they stay there. Raises Problem."""
    row, source, paths = _files_to_add(tx, request)
    run_id = submit_ingest(tx, row.name, row.dir, source, paths, client=request.client, explicit=True)
    return run_rows.run_of(tx, run_id)


def plan_add(read: Read, request: DataAdd) -> Plan:
    """What `add` would do."""
    row, source, paths = _files_to_add(read, request)
    shown = [f"check {path}" for path in paths[:12]] + (
        [f"and {len(paths) - 12} more"] if len(paths) > 12 else []
    )
    return Plan(
        title=f"Add {len(paths)} {'file' if len(paths) == 1 else 'files'} to {source}",
        steps=[
            *shown,
            "admit what passes as a new data version; what does not waits in the quarantine",
            takes(read, row.name, None, "ingest", source=source),
        ],
        undo="a data version stays; the next one can replace its files",
    )


def _files_to_add(db: Tx | Read, request: DataAdd) -> tuple[projects.ProjectRow, str, list[str]]:
    """The project, the source and the files, absolute. Raises Problem."""
    row = projects.require(db, request)
    source = load(row.dir).source_named(request.source)
    if not request.paths:
        raise Problem("no_files", "no file is named", "mlops-tui data add SOURCE FILE …", status=2)
    paths: list[str] = []
    for text in request.paths:
        path = Path(os.path.abspath(Path(row.dir) / text))
        if not path.is_file():
            if path.is_dir():
                raise Problem("no_file", f"{text!r} is a folder", "name the files in it", status=2)
            raise Problem("no_file", f"there is no file {text!r}", "", status=2)
        paths.append(path_text(path))
    return row, source.name, paths


# --- quarantine ---------------------------------------------------------------------------------------------------


def quarantine(read: Read, request: DataQuarantine) -> Page[Quarantined]:
    """What was not admitted and waits for a decision, newest first unless sorted otherwise. Raises Problem."""
    options = {"project": request.project, "source": request.source}
    return listed(read, QUARANTINE, request, lambda rows: [_held(row) for row in rows], options)


def redrive(tx: Tx, request: Redrive) -> Run:
    """Looks at a quarantined file again, as it was delivered. Raises Problem."""
    held = _find_held(tx, request)
    project = projects.require(tx, ProjectInput(project=held["project"]))
    load(project.dir).source_named(held["source"])
    named: dict[str, str] = {}
    if held["kept"]:
        kept = path_text(tx.home.resolve(held["kept"]))
        named = {kept: held["path"]}
    else:
        kept = path_text(delivered_path(held["path"], Path(project.dir)))
    subject = f"{held['project']}/{held['source']}"
    tx.append(
        "data.redrive",
        subject,
        {"project": held["project"], "source": held["source"], "sha256": held["sha256"]},
        why=request.reason,
    )
    run_id = submit_ingest(
        tx, project.name, project.dir, held["source"], [kept], client=request.client, explicit=True, named=named,
        forced=[held["sha256"]] if request.force else [],
    )  # fmt: skip
    return run_rows.run_of(tx, run_id)


def plan_redrive(read: Read, request: Redrive) -> Plan:
    """What `redrive` would do."""
    held = _find_held(read, request)
    project = projects.require(read, ProjectInput(project=held["project"]))
    load(project.dir).source_named(held["source"])
    rules = "by the rules of mlops.toml as they are now"
    return Plan(
        title=f"Check {held['path']} of {held['source']} again",
        steps=[
            f"it was refused because: {held['reason']}",
            f"check it {rules}"
            + (", and admit it although expectations are broken" if request.force else ""),
            "admit it as a new data version, or put it into the quarantine again",
            takes(read, held["project"], None, "ingest", source=held["source"]),
        ],
        undo="a data version stays; the next one can replace its files",
    )


def drop(tx: Tx, request: QuarantineRef) -> Quarantined:
    """Ends the waiting of a quarantined file. Its copy in the home and the delivered file stay."""
    held = _find_held(tx, request)
    subject = f"{held['project']}/{held['source']}"
    tx.append(
        "data.drop",
        subject,
        {"project": held["project"], "source": held["source"], "sha256": held["sha256"]},
        why=request.reason,
    )
    gone = _held(held)
    gone.state = "dropped"
    return gone


def plan_drop(read: Read, request: QuarantineRef) -> Plan:
    """What `drop` would do."""
    held = _find_held(read, request)
    return Plan(
        title=f"Drop {held['path']} of {held['source']}",
        steps=[
            f"it was refused because: {held['reason']}",
            "it will not be looked at again, unless its bytes change",
        ],
        undo=f"the delivered file stays where it is: `mlops-tui data add {held['source']} FILE`",
    )


def _find_held(db: Tx | Read, request: QuarantineRef | Redrive) -> dict[str, Any]:
    wanted = request.sha256.strip()
    found = queries.held(db, request.project, wanted)
    if not wanted or not found:
        raise Problem(
            "not_quarantined",
            f"nothing in the quarantine is called {wanted!r}",
            "`mlops-tui data quarantine` lists what is",
        )
    if len({row["sha256"] for row in found}) > 1:
        raise Problem(
            "ambiguous",
            f"{wanted!r} is the start of {len(found)} files",
            "write more of the sha256",
            status=2,
        )
    return found[0]


def _held(row: dict[str, Any]) -> Quarantined:
    details: list[dict[str, Any]] = loads(row["details"], [])
    rows: list[dict[str, Any]] = next((entry["first_rows"] for entry in details if "first_rows" in entry), [])
    return Quarantined(
        project=row["project"], source=row["source"], sha256=row["sha256"], path=row["path"], bytes=row["bytes"] or 0,
        reason=row["reason"], details=[entry for entry in details if "first_rows" not in entry], rows=rows, time=row["created"],
        state=_STATES.get(row["state"], row["state"]),
    )  # fmt: skip


# --- versions -------------------------------------------------------------------------------------------------------


def _row(db: Read, project: str | None, source: str, version: int | None) -> dict[str, Any]:
    """A data version; the newest where no number is given. Raises Problem."""
    found = queries.find(db, project, source, version)
    if len({row["project"] for row in found}) > 1:
        raise Problem(
            "ambiguous", f"sources called {source!r} are in several projects", "use --project", status=2
        )
    if found:
        return found[0]
    what = f"version {version} of source {source!r}" if version is not None else f"source {source!r}"
    names = ", ".join(queries.sources(db, project))
    raise Problem(
        "no_data" if version is None else "no_such_version",
        f"there is no data of {what}",
        f"`mlops-tui data list` shows what there is: {names}"
        if names
        else "nothing has arrived yet: see `path` in mlops.toml",
    )


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise Problem("bad_version", f"{text[:40]!r} is not a version", "write SOURCE or SOURCE@3", status=2)
    return int(text)


def _files(db: Read, row: dict[str, Any]) -> list[dict[str, Any]]:
    return queries.files(db, row["project"], row["source"], row["version"])


def _manifest(db: Read, row: dict[str, Any]) -> Manifest | None:
    """None where it cannot be read: the index still knows the files, and `doctor` names what is missing."""
    try:
        return Snapshots(db.home).read(db.home.resolve(row["manifest"]))
    except (Problem, OSError, msgspec.DecodeError):
        return None


def _schema(db: Read, row: dict[str, Any]) -> list[Column]:
    found = queries.columns(db, row["project"], row["source"], row["schema_version"])
    return msgspec.convert(found, list[Column])


def _schema_changes(a: list[Column], b: list[Column]) -> list[SchemaChange]:
    before, after = {c.name: c for c in a}, {c.name: c for c in b}
    changes = [
        SchemaChange(column=n, change="removed", before=c.type) for n, c in before.items() if n not in after
    ]
    changes += [
        SchemaChange(column=n, change="added", after=c.type) for n, c in after.items() if n not in before
    ]
    for name, column in before.items():
        now = after.get(name)
        if now is not None and now.type != column.type:
            changes.append(SchemaChange(column=name, change="type", before=column.type, after=now.type))
        elif now is not None and now.nullable != column.nullable:
            changes.append(
                SchemaChange(
                    column=name, change="nullable", before=str(column.nullable), after=str(now.nullable)
                )
            )
    return changes


def _summary(db: Read, row: dict[str, Any]) -> dict[str, Any]:
    """What the ingest noted of a version: warnings, and how many keys came and went."""
    path = db.home.data / row["project"] / row["source"] / "files" / f"{row['snapshot']}.version.json"
    try:
        return read_json_if(path, dict[str, Any]) or {}
    except msgspec.DecodeError:
        return {}


def warnings_of(db: Read, row: dict[str, Any]) -> list[dict[str, Any]]:
    """What the check of a version's files has warned of; `row` is one of `index.data.find`."""
    found: list[dict[str, Any]] = _summary(db, row).get("warnings", [])
    return found


def _key_changes(db: Read, a: dict[str, Any], b: dict[str, Any]) -> dict[str, int] | None:
    """Keys that came and went from a to b: exact for neighbours, the sum of the steps otherwise; None where not counted."""
    if b["version"] <= a["version"]:
        return None
    total = {"added": 0, "removed": 0}
    for row in queries.between(db, b["project"], b["source"], a["version"], b["version"]):
        step = _summary(db, row).get("keys")
        if step is None:
            return None
        total = {name: total[name] + int(step[name]) for name in total}
    return total


def _batch(file: dict[str, Any]) -> Batch:
    return Batch(**{field: file[field] for field in Batch.__struct_fields__})


def _version(row: dict[str, Any]) -> DataVersion:
    return DataVersion(
        project=row["project"], source=row["source"], version=row["version"], snapshot=row["snapshot"], rows=row["rows"],
        files=row["files"], min_event_time=row["min_event_time"], max_event_time=row["max_event_time"], created=row["created"],
        schema_version=row["schema_version"], quarantined=row["held"],
    )  # fmt: skip
