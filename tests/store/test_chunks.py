"""Long curves in short: the same rows whatever order points came in, and the same as from the points at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from effort import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from index_box import journal, migrated_again, new_home, new_run

from mlops_store.index import points
from mlops_store.index.database import Database
from mlops_store.index.rebuild import build, compare
from mlops_store.index.writer import Writer

STEPS = st.one_of(
    st.integers(-20, 200),
    st.integers(70_000, 70_040),
    st.sampled_from([-(2**63) + 1, 2**63 - 1, 2**62, -(2**62)]),
)
BATCHES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.lists(
            st.tuples(STEPS, st.integers(0, 5), st.sampled_from([0.0, -0.0, 1.5, -2.0, math.nan, math.inf]), st.sampled_from("ab")),
            min_size=1, max_size=12,
        ),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def rows(writer: Writer, sql: str) -> list[tuple[Any, ...]]:
    with writer.reader() as read:
        return [tuple(row.values()) for row in read.rows(sql)]


ALL = "SELECT * FROM curve_chunks ORDER BY run_id, key, chunk"
AT_ONCE = """SELECT * FROM chunks_of_points(
  (SELECT list(run_id ORDER BY run_id, key) FROM last_values WHERE count - nans - infs >= {long}),
  (SELECT list(key ORDER BY run_id, key) FROM last_values WHERE count - nans - infs >= {long})) ORDER BY run_id, key, chunk"""


@settings(
    max_examples=examples(10),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=BATCHES, long=st.sampled_from([1, 8]))
def test_chunks_are_those_of_all_points(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    batches: list[tuple[int, list[tuple[int, int, float, str]]]],
    long: int,
) -> None:
    monkeypatch.setattr(points, "LONG", long)
    writer = Writer.open(new_home(tmp_path_factory.mktemp("chunks")))
    folder = new_run(writer.home)
    for file, made in batches:
        lines = [
            ["m", key, s, t, "nan" if v != v else "inf" if v == math.inf else v] for s, t, v, key in made
        ]
        journal(folder, f"{file + 1}-h-1-a", *lines)
        writer.ingest([folder.path])
    assert repr(rows(writer, ALL)) == repr(rows(writer, AT_ONCE.format(long=long)))
    writer.close()


def test_an_older_index_gets_them_and_a_rebuilt_one_has_the_same(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    folder = new_run(home)
    step = 0
    for size in (40_000, 40_000, 70_000):  # short, long by what came before, wider chunks
        lines = b"".join(b'["m","k",%d,%d,%d.5]\n' % (i, i, i % 97) for i in range(step, step + size))
        journal(folder, "1-h-1-a", lines)
        writer.ingest([folder.path])
        step += size
    made = rows(writer, ALL)
    writer.close()
    assert 1024 < len(made) <= 2048 and sum(row[5] - row[4] + 1 for row in made) == step
    build(home, tmp_path / "fresh.duckdb")
    migrated_again(home, 4, "DROP TABLE curve_chunks; DROP MACRO TABLE chunks_of_points")
    old, fresh = Database.open(home.index), Database.open(tmp_path / "fresh.duckdb")
    assert compare(old, fresh) == []
    old.close()
    fresh.close()
    writer = Writer.open(home)
    assert rows(writer, ALL) == made
    writer.close()
