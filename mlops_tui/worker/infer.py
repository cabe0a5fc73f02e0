"""A project from a folder of data that nobody has described: `python -m mlops_tui.worker.infer DIR --target COLUMN`.

Prints one JSON object: {project, source, model, path, target, task, metric, key, event_time, files, notes, why, config (the text of
mlops.toml)}, or {"error": {code, message, hint, status}} with exit code 1. Writes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import glob
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from mlops_store.errors import Problem, did_you_mean
from mlops_tui import parent
from mlops_tui.project.arrivals import Matcher, is_temporary
from mlops_tui.project.load import parse_config
from mlops_tui.project.values import DEFAULT_METRIC
from mlops_tui.worker import infer_columns, infer_toml
from mlops_tui.worker.delivery import Refused, Unsettled, take
from mlops_tui.worker.files import read_table
from mlops_tui.worker.infer_toml import Draft
from mlops_tui.worker.leakage import proxies
from mlops_tui.worker.statistics.drift import MIN_ROWS

_SUFFIXES = (".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz")
_FILE = "__file"
_MAX_ROWS = 1_000_000
_FEW_ROWS = 50
_MAX_FILES = 5_000
_MAX_DEPTH = 4
_MAX_COLUMNS = 2_000


def infer(directory: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Looks at the data below a folder and decides. Raises Problem."""
    groups = list(_groups(directory, options.data))
    if not groups:
        where = f"matches {options.data!r} in" if options.data else "is in"
        raise Problem("no_data", f"no CSV or Parquet file {where} {directory}", "put the data there first", 2)
    notes: list[str] = []
    chosen, frame = _with_target(directory, groups, options.target, notes)
    if frame.width > _MAX_COLUMNS:
        raise Problem(
            "too_many_columns", f"{chosen[0]} has {frame.width - 1:,} columns: `init` looks at up to {_MAX_COLUMNS:,}",
            "leave out what the model does not need, or write mlops.toml by hand (docs/mlops_toml.md)", 2,
        )  # fmt: skip
    notes += infer_columns.unread(frame)
    if frame.height < _FEW_ROWS:
        notes.append(
            f"{frame.height} rows are few: a fifth of them judges, and the gate will hardly ever say PASS or FAIL"
        )
    draft = _decide(directory, chosen, frame, options, notes)
    keyed = [*draft.key, draft.event_time, *draft.late_columns]
    config = infer_toml.render(draft, infer_toml.expectations(frame.drop(_FILE), draft.target, keyed))
    parse_config(config.encode(), directory)
    found = dataclasses.asdict(draft)
    return {
        **found,
        "files": [str(p.relative_to(directory)) for p in chosen],
        "rows": frame.height,
        "config": config,
    }


def _groups(directory: Path, pattern: str | None) -> Iterator[list[Path]]:
    """Files that may be one source: of one folder and one kind."""
    if pattern:
        files = sorted(Matcher(directory, pattern).find())
        if files:
            yield files
        return
    found: dict[tuple[Path, str], list[Path]] = {}
    for count, path in enumerate(_walk(directory, 0)):
        if count >= _MAX_FILES:
            break
        found.setdefault((path.parent, _suffix(path)), []).append(path)
    for place in sorted(found, key=lambda p: (len(p[0].parts), str(p[0]), p[1])):
        yield sorted(found[place])


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if is_temporary(path.name) or path.name.startswith("__"):
            continue
        if (
            path.is_dir()
            and not path.is_symlink()
            and depth < _MAX_DEPTH
            and path.name not in ("venv", "node_modules")
        ):
            yield from _walk(path, depth + 1)
        elif path.is_file() and _suffix(path):
            yield path


def _suffix(path: Path) -> str:
    return next((end for end in _SUFFIXES if path.name.lower().endswith(end)), "")


def _with_target(
    directory: Path, groups: list[list[Path]], target: str, notes: list[str]
) -> tuple[list[Path], pl.DataFrame]:
    """The files of one schema that have the target, and their rows. The group with most rows wins. Raises Problem."""
    best: tuple[list[Path], pl.DataFrame] | None = None
    columns: dict[str, None] = {}
    refused: list[str] = []
    for files in groups:
        for paths, frame in _read(directory, files, refused):
            columns.update(dict.fromkeys(name for name in frame.columns if name != _FILE))
            if target not in frame.columns:
                others = ", ".join(str(p.relative_to(directory)) for p in paths[:3])
                notes.append(
                    f"not used, has no column {infer_toml.text(target)}: {infer_toml.text(others)} (could be another [source])"
                )
            elif best is None or frame.height > best[1].height:
                best = (paths, frame)
    notes += [f"not used, cannot be read: {line}" for line in refused]
    if best is not None:
        return best
    if not columns:
        raise Problem(
            "unreadable", "no file could be read: " + "; ".join(refused[:5]), "look at the files", 2
        )
    hint = did_you_mean(target, list(columns))
    there = f"the columns are {', '.join(columns)}"
    raise Problem(
        "no_target",
        f"no file has a column {target!r}; {there}",
        hint if hint.startswith("did") else "name one of them with --target",
        2,
    )


