"""Admits delivered files: each becomes a batch of the next data version, or is refused with the exact reason.

request: `{source, paths: [absolute, as text], base_version, explicit?: bool, forced?: [sha256], named?: {path: delivered name}}`. A delivered file
itself is never touched. Everything written before the outcome is named by content, so a killed run is simply
run again; the version exists once the daemon has put its manifest into the ledger.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from mlops_store.atomic import copy_file, fsync_dir, write_json
from mlops_store.delivered import delivered_text, path_of, path_text
from mlops_store.ids import now_ms
from mlops_store.records import BatchFile, Column, IngestOutcome, Manifest, Outcome, RejectedFile
from mlops_store.snapshots import snapshot_id
from mlops_tui.project.arrivals import glob_root
from mlops_tui.worker.batch_checks import BatchReport, check_batch, event_range
from mlops_tui.worker.delivery import ROW_LIMIT, Delivery, Refused, Unsettled, take
from mlops_tui.worker.files import read_table
from mlops_tui.worker.keys import key_changes
from mlops_tui.worker.profile import profile
from mlops_tui.worker.table_schema import Table

if TYPE_CHECKING:
    from mlops_tui.project.schema import SourceConfig
    from mlops_tui.worker.context import WorkerContext

_SHOWN_ROWS = 5
_KEEP_BYTES = 512 << 20  # tables that are held between reading and storing; beyond it a file is read again


@dataclass
class _Item:
    """A delivery on its way in."""

    delivery: Delivery
    text: str
    table: Table | None = None
    unknown: set[str] = field(default_factory=set)
    types: dict[str, str] = field(default_factory=dict)
    start: int | None = None


def run(ctx: WorkerContext) -> None:
    """Looks at the requested paths and writes an IngestOutcome. Raises Problem where the source is not configured."""
    work = ctx.home.tmp / f"ingest-{ctx.spec.run_id}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    try:
        outcome = _Ingest(ctx, work).run()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    ctx.journal.metrics({"rows_admitted": sum(b.rows for b in outcome.admitted), "files_admitted": len(outcome.admitted),
                         "files_rejected": len(outcome.rejected)})  # fmt: skip
    ctx.write_outcome(Outcome(kind="ingest", ingest=outcome))


class _Ingest:
    """One look at a source."""

    def __init__(self, ctx: WorkerContext, work: Path) -> None:
        self.ctx = ctx
        self.work = work
        self.source: SourceConfig = ctx.config.source_named(str(ctx.request["source"]))
        self.project_dir = Path(ctx.launch.project_dir)
        base = int(ctx.request.get("base_version") or 0)
        self.base = ctx.snapshots.manifest(ctx.spec.project, self.source.name, base) if base else None
        self.outcome = IngestOutcome(source=self.source.name, base_version=base)
        self.schema: list[Column] | None = list(self.base.schema) if self.base else None
        self.held = 0

    def run(self) -> IngestOutcome:
        items = [item for path in self._paths() if (item := self._take(path)) is not None]
        items = [item for item in items if self._read(item, self.schema)]
        items.sort(key=lambda item: (item.start is None, item.start or 0, item.text))
        if self.schema is None:
            self.schema = _agreed_schema(items, self._fixed_columns())
        for item in items:
            self._admit(item)
        if self.outcome.admitted:
            self._write_version()
        return self.outcome

    # --- 1. take ---

    def _paths(self) -> list[Path]:
        return list(
            dict.fromkeys(self.project_dir / path_of(text) for text in self.ctx.request.get("paths", []))
        )

    def _allowed(self, path: Path) -> list[Path]:
        """Where a link may lead: the project and the source's own folder; for a file named by a person, also its folder."""
        allowed = [self.project_dir, glob_root(self.project_dir, self.source.path), self.ctx.home.quarantine]
        plain = Path(os.path.abspath(path))
        if self.ctx.request.get("explicit") and not plain.is_relative_to(os.path.abspath(self.project_dir)):
            allowed.append(plain.resolve().parent)
        return allowed

    def _take(self, path: Path) -> _Item | None:
        named = self.ctx.request.get("named", {}).get(path_text(path))
        text = named or delivered_text(path, self.project_dir)
        try:
            delivery = take(path, self.work, self._allowed(path))
        except Unsettled as error:
            self._warn(text, f"not looked at: {error}; it will be looked at again")
            return None
        except Refused as error:
            # the bytes were not read, so the name stands for them
            nameless = hashlib.sha256(b"path\0" + os.fsencode(path)).hexdigest()
            self._reject(text, nameless, 0, error, None)
            self._saw(path, nameless)
            return None
        if named is None:  # a copy in the quarantine says nothing of the delivered file as it is now
            self.outcome.seen.append(
            {"path": text, "size": delivery.size, "mtime_ns": delivery.mtime_ns, "inode": delivery.inode, "sha256": delivery.sha256}
        )  # fmt: skip
        known = self._known(delivery.sha256)
        if known is not None:
            where = "" if known == text else f" (the same bytes as {known})"
            self.outcome.unchanged.append(text)
            self.ctx.log(f"{text!r} is unchanged{where}: nothing to do")
            return None
        return _Item(delivery, text)

    def _saw(self, path: Path, sha256: str) -> None:
        try:
            at = os.stat(path)
        except OSError:
            return
        self.outcome.seen.append(
            {"path": delivered_text(path, self.project_dir), "size": at.st_size, "mtime_ns": at.st_mtime_ns,
             "inode": at.st_ino, "sha256": sha256}
        )  # fmt: skip

    def _known(self, sha256: str) -> str | None:
        """The path under which these bytes are in the version that is being made."""
        files = [*(self.base.files if self.base else []), *self.outcome.admitted]
        return next((file.path for file in files if file.sha256 == sha256), None)

    # --- 2. read ---

    def _read(self, item: _Item, pinned: list[Column] | None) -> bool:
        try:
            table = read_table(item.delivery, pinned)
            self._check_columns(table)
        except Refused as error:
            self._reject(item.text, item.delivery.sha256, item.delivery.size, error, item.delivery)
            return False
        item.types = {column.name: column.type for column in table.columns}
        item.unknown = {
            name for name in table.frame.columns if table.frame[name].null_count() == table.frame.height
        }
        item.start = event_range(table.frame, self.source.event_time)[0]
        size = int(table.frame.estimated_size())
        if self.held + size <= _KEEP_BYTES:
            self.held += size
            item.table = table
        return True

    def _fixed_columns(self) -> set[str]:
        return {*self.source.key, *([self.source.event_time] if self.source.event_time else [])}

    def _check_columns(self, table: Table) -> None:
        """The key and the event time must be there before anything else can be said."""
        for name in sorted(self._fixed_columns() - set(table.frame.columns)):
            what = "event_time" if name == self.source.event_time else "key"
            raise Refused(
                f"column {name!r} is missing, which [source.{self.source.name}] names as {what}",
                [{"missing": [name]}],
            )
        event = self.source.event_time
        if event and not isinstance(table.frame.schema[event], pl.Datetime | pl.Date):
            first = table.frame[event].drop_nulls().head(1).to_list()
            raise Refused(
                f"event time {event!r} is {table.frame.schema[event]}, not a date or time"
                + (
                    f" (the first value is {str(first[0])[:60]!r}; write times as 2024-01-31T12:00:00)"
                    if first
                    else ""
                )
            )

    # --- 3. admit ---

    def _admit(self, item: _Item) -> None:
        if self._known(item.delivery.sha256) is not None:
            self.outcome.unchanged.append(item.text)
            return
        assert self.schema is not None
        try:
            table = item.table
            if table is None or item.types != {column.name: column.type for column in self.schema}:
                table = read_table(item.delivery, self.schema)
            report = check_batch(
                table.frame, self.source, forced=item.delivery.sha256 in self.ctx.request.get("forced", [])
            )
        except Refused as error:
            self._reject(item.text, item.delivery.sha256, item.delivery.size, error, item.delivery)
            return
        item.table = None
        self._store(item, table, report)

    def _store(self, item: _Item, table: Table, report: BatchReport) -> None:
        ctx, sha256 = self.ctx, item.delivery.sha256
        target = _write_parquet(
            item.delivery, table, ctx.snapshots.stored_file(ctx.spec.project, self.source.name, sha256)
        )
        write_json(target.with_name(f"{sha256}.profile.json"), profile(table.frame))
        start, end = event_range(table.frame, self.source.event_time)
        batch = BatchFile(sha256=sha256, rows=table.frame.height, path=item.text, stored=ctx.home.relative(target),
                          bytes=item.delivery.size, admitted=now_ms(), min_event_time=start, max_event_time=end)  # fmt: skip
        if any(
            file.path == item.text
            for file in (*(self.base.files if self.base else []), *self.outcome.admitted)
        ):
            self.outcome.replaced.append(item.text)
            # the same path twice in one delivery: the later bytes are what is there now
            self.outcome.admitted = [file for file in self.outcome.admitted if file.path != item.text]
        self.outcome.admitted.append(batch)
        for change in table.diff:
            self._adopt(change, item.text)
        for note in (*table.notes, *report.notes):
            self._warn(item.text, note)
        self.outcome.warnings += [{"path": item.text, **warning} for warning in report.warnings]
        ctx.log(f"{item.text!r} admitted: {batch.rows} rows")

    def _adopt(self, change: dict[str, Any], text: str) -> None:
        assert self.schema is not None
        if change["change"] == "added":
            # files that came before it do not have it, so later ones need not have it either
            self.schema = [*self.schema, Column(name=change["column"], type=change["to"], optional=True)]
        else:
            self.schema = [
                msgspec.structs.replace(column, type=change["to"])
                if column.name == change["column"]
                else column
                for column in self.schema
            ]
        self.outcome.schema_diff.append({**change, "path": text})
        self._warn(
            text,
            f"the schema changes: column {change['column']!r} is {change['change']} ({change['from']} → {change['to']})",
        )

    # --- 4. refuse ---

    def _reject(self, text: str, sha256: str, size: int, error: Refused, delivery: Delivery | None) -> None:
        """Keeps a copy of the file and its offending rows; the delivered file stays where it is."""
        ctx = self.ctx
        folder = ctx.home.quarantine / ctx.spec.project / self.source.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        rejected = RejectedFile(
            path=text, sha256=sha256, bytes=size, reason=error.reason, details=error.details
        )
        if delivery is not None:
            kept = folder / f"{sha256}{_extension(delivery.path)}"
            if not kept.exists():
                copy_file(delivery.copy, kept)
            rejected.kept = ctx.home.relative(kept)
        if error.rows is not None and error.rows.height:
            rows = folder / f"{sha256}.rows.parquet"
            error.rows.head(ROW_LIMIT).write_parquet(rows)
            rejected.rows_path = ctx.home.relative(rows)
            rejected.details = [*error.details, {"first_rows": _as_text(error.rows.head(_SHOWN_ROWS))}]
        self.outcome.rejected.append(rejected)
        ctx.log(f"{text!r} refused: {error.reason}")

    def _warn(self, text: str, message: str) -> None:
        self.outcome.warnings.append({"path": text, "severity": "warn", "message": message})
        self.ctx.log(f"{text!r}: {message}")

    # --- 5. the version ---

    def _write_version(self) -> None:
        """The new manifest. It replaces nothing: where the version's number is taken meanwhile, the daemon decides."""
        assert self.schema is not None
        ctx, base, outcome = self.ctx, self.base, self.outcome
        fresh = {file.path for file in outcome.admitted}
        # in the order of admission: a later row of a key corrects an earlier one
        files = [
            *(file for file in (base.files if base else []) if file.path not in fresh),
            *outcome.admitted,
        ]
        starts = [file.min_event_time for file in files if file.min_event_time is not None]
        ends = [file.max_event_time for file in files if file.max_event_time is not None]
        version = outcome.base_version + 1
        manifest = Manifest(
            project=ctx.spec.project, source=self.source.name, version=version, snapshot=snapshot_id(files, self.schema),
            schema=self.schema, schema_version=base.schema_version + bool(outcome.schema_diff) if base else 1,
            files=files, rows=sum(file.rows for file in files), created=now_ms(), min_event_time=min(starts, default=None),
            max_event_time=max(ends, default=None),
        )  # fmt: skip
        path = ctx.snapshots.manifest_path(ctx.spec.project, self.source.name, version)
        manifest.path = ctx.home.relative(path)
        keys = key_changes(ctx.home, base, manifest, self.source.key)
        summary = {"version": version, "base_version": outcome.base_version, "rows": manifest.rows,
                   "keys": keys, "warnings": outcome.warnings}  # fmt: skip
        again = (keys or {}).get("again", 0)
        if again:
            self._warn("", f"{again} keys of the new files are in other files too")
        target = (
            ctx.snapshots.source_dir(ctx.spec.project, self.source.name)
            / "files"
            / f"{manifest.snapshot}.version.json"
        )
        write_json(target, summary)
        outcome.profile = ctx.home.relative(target)
        outcome.manifest = manifest
        if not path.exists():
            ctx.snapshots.write_manifest(manifest)


