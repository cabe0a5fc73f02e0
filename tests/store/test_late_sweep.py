"""The one look at all ended runs after a start: each is looked at, the newest first, with few questions that search all runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from index_box import do, end, journal, new_home, new_run, project, start

from mlops_store.index.database import Database
from mlops_store.index.tx import Read
from mlops_store.index.writer import Writer
from mlops_tui.daemon import late_journals
from mlops_tui.daemon.late_journals import LateJournals


class Thread:
    """What it needs of the writer's thread, counting the questions."""

    def __init__(self, writer: Writer) -> None:
        self.home = writer.home
        self.asked: list[str] = []
        self._read = writer.reader()
        self._rows = self._read.rows
        self._read.rows = self._counted  # type: ignore[method-assign]

    def _counted(self, sql: str, params: Any = ()) -> list[dict[str, Any]]:
        self.asked.append(sql)
        return self._rows(sql, params)

    def read(self, fn: Callable[[Read], Any]) -> Any:
        return fn(self._read)

    recall = read

    def close(self) -> None:
        self._read.close()


def test_every_ended_run_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_journals, "_RUNS", 2)
    monkeypatch.setattr(late_journals, "_AHEAD", 4)
    monkeypatch.setattr(late_journals, "PERIOD", 0.0)
    monkeypatch.setattr(late_journals, "LATELY", 0)
    home = new_home(tmp_path)
    writer = Writer.open(home)
    do(writer, project())
    folders = [new_run(home, run_id=f"{number:032x}") for number in range(1, 10)]
    for folder in folders[:9]:
        start(folder)
        journal(folder, "1-a", ["m", "loss", 1, 2, 0.5])
    for folder in folders[:8]:  # the ninth goes on
        end(folder)
    writer.ingest([folder.path for folder in folders])
    for folder in folders:
        journal(folder, "1-a", ["m", "late", 1, 2, 0.5])
    thread = Thread(writer)
    late = LateJournals(thread)  # type: ignore[arg-type]
    turns = [[path.name for path in late.due()] for _ in range(5)]
    names = [folder.run_id for folder in folders[:8]]
    assert turns == [names[:5:-1], names[5:3:-1], names[3:1:-1], names[1::-1], []]
    searches = [sql for sql in thread.asked if " FROM runs " in sql and "ORDER BY" in sql]
    assert len(searches) == 3
    assert late.due() == []  # all was tried; from now on those of a day
    thread.close()
    writer.close()


def test_records_that_a_migration_wants_read_again_are_read_once(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    do(writer, project())
    old, new = (new_run(home, pins={"flights": 2}) for _ in range(2))
    for folder in (old, new):
        start(folder)
        end(folder)
    writer.ingest([old.path, new.path])
    writer.close()
    database = Database.open(home.index)
    with closing(database), closing(database.cursor()) as con:
        con.execute("UPDATE runs SET pins = NULL WHERE run_id = ?", [old.run_id])
    writer = Writer.open(home)
    thread = Thread(writer)
    late = LateJournals(thread)  # type: ignore[arg-type]
    assert late.due() == [old.path]
    assert writer.ingest([old.path]) == [old.run_id]
    with writer.reader() as read:
        assert {row["pins"] for row in read.rows("SELECT pins FROM runs")} == {'{"flights":2}'}
    assert late.due() == []
    thread.close()
    writer.close()
