"""Rows that ingestion keeps in mind are those of the index, whatever became of the transactions between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from index_box import command, journal, new_home, new_run

from mlops_store import trash
from mlops_store.index import points
from mlops_store.index.database import Database
from mlops_store.index.rebuild import build, compare
from mlops_store.index.standing import Standing
from mlops_store.index.writer import Writer


def test_what_a_failed_transaction_set_is_gone_and_the_oldest_rows_go_first() -> None:
    rows: Standing[int] = Standing(limit=2)
    rows.set(("a", "1"), 1)
    assert rows.get(("a", "1")) is None
    rows.commit()
    rows.set(("a", "1"), 2)
    rows.forget()
    rows.set(("b", "1"), 3)
    rows.commit()
    assert (rows.get(("a", "1")), rows.get(("b", "1"))) == (1, 3)
    rows.set(("a", "1"), 4)
    rows.set(("c", "1"), 5)
    rows.commit()
    assert (rows.get(("a", "1")), rows.get(("b", "1")), rows.get(("c", "1"))) == (4, None, 5)
    rows.release("a")
    assert (rows.get(("a", "1")), rows.get(("c", "1"))) == (None, 5)


def _lines(first: int, count: int) -> list[list[Any]]:
    return [["m", "k", step, step, step * 0.5] for step in range(first, first + count)]


def _is_as_made_anew(writer: Writer, tmp_path: Path) -> bool:
    fresh = tmp_path / "fresh.duckdb"
    build(writer.home, fresh)
    database = Database.open(fresh)
    try:
        return compare(writer.database, database) == []
    finally:
        database.close()
        fresh.unlink()


def test_after_a_transaction_that_failed_and_one_of_a_deletion_the_rows_are_those_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "LONG", 8)
    writer = Writer.open(new_home(tmp_path))
    folder = new_run(writer.home)
    journal(folder, "1-h-1-a", ["h", {}], *_lines(0, 10))
    writer.ingest([folder.path])
    journal(folder, "1-h-1-a", *_lines(10, 10))
    with monkeypatch.context() as broken:
        broken.setattr("mlops_store.index.packs.update", _fail)
        with pytest.raises(RuntimeError):
            writer.ingest([folder.path])
    journal(folder, "1-h-1-a", *_lines(20, 10))
    writer.ingest([folder.path])
    assert _is_as_made_anew(writer, tmp_path)
    run_id = folder.run_id
    _mark(writer, "run.delete", run_id, kind="train", state="RUNNING")
    trash.put_away(writer.home, run_id)
    _mark(writer, "run.restore", run_id)
    trash.bring_back(writer.home, run_id)
    journal(folder, "1-h-1-a", *_lines(30, 10))
    writer.ingest([folder.path])
    with writer.reader() as read:
        assert read.one("SELECT count FROM last_values") == {"count": 40}
        assert read.one("SELECT count(*) AS n FROM metric_points") == {"n": 40}
        assert read.one("SELECT lines FROM offsets") == {"lines": 41}
    assert _is_as_made_anew(writer, tmp_path)
    writer.close()


def _mark(writer: Writer, verb: str, run_id: str, **data: str) -> None:
    writer.execute([command(lambda tx: tx.append(verb, run_id, {"run_id": run_id, **data}))])[0].unwrap()


def _fail(*_: object) -> None:
    raise RuntimeError("the disk")
