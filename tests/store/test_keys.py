"""Idempotency keys: which are known, and what was answered to them."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import pytest

from mlops_store.index import keys as keys_module
from mlops_store.index.database import SCHEMA_DIR, Database
from mlops_store.index.keys import KnownKeys


def row(seq: int, key: str, reply: str | None = None) -> str:
    shown = "" if reply is None else f", '{reply}'"
    return f"INSERT INTO ledger VALUES ({seq}, 1, 'a', 'x.y', 's', '{{}}', '', '{key}', false, 'h'{shown})"


def test_every_key_is_known_however_they_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "_PART", 4)
    database = Database.open(tmp_path / "m.duckdb")
    con = database.cursor()
    for number in range(3):
        con.execute(row(number, f"k{number}", f'"{number}"'))
    con.execute(row(3, "", "null"))
    known = KnownKeys(con)
    for number in range(4, 24):
        assert known.replies(con, [f"k{number}"]) == {}
        con.execute(row(number, f"k{number}", f'"{number}"'))
        known.add([f"k{number}", ""])
        there = [n for n in range(number + 1) if n != 3]
        assert known.replies(con, ["", *(f"k{n}" for n in range(40))]) == {f"k{n}": str(n) for n in there}
    con.execute(row(50, "k5", '"later"'))
    assert known.replies(con, ["k5"]) == {"k5": "5"}, "the first one holds"
    con.close()
    database.close()


def test_a_ledger_with_many_keys_is_opened_in_little_memory(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "m.duckdb")
    con = database.cursor()
    assert KnownKeys(con).replies(con, ["k1"]) == {}
    row_of = row(0, "X", "1").removeprefix("INSERT INTO ledger VALUES (").removesuffix(")")
    row_of = row_of.replace("0,", "i,", 1).replace("'X'", "'k' || i")
    con.execute(f"INSERT INTO ledger SELECT {row_of} FROM range(20000) t(i)")
    tracemalloc.start()
    known = KnownKeys(con)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000 * 40
    assert known.replies(con, ["k0", "k19999", "k20000"]) == {"k0": 1, "k19999": 1}
    con.close()
    database.close()


def test_replies_of_an_older_index_are_kept(tmp_path: Path) -> None:
    older = tmp_path / "schema"
    older.mkdir()
    for path in SCHEMA_DIR.glob("00[1-5]_*.sql"):
        shutil.copy(path, older)
    database = Database.open(tmp_path / "m.duckdb", schema=older)
    con = database.cursor()
    con.execute(row(1, "k"))
    con.execute(row(2, ""))
    con.execute("INSERT INTO keys VALUES ('k', 1, '{\"a\": 1}')")
    con.close()
    database.close()
    database = Database.open(tmp_path / "m.duckdb")
    con = database.cursor()
    assert KnownKeys(con).replies(con, ["k", "", "other"]) == {"k": {"a": 1}}
    con.close()
    database.close()
