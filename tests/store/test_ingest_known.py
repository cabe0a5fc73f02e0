"""What ingestion keeps in mind of journals, last values and chunks, held against brute force after each step of random lives of runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from index_box import command, new_home, new_run

from mlops_store import trash
from mlops_store.index import points
from mlops_store.index.chunks import MOST, Chunk
from mlops_store.index.points import LastValue
from mlops_store.index.standing import Standing
from mlops_store.index.tx import Tx
from mlops_store.index.writer import Writer
from mlops_store.run_folder import RunFolder

LONG = 6
KEYS = ("a", "b")
WRITERS = ("1-h-1-x", "1-h-2-y", "2-h-1-x")


@dataclass
class Journal:
    """A file, as it is on the disk, and what an index must have taken of it."""

    path: Path
    lines: list[list[Any]] = field(default_factory=list)
    taken: list[list[Any]] = field(default_factory=list)
    frozen: bool = False
    """It was replaced or cut short after more than its header was read."""

    def write(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in self.lines))

    def take(self) -> None:
        if self.frozen or not self.path.exists():
            return
        if len(self.taken) <= 1 or self.lines[: len(self.taken)] == self.taken:
            self.taken = list(self.lines)
        else:
            self.frozen = True


@dataclass
class Life:
    """Three runs of one example: what is done to them, and what follows from it."""

    writer: Writer
    folders: list[RunFolder]
    journals: dict[tuple[int, str], Journal] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    count: int = 0

    def journal(self, run: int, name: str) -> Journal:
        path = self.folders[run].path / "journal" / f"{name}.jsonl"
        return self.journals.setdefault((run, name), Journal(path))

    def header(self) -> list[Any]:
        self.count += 1
        return ["h", {"pid": self.count}]

    def append(self, run: int, name: str, found: list[tuple[str, int, float]]) -> None:
        journal = self.journal(run, name)
        journal.lines = journal.lines or [self.header()]
        for key, step, value in found:
            self.count += 1
            said = value if math.isfinite(value) else str(value)
            journal.lines.append(["m", key, step, self.count % 3, said])
        journal.write()

    def replace(self, run: int, name: str, found: list[tuple[str, int, float]]) -> None:
        self.journal(run, name).lines = []
        self.append(run, name, found)

    def cut(self, run: int, name: str, keep: int) -> None:
        journal = self.journal(run, name)
        if journal.lines:
            journal.lines = journal.lines[:keep]
            journal.write()

    def ingest(self, runs: set[int]) -> None:
        self.writer.ingest([self.folders[run].path for run in runs])
        for (run, _), journal in self.journals.items():
            if run in runs and run not in self.gone:
                journal.take()

    def fail(self, runs: set[int]) -> None:
        """A transaction of ingestion that is rolled back after it has written all."""
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr("mlops_store.index.packs.update", _raise)
            with pytest.raises(RuntimeError):
                self.writer.ingest([self.folders[run].path for run in runs])

    def delete(self, run: int, *, taken_back: bool = False) -> None:
        run_id = self.folders[run].run_id

        def deletes(tx: Tx) -> None:
            tx.append("run.delete", run_id, {"run_id": run_id, "kind": "train", "state": "RUNNING"})
            tx.rows("SELECT 1 FROM runs")
            if taken_back:
                raise RuntimeError("after all")

        found = self.writer.execute([command(deletes)])[0]
        assert found.ok is not taken_back
        if not taken_back:
            trash.put_away(self.writer.home, run_id)
            self.gone.add(run)
            for (whose, _), journal in self.journals.items():
                if whose == run:
                    journal.taken, journal.frozen = [], False

    def restore(self, run: int) -> None:
        run_id = self.folders[run].run_id
        self.writer.execute([command(lambda tx: tx.append("run.restore", run_id, {"run_id": run_id}))])[
            0
        ].unwrap()
        trash.bring_back(self.writer.home, run_id)
        self.gone.discard(run)

    def away_and_back(self, run: int) -> None:
        self.delete(run)
        self.restore(run)

    # --- what must be -----------------------------------------------------------------------------------

    def check(self) -> None:
        ids = [folder.run_id for folder in self.folders]
        known = self.writer._ingest._known
        expected = list(self._points())
        last = self._table("last_values", ids, 2)
        assert last == {name: tuple(_last(found)) for name, found in _by_name(expected).items()}
        rows = {name: found for name, found in _by_name(expected).items() if len(_finite(found)) >= LONG}
        assert self._chunks(ids) == {name: _chunks(_finite(found)) for name, found in rows.items()}
        offsets = self._table("offsets", ids, 2)
        wanted = {
            (ids[run], f"journal/{name}.jsonl"): (sum(len(msgspec.json.encode(line)) + 1 for line in journal.taken), len(journal.taken), journal.frozen)
            for (run, name), journal in self.journals.items() if journal.taken and run not in self.gone
        }  # fmt: skip
        assert {name: (row[0], row[1], row[-1]) for name, row in offsets.items() if row[1]} == wanted
        for table, stored in ((known.values, last), (known.offsets, offsets)):
            for name, row in table._rows.items():
                if name[0] in ids:
                    assert stored[name] == (row.row()[2:] if hasattr(row, "row") else tuple(row))
        for name, extent in known.extents._rows.items():
            if name[0] in ids:
                shift, found = _chunks(_finite(_by_name(expected)[name]))
                assert (extent.shift, extent.first >> shift, extent.last >> shift) == (
                    shift,
                    min(found),
                    max(found),
                )
                assert extent.chunk in (None, found[max(found)])

    def _points(self) -> Iterator[tuple[tuple[str, str], tuple[int, int, int, str, int], float]]:
        """Name, (step, ts, attempt, writer, line), value of all that was taken."""
        for (run, name), journal in self.journals.items():
            if run not in self.gone:
                for number, line in enumerate(journal.taken, 1):
                    if line[0] == "m":
                        yield (
                            (self.folders[run].run_id, line[1]),
                            (line[2], line[3], int(name[0]), name, number),
                            float(line[4]),
                        )

    def _table(self, table: str, ids: list[str], keys: int) -> dict[Any, tuple[Any, ...]]:
        con = self.writer._con
        found = con.execute(f"SELECT * FROM {table} WHERE run_id IN (SELECT unnest(?))", [ids]).fetchall()
        rows = {row[:keys]: row[keys:] for row in found}
        assert len(rows) == len(found)
        return rows

    def _chunks(self, ids: list[str]) -> dict[Any, tuple[int, dict[int, Chunk]]]:
        found: dict[Any, tuple[int, dict[int, Chunk]]] = {}
        for (run_id, key, shift, number), row in self._table("curve_chunks", ids, 4).items():
            found.setdefault((run_id, key), (shift, {}))[1][number] = Chunk(*row)
            assert found[run_id, key][0] == shift
        return found


def _raise(*_: object) -> None:
    raise RuntimeError("the disk")


Found = list[tuple[tuple[int, int, int, str, int], float]]


def _by_name(expected: list[Any]) -> dict[tuple[str, str], Found]:
    named: dict[tuple[str, str], Found] = {}
    for name, place, value in expected:
        named.setdefault(name, []).append((place, value))
    return named


def _finite(found: Found) -> Found:
    return [(place, value) for place, value in found if math.isfinite(value)]


def _last(found: Found) -> LastValue:
    place, value = max(found)
    finite = _finite(found)
    low = min(((value, place[0]) for place, value in finite), default=(None, None))
    high = min(((-value, place[0]) for place, value in finite), default=(None, None))
    nans = sum(math.isnan(value) for _, value in found)
    return LastValue(
        len(found), nans, len(found) - len(finite) - nans, value, place[0], place[1], *place[2:], *low, high[0] if high[0] is None else -high[0], high[1]
    )  # fmt: skip


def _chunks(finite: Found) -> tuple[int, dict[int, Chunk]]:
    steps = [place[0] for place, _ in finite]
    shift = next(shift for shift in range(54) if (max(steps) >> shift) - (min(steps) >> shift) < MOST)
    parts: dict[int, Found] = {}
    for place, value in finite:
        parts.setdefault(place[0] >> shift, []).append((place, value))
    made = {}
    for number, part in parts.items():
        place, last = max(part)
        values, times, at = (
            [value for _, value in part],
            [place[1] for place, _ in part],
            [place[0] for place, _ in part],
        )
        made[number] = Chunk(
            min(at), max(at), min(times), max(times), min(values), max(values), last, *place[1:]
        )
    return shift, made


# --- lives ------------------------------------------------------------------------------------------------

RUN, NAME = st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from(WRITERS)
STEPS = st.integers(0, 9) | st.sampled_from([-300, 2_100, 5_000, 2**40])
FOUND = st.lists(
    st.tuples(st.sampled_from(KEYS), STEPS, st.sampled_from([0.5, 1.0, 2.0, -3.0, math.inf, -math.inf])), min_size=1, max_size=8
)  # fmt: skip
LONGER = [("a", step * 700, 0.5) for step in range(8)]
RUNS = st.sets(st.integers(0, 2), min_size=1)
DEED = st.one_of(
    st.tuples(st.just("append"), RUN, NAME, FOUND),
    st.tuples(st.just("append"), RUN, NAME, FOUND),
    st.tuples(st.just("ingest"), RUNS),
    st.tuples(st.just("ingest"), RUNS),
    st.tuples(st.just("fail"), RUNS),
    st.tuples(st.just("replace"), RUN, NAME, FOUND),
    st.tuples(st.just("cut"), RUN, NAME, st.integers(0, 4)),
    st.tuples(
        st.sampled_from(["delete", "restore", "delete in vain", "away_and_back", "away_and_back"]), RUN
    ),
)


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    writer = Writer.open(new_home(tmp_path_factory.mktemp("known")))
    yield writer
    writer.close()


def live(writer: Writer, deeds: list[tuple[Any, ...]], limit: int) -> None:
    for name in ("offsets", "values", "extents"):
        setattr(writer._ingest._known, name, Standing(limit))
    life = Life(writer, [new_run(writer.home) for _ in range(3)])
    life.ingest({0, 1, 2})
    for deed, *how in deeds:
        if deed not in ("ingest", "fail", "restore") and how[0] in life.gone:
            continue
        if deed == "delete in vain":
            life.delete(how[0], taken_back=True)
        elif deed != "restore" or how[0] in life.gone:
            getattr(life, deed)(*how)
        life.check()
    life.ingest({0, 1, 2} - life.gone)
    life.check()


@settings(max_examples=8, deadline=None)
@given(deeds=st.lists(DEED, min_size=8, max_size=20), limit=st.sampled_from([1, 3, 1000]))
@example(
    [
        ("append", 0, "1-h-1-x", LONGER),
        ("ingest", {0}),
        ("away_and_back", 0),
        ("ingest", {0}),
        ("fail", {0}),
        ("append", 0, "1-h-1-x", LONGER),
    ],
    9,
)
def test_it_is_what_the_files_say(writer: Writer, deeds: list[tuple[Any, ...]], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "LONG", LONG)
        live(writer, deeds, limit)