def _as_text(rows: pl.DataFrame) -> list[dict[str, str | None]]:
    """A few rows for people: values as text, cut."""
    return [
        {name: None if value is None else str(value)[:200] for name, value in row.items()}
        for row in rows.iter_rows(named=True)
    ]


def _extension(path: Path) -> str:
    """The usual ending of a delivered name, never more: the rest of the name is the deliverer's."""
    name = path.name.lower()
    return next(
        (end for end in (".parquet", ".csv.gz", ".tsv.gz", ".csv", ".tsv", ".txt") if name.endswith(end)),
        ".bin",
    )


def _agreed_schema(items: list[_Item], fixed: set[str]) -> list[Column]:
    """The schema of a first version: the column set most files have (ties: the oldest), each type as wide as needed.

    One file's column may look like int and the next one's be float, and a column that is empty in one file has
    its type from another.
    """
    if not items:
        return []
    sets = Counter(frozenset(item.types) for item in items)
    most = max(sets.values())
    first = next(item for item in items if sets[frozenset(item.types)] == most)
    columns: list[Column] = []
    for name in first.types:
        seen = [item.types[name] for item in items if name in item.types and name not in item.unknown]
        kind = seen[0] if seen else first.types[name]
        if kind == "int" and "float" in seen:
            kind = "float"
        if kind == "date" and "datetime" in seen:
            kind = "datetime"
        columns.append(Column(name=name, type=kind, nullable=name not in fixed))
    return columns


def _write_parquet(delivery: Delivery, table: Table, wanted: Path) -> Path:
    """The immutable copy: the delivered bytes where they are canonical Parquet already, else written anew; durable.

    Bytes that were stored before under another schema keep that file; these get one beside it.
    """
    target = wanted
    if target.exists():
        if pl.read_parquet_schema(target) == table.frame.schema:
            return target
        shape = hashlib.sha256(
            repr(sorted((n, str(t)) for n, t in table.frame.schema.items())).encode()
        ).hexdigest()
        target = wanted.with_name(f"{wanted.stem}-{shape[:8]}.parquet")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if table.exact:
        copy_file(delivery.copy, target)
        return target
    temporary = delivery.copy.with_name(f"{delivery.copy.name}.parquet")
    table.frame.write_parquet(temporary, compression="zstd", statistics=True)
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, target)
    fsync_dir(target.parent)
    return target