def _read(
    directory: Path, files: list[Path], refused: list[str]
) -> Iterator[tuple[list[Path], pl.DataFrame]]:
    """The files of a folder, put together by their columns."""
    by_columns: dict[frozenset[str], tuple[list[Path], list[pl.DataFrame]]] = {}
    rows = 0
    with tempfile.TemporaryDirectory(prefix="mlops-init-") as folder:
        for path in files:
            try:
                delivery = take(path, Path(folder))
                frame = read_table(delivery).frame
                delivery.copy.unlink(missing_ok=True)
            except (Refused, Unsettled) as error:
                refused.append(f"{path.relative_to(directory)}: {error}")
                continue
            paths, frames = by_columns.setdefault(frozenset(frame.columns), ([], []))
            paths.append(path)
            if rows <= _MAX_ROWS:
                number = pl.lit(len(paths), dtype=pl.Int32).alias(_FILE)
                frames.append(frame.with_columns(number))
                rows += frame.height
    for paths, frames in by_columns.values():
        if frames:
            yield paths, _together(frames)


def _together(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One frame; columns that are of different kinds in different files become text."""
    schemas = [frame.schema for frame in frames]
    mixed = []
    for name, first in schemas[0].items():
        others = {schema[name] for schema in schemas}
        if (
            len(others) > 1
            and not all(kind.is_numeric() for kind in others)
            and not all(kind.is_temporal() for kind in others)
        ):
            mixed.append(name)
        del first
    frames = [frame.with_columns(pl.col(name).cast(pl.String) for name in mixed) for frame in frames]
    return pl.concat(frames, how="diagonal_relaxed")


def _decide(
    directory: Path, files: list[Path], frame: pl.DataFrame, options: argparse.Namespace, notes: list[str]
) -> Draft:
    for name in [*options.key, *([options.event_time] if options.event_time else [])]:
        if name not in frame.columns:
            raise Problem("no_column", f"there is no column {name!r}", did_you_mean(name, frame.columns), 2)
    target = options.target
    rows = frame.drop(_FILE)
    task, why_task = infer_columns.choose_task(frame[target], options.task)
    event = infer_columns.choose_event_time(frame, target, _FILE, options.event_time)
    identity = infer_columns.choose_key(rows, target, event.value, options.key)
    draft = Draft(
        project=_slug(options.name or directory.resolve().name, "project"),
        source=_slug(files[0].parent.name if files[0].parent != directory else "rows", "rows"),
        model=_slug(target, "model"),
        path=options.data or _pattern(directory, files),
        target=target,
        task=task,
        metric=DEFAULT_METRIC[task],
        key=identity.value,
        event_time=event.value[0] if event.value else "",
        cluster="",
        min_new_rows=max(10, rows.height // max(1, frame[_FILE].n_unique()) // 10),
        notes=notes,
        why={"task": why_task, "key": _said(identity), "event_time": _said(event)},
    )
    _decide_columns(draft, rows)
    _decide_split(draft, frame)
    _warn_of_little(draft, rows.height // max(1, frame[_FILE].n_unique()))
    return draft


def _warn_of_little(draft: Draft, rows: int) -> None:
    """What the data will not let one say, and what to do about it. `rows` of a usual file."""
    if rows < MIN_ROWS:
        draft.notes.append(
            f"a file has {rows} rows here, and drift is told from {MIN_ROWS} on: small files are looked at together until there are so many"
        )
    if not draft.event_time:
        draft.notes.append(
            "without event time the same rows judge every training, each time more strictly: name a column with the time of each row "
            "(--event-time) if there is one"
        )


def _said(choice: infer_columns.Choice) -> str:
    return (
        f"{', '.join(infer_toml.text(name) for name in choice.value)}: {choice.why}"
        if choice.value
        else f"none: {choice.why}"
    )


def _decide_columns(draft: Draft, rows: pl.DataFrame) -> None:
    """Leaves out what cannot be a feature: what gives the target away, text that is different nearly everywhere, constants."""
    shared = [name for name in draft.key if len(draft.key) > 1 and _is_class(rows[name])]
    other = {draft.target, draft.event_time, *draft.key} - set(shared)
    able = [name for name in rows.columns if name not in other]
    late = dict(proxies(rows, able, draft.target, draft.task))
    for name in infer_columns.later_times(rows, draft.event_time, draft.target) if draft.event_time else []:
        late.setdefault(name, "it is often a time after the event")
    draft.late_columns = [name for name in late if name not in draft.key]
    if late:
        said = "; ".join(f"{infer_toml.text(name)} ({why})" for name, why in late.items())
        draft.why["late_columns"] = f"taken for known too late to predict from: {said}"
    useless = [name for name in able if _useless(rows[name]) or _follows(rows, name, draft.event_time)]
    if useless or shared:
        draft.columns = [name for name in able if name not in useless and name not in late]
        said = "left out (one value, nearly a new one in each row, or the event time again): " + ", ".join(
            infer_toml.text(name) for name in useless
        )
        draft.why["columns"] = said if useless else "parts of the key are features too"
    if not [name for name in able if name not in useless and name not in late]:
        raise Problem(
            "no_features", "no column is left that could be a feature", "is this the right --target?", 2
        )


def _follows(rows: pl.DataFrame, name: str, event_time: str) -> bool:
    """Whether a column is the event time over again: as a feature it would only say when a row was."""
    if not event_time or not rows.schema[name].is_temporal():
        return False
    pair = rows.select(
        pl.corr(
            pl.col(name).cast(pl.Datetime("us")).cast(pl.Int64),
            pl.col(event_time).cast(pl.Datetime("us")).cast(pl.Int64),
        )
    )
    value = pair.item()
    return value is not None and abs(value) > 0.99


def _is_class(values: pl.Series) -> bool:
    return values.dtype == pl.String and values.n_unique() <= min(250, values.len() // 5)


def _useless(values: pl.Series) -> bool:
    kinds = values.n_unique()
    if kinds <= 1 or values.dtype in (pl.Binary, pl.Duration):
        return True
    return values.dtype == pl.String and kinds > 50 and kinds > values.len() / 2


def _decide_split(draft: Draft, frame: pl.DataFrame) -> None:
    if not draft.event_time:
        draft.why["split"] = "no event time: a hash of the key says which rows judge, the same ones for ever"
        if not draft.key:
            draft.split_key = [
                name for name in frame.columns if name not in (_FILE, draft.target, *draft.late_columns)
            ]
            draft.why["split"] = (
                "no event time and no key: a hash of the whole row, but for the target, says which rows judge"
            )
            if draft.columns is None:  # what parts the rows is no feature unless it is named as one
                draft.columns = list(draft.split_key)
                draft.why["columns"] = "all of them, though their hash parts the rows"
        return
    files = frame[_FILE].n_unique()
    draft.why["split"] = (
        "the file that is newest in time judges, the earlier ones train"
        if files > 1
        else "one file: its last 20 % in time judge"
    )
    days = frame.select(pl.col(draft.event_time).cast(pl.Date), _FILE)
    newest = days.filter(pl.col(_FILE) == days.sort(draft.event_time)[_FILE][-1])[draft.event_time].n_unique() if files > 1 else days[draft.event_time].n_unique() // 5  # fmt: skip
    entities = [name for name in draft.key if name != draft.event_time and frame[name].n_unique() >= 20]
    if newest < 10 and entities:
        draft.cluster = entities[0]
        draft.why["cluster"] = "what the gate's intervals resample; a batch has too few days for that"


def _pattern(directory: Path, files: list[Path]) -> str:
    """The glob of the files: all of their kind in their folder where these are all, else by their common beginning."""
    folder = files[0].parent.relative_to(directory)
    prefix = "" if str(folder) == "." else "/".join(glob.escape(part) for part in folder.parts) + "/"
    names = {path.name for path in files}
    suffix = _suffix(files[0])
    kind = [
        path.name
        for path in files[0].parent.iterdir()
        if path.is_file() and not is_temporary(path.name) and _suffix(path) == suffix
    ]
    if set(kind) <= names:
        return f"{prefix}*{files[0].name[len(files[0].name) - len(suffix) :]}"
    common = _common(sorted(names))
    if common and not any(name.startswith(common) for name in set(kind) - names):
        return f"{prefix}{glob.escape(common)}*{suffix}"
    stem = files[0].name[: len(files[0].name) - len(suffix)]
    return f"{prefix}{glob.escape(stem)}{suffix}"


def _common(names: list[str]) -> str:
    """The common beginning of names, without the digits at its end: `flights-2013-01`, `flights-2013-02` → `flights-`."""
    first, last = names[0], names[-1]
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    if len(names) == 1:
        length = len(first) - len(_suffix(Path(first)))
    return re.sub(r"[\d._-]*$", "", first[:length])


def _slug(words: str, default: str) -> str:
    slug = re.sub(r"[^a-z0-9_-]+", "-", words.lower()).strip("-_")[:63].strip("-_")
    return slug or default


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="mlops_tui.worker.infer")
    parser.add_argument("dir")
    parser.add_argument("--target", required=True)
    parser.add_argument("--name")
    parser.add_argument("--data")
    parser.add_argument("--task")
    parser.add_argument("--event-time", dest="event_time")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--for-parent", action="store_true", help="end when standard input is closed")
    options = parser.parse_args(arguments)
    if options.for_parent:
        parent.end_with_it()
    try:
        answer = infer(Path(options.dir).absolute(), options)
        code = 0
    except Problem as problem:
        answer = {
            "error": {
                "code": problem.code,
                "message": problem.message,
                "hint": problem.hint,
                "status": problem.status,
            }
        }
        code = 1
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
