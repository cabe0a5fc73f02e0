"""Homes that older programs wrote (`older/`, made by `older/make.py`): opened, migrated and answered for as if today's had written them; and killed on the way."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_late_sweep import Thread

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index import points
from mlops_store.index.database import Database, migrations
from mlops_store.index.packs import FILL
from mlops_store.index.rebuild import build, compare
from mlops_store.index.tx import Read
from mlops_store.index.writer import Writer
from mlops_store.records import Outcome
from mlops_tui.daemon.dispatch import load_handlers
from mlops_tui.daemon.late_journals import LateJournals
from mlops_tui.verbs._declare import ProjectInput

OLDER = Path(__file__).parent / "older"
SCHEMAS = ["001", "009"]
NOW = 1_800_000_000_000


def unpack(schema: str, target: Path) -> Home:
    with tarfile.open(OLDER / f"{schema}.tar.xz") as archive:
        archive.extractall(target, filter="data")
    return Home(target / "home").create()


def read_what_is_due(writer: Writer) -> None:
    """What a daemon reads after its start: runs that go on, and of those that have ended what is to be read again."""
    thread = Thread(writer)
    going_on = thread.read(
        lambda read: read.rows("SELECT run_id FROM runs WHERE ended IS NULL AND deleted IS NULL")
    )
    writer.ingest([writer.home.run_dir(row["run_id"]) for row in going_on])
    late = LateJournals(thread)  # type: ignore[arg-type]
    while due := late.due():
        writer.ingest(due)
    thread.close()


@pytest.fixture(params=SCHEMAS)
def schema(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if int(request.param) >= 4:
        monkeypatch.setattr(points, "LONG", 20)  # as where they were made: before 004 no curve was long
    return str(request.param)


# --- questions --------------------------------------------------------------------------------------------

_ELSEWHERE = {"daemon status", "doctor", "home show", "status", "sql"}
"""Questions about the machine and its time, or that a process answers which opens the index itself."""

_REFUSED = {"run show", "run logs", "run artifacts", "run why", "data diff", "model parameters"}
"""Of a deleted run, of one without stages, of a source with one version, of a project whose folder is not there."""


def answers(writer: Writer) -> dict[tuple[str, str], Any]:
    """Of every question that there is, about the same things; a refusal by its code."""
    with closing(writer.reader()) as read:
        read._now = NOW
        return dict(_answers(read))


def _answers(read: Read) -> Iterator[tuple[tuple[str, str], Any]]:
    runs = [row["run_id"] for row in read.rows("SELECT run_id FROM runs ORDER BY run_id")]
    there = [
        row["run_id"] for row in read.rows("SELECT run_id FROM runs WHERE deleted IS NULL ORDER BY run_id")
    ]
    given = {"runs": there, "key": "val/acc", "model": "late", "a": "late@1", "b": "late@1", "source": "s", "view": "w", "text": "late", "id": "p",
             "entity": "model:late@1"}  # fmt: skip
    for handler in load_handlers({}).values():
        verb = handler.verb
        if verb.writes or verb.key in _ELSEWHERE:
            continue
        fields = msgspec.structs.fields(verb.input)
        wanted = {field.name: given[field.name] for field in fields if field.required and field.name in given}
        if issubclass(verb.input, ProjectInput):
            wanted["project"] = "flights"
        of_runs = (
            [{"run_id": run_id} for run_id in runs]
            if any(field.name == "run_id" and field.required for field in fields)
            else [{}]
        )
        for which in of_runs:
            try:
                answer = msgspec.to_builtins(
                    handler.service(read, msgspec.convert({**wanted, **which}, verb.input))
                )
            except Problem as problem:
                answer = problem.code
            yield (verb.key, which.get("run_id", "")), answer


def test_tables_and_answers_are_those_of_an_index_made_anew(schema: str, tmp_path: Path) -> None:
    home = unpack(schema, tmp_path)
    writer = Writer.open(home)
    assert writer.database.version() == migrations()[-1][0]
    read_what_is_due(writer)
    build(home, tmp_path / "anew.duckdb")
    with closing(Database.open(tmp_path / "anew.duckdb")) as anew:
        assert compare(writer.database, anew) == []
    found = answers(writer)
    writer.close()
    refused = {verb for (verb, _), answer in found.items() if isinstance(answer, str)}
    assert refused <= _REFUSED
    os.replace(tmp_path / "anew.duckdb", home.index)
    writer = Writer.open(home)
    for question, answer in answers(writer).items():
        assert found.pop(question) == answer, question
    assert not found
    writer.close()


# --- killed on the way ------------------------------------------------------------------------------------

_KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from mlops_store.index.database import Database
from mlops_store.index.packs import FILL

class Dying:
    def __init__(self, con):
        self._con = con
    def __getattr__(self, name):
        return getattr(self._con, name)
    def execute(self, sql, *rest):
        global left
        if sql in ("COMMIT", "CHECKPOINT"):
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        return self._con.execute(sql, *rest)

cursor = Database.cursor
Database.cursor = lambda self: Dying(cursor(self))
index, number, ended = Path(sys.argv[1]), 0, signal.SIGKILL
while ended == signal.SIGKILL:
    place = index.parent / f"{number:02d}"
    place.mkdir()
    shutil.copy(index, place)
    left = number
    pid = os.fork()
    if pid == 0:
        Database.open(place / index.name, fill=FILL).close()
        os._exit(0)
    ended, number = os.waitpid(pid, 0)[1], number + 1
sys.exit(ended)
"""
_CHANGED = ("meta", "runs", "run_packs", "mark_log", "run_tags", "notes", "tags", "ledger", "outcomes")


def _rows(database: Database) -> dict[str, list[Any]]:
    with closing(database.cursor()) as con:
        found = {name: con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in _CHANGED}
        for run_id in {row[0] for row in found["mark_log"]}:  # by the table's index
            asked = con.execute("SELECT * FROM mark_log WHERE run_id = ? ORDER BY ALL", [run_id]).fetchall()
            assert asked == [row for row in found["mark_log"] if row[0] == run_id]
        return found


def test_one_that_is_killed_while_it_migrates_goes_on_at_the_next_start(tmp_path: Path) -> None:
    """Before each commit; after it, with all of it in the write-ahead log; and with the first half of that log."""
    index = unpack("007", tmp_path).index
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(index)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    places = sorted(place for place in index.parent.iterdir() if place.is_dir() and place.name.isdigit())
    left = [place / f"{index.name}.wal" for place in places]
    assert [log.exists() for log in left] == [*[False, True] * (migrations()[-1][0] - 7), False]
    shutil.copytree(places[1], half := index.with_name("half"))
    os.truncate(half / left[1].name, left[1].stat().st_size // 2)
    with closing(Database.open(places[-1] / index.name)) as whole:
        expected = _rows(whole)
    assert all(expected.values())
    for place in [*places[:-1], half]:
        with closing(Database.open(place / index.name, fill=FILL)) as database:
            assert _rows(database) == expected, place.name


OUTCOMES = (11, "855c8dc0d924e740")
"""The migration after which all outcomes were read again, and a digest of the fields that they had then."""


def test_what_is_kept_of_outcomes_changes_with_a_migration_only() -> None:
    """A field that is added to these records is in what is read from now on, and not in what was: a migration has to have the outcomes read
    again, as 011 does. Then its number and the new digest belong here."""
    _, parts = msgspec.json.schema_components([Outcome])
    fields = {name: sorted(part.get("properties", ())) for name, part in sorted(parts.items())}
    assert OUTCOMES[1] == hashlib.sha256(msgspec.json.encode(fields)).hexdigest()[:16]
    assert OUTCOMES[0] in dict(migrations())
