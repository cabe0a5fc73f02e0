"""Files become batches, or are refused with the exact reason; nothing is lost and nothing counts twice."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from pathlib import Path

import msgspec
import polars as pl
import pytest
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_box import Box, make_box

from mlops_store.atomic import sha256_file
from mlops_store.records import Column
from mlops_store.snapshots import snapshot_id
from mlops_tui.worker import delivery

GOOD = "id,at,amount,size,note\n1,2024-01-01 10:00,5.5,3,a\n2,2024-01-02T10:00:00Z,7,4,b\n"
LATER = "id,at,amount,size,note\n3,2024-02-01 10:00,1.5,3,c\n4,2024-02-02 10:00,2,4,d\n"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return make_box(tmp_path)


def test_first_version_has_rows_schema_and_times(box: Box) -> None:
    outcome = box.ingest(box.write("b.csv", LATER), box.write("a.csv", GOOD))
    assert outcome.manifest is not None and outcome.manifest.version == 1 and outcome.manifest.rows == 4
    assert [file.path for file in outcome.manifest.files] == ["data/a.csv", "data/b.csv"]
    assert [(c.name, c.type) for c in outcome.manifest.schema] == [
        ("id", "int"), ("at", "datetime"), ("amount", "float"), ("size", "int"), ("note", "str"),
    ]  # fmt: skip
    assert outcome.manifest.min_event_time == 1704103200000
    assert box.frame()["note"].to_list() == ["a", "b", "c", "d"]
    assert all(Path(box.project / file.path).exists() for file in outcome.manifest.files)


def test_same_bytes_are_a_no_op_and_new_bytes_replace(box: Box) -> None:
    path = box.write("a.csv", GOOD)
    box.ingest(path, box.write("b.csv", LATER))
    again = box.ingest(path, box.write("copy.csv", GOOD))
    assert again.manifest is None and again.unchanged == ["data/a.csv", "data/copy.csv"]
    box.write("a.csv", GOOD.replace("5.5", "6.5"))
    replaced = box.ingest(path)
    assert (
        replaced.replaced == ["data/a.csv"] and replaced.manifest is not None and replaced.manifest.rows == 4
    )
    assert sorted(box.frame()["amount"].to_list()) == [1.5, 2.0, 6.5, 7.0]


def test_the_same_data_in_another_order_is_the_same_snapshot(box: Box, tmp_path: Path) -> None:
    a, b = box.write("a.csv", GOOD), box.write("b.csv", LATER)
    other = make_box(tmp_path / "other")
    first = box.ingest(a, b).manifest
    c, d = other.write("z.csv", LATER), other.write("y.csv", GOOD)
    other.ingest(c)
    second = other.ingest(d).manifest
    assert first is not None and second is not None and first.snapshot == second.snapshot


BAD = {
    "empty": (b"", "empty"),
    "header only": (b"id,at,amount,size,note\n", "no rows"),
    "renamed": (LATER.replace("amount", "amnt").encode(), "'amount' is missing; new: 'amnt' (renamed?)"),
    "missing": (b"id,at,amount,size\n3,2024-02-01,1,2\n", "column 'note' is missing"),
    "wrong type": (
        LATER.replace("1.5", "cheap").encode(),
        "1 of 2 values are not float; the first is 'cheap' in data row 1",
    ),
    "truncated": (LATER.encode()[:-6], "line 3 has"),
    "too many fields": (LATER.replace(",c", ",c,x").encode(), "line 2 has 6 fields"),
    "open quote": (LATER.replace(",c", ',"c').encode(), "unclosed quote"),
    "duplicate columns": (b"id,id,at,amount,size,note\n3,3,2024-02-01,1,2,x\n", "duplicate columns: 'id'"),
    "binary": (os.urandom(2000) + b"\xff", ""),
    "nul": (LATER.replace(",c", ",c\0").encode(), "line 2 holds a NUL byte"),
    "utf-16 without its mark": (LATER.encode("utf-16-le"), "line 1 holds a NUL byte"),
    "old mac": (LATER.replace("\n", "\r").encode(), "CR alone"),
    "zip": (b"PK\x03\x04" + LATER.encode(), "zip archive"),
    "utf-16": (LATER.encode("utf-16"), "UTF-16"),
    "no parquet": (b"PAR1" + b"x" * 100, "Parquet file cannot be read"),
    "gzip cut": (gzip.compress(LATER.encode() * 50)[:-20], "gzip file is truncated"),
    "null time": (LATER.replace("2024-02-01 10:00", "").encode(), "event time 'at' is NULL in 1 of 2 rows"),
    "null key": (LATER.replace("3,2024", ",2024").encode(), "key column 'id' is NULL"),
    "twice": (
        LATER.replace("4,2024", "3,2024").encode(),
        "the key (id) is there more than once in 2 of 2 rows",
    ),
    "expectation": (LATER.replace("1.5", "-1.5").encode(), "amount: min 0 fails in 1 of 2 rows (-1.5)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_with_the_reason_and_kept(box: Box, case: str) -> None:
    content, reason = BAD[case]
    box.ingest(box.write("a.csv", GOOD))
    path = box.write("bad.parquet" if case == "no parquet" else "bad.csv", content)
    good = box.write("good.csv", LATER)
    outcome = box.ingest(path, good)
    assert [file.path for file in outcome.rejected] == [f"data/{path.name}"]
    rejected = outcome.rejected[0]
    assert reason in rejected.reason
    assert rejected.sha256 == sha256_file(path) == sha256_file(box.home.resolve(rejected.kept))
    assert [file.path for file in outcome.admitted] == ["data/good.csv"]
    assert path.read_bytes() == content
    if rejected.rows_path:
        rows = pl.read_parquet(box.home.resolve(rejected.rows_path))
        assert 0 < rows.height <= 1000


def test_what_unpacks_to_more_than_the_machine_has_is_refused(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.ingest(box.write("a.csv", GOOD))
    monkeypatch.setattr(delivery, "MEMORY", 5 << 20)
    packed = box.write("bomb.csv.gz", gzip.compress(b"id,at,amount,size,note\n" + b"0" * (10 << 20)))
    table = io.BytesIO()
    pl.DataFrame({"id": 1}).select(pl.col("id").repeat_by(1_000_000).explode()).write_parquet(table)
    wide = box.write("bomb.parquet", table.getvalue())
    assert packed.stat().st_size + wide.stat().st_size < 100_000
    refused = box.ingest(packed, wide).rejected
    assert len(refused) == 2 and all("memory" in file.reason for file in refused)


def test_row_level_refusals_keep_the_rows(box: Box) -> None:
    box.ingest(box.write("a.csv", GOOD))
    for case in ("wrong type", "null time", "twice", "expectation"):
        outcome = box.ingest(box.write("bad.csv", BAD[case][0]))
        assert pl.read_parquet(box.home.resolve(outcome.rejected[0].rows_path)).height > 0, case


def test_schema_grows_and_widens_with_a_warning_but_never_shrinks(box: Box) -> None:
    box.ingest(box.write("a.csv", GOOD))
    grown = box.ingest(box.write("b.csv", "id,at,amount,size,note,colour\n3,2024-02-01,1,2.5,x,red\n"))
    assert grown.manifest is not None and grown.manifest.schema_version == 2
    assert {(d["change"], d["column"]) for d in grown.schema_diff} == {
        ("added", "colour"),
        ("widened", "size"),
    }
    assert len([w for w in grown.warnings if "schema changes" in w["message"]]) == 2
    frame = box.frame()
    assert frame["colour"].to_list() == [None, None, "red"] and frame["size"].to_list() == [3.0, 4.0, 2.5]
    lost = box.ingest(box.write("c.csv", "id,at,amount,size,note\n4,2024-03-01,1,2,x\n"))
    assert lost.rejected == [] and box.frame()["colour"].to_list() == [None, None, "red", None]
    lost = box.ingest(box.write("d.csv", "id,at,amount,size\n5,2024-03-01,1,2\n"))
    assert "column 'note' is missing" in lost.rejected[0].reason


def test_whole_floats_stay_ints(box: Box) -> None:
    box.ingest(box.write("a.csv", GOOD))
    outcome = box.ingest(box.write("b.csv", LATER.replace(",3,c", ",3.0,c").replace(",4,d", ",,d")))
    assert outcome.manifest is not None and outcome.schema_diff == []
    assert box.frame()["size"].to_list() == [3, 4, 3, None]


def test_first_delivery_agrees_on_types_over_all_its_files(box: Box) -> None:
    ints = box.write("a.csv", GOOD.replace("5.5", "5"))
    floats = box.write("b.csv", LATER)
    empty = box.write("c.csv", "id,at,amount,size,note\n9,2023-01-01,,,\n")
    outcome = box.ingest(ints, floats, empty)
    assert outcome.rejected == [] and outcome.manifest is not None
    assert {c.name: c.type for c in outcome.manifest.schema}["amount"] == "float"


def test_an_odd_first_file_does_not_refuse_all_others(box: Box) -> None:
    odd = box.write("0.csv", "id,at\n0,2020-01-01\n")
    outcome = box.ingest(odd, box.write("a.csv", GOOD), box.write("b.csv", LATER))
    assert [r.path for r in outcome.rejected] == ["data/0.csv"] and len(outcome.admitted) == 2


def test_warnings_are_recorded_and_admit(box: Box) -> None:
    outcome = box.ingest(box.write("a.csv", GOOD.replace(",3,a", ",300,a")))
    assert outcome.manifest is not None and any(
        "size: max 100 fails in 1" in w["message"] for w in outcome.warnings
    )


def test_a_person_may_force_expectations_but_not_keys(box: Box) -> None:
    negative = box.write("a.csv", GOOD.replace("5.5", "-5.5"))
    twice = box.write("b.csv", LATER.replace("4,2024", "3,2024"))
    forced = [sha256_file(negative), sha256_file(twice)]
    outcome = box.ingest(negative, twice, forced=forced)
    assert [f.path for f in outcome.admitted] == ["data/a.csv"] and [f.path for f in outcome.rejected] == [
        "data/b.csv"
    ]
    assert any("by decision" in w["message"] for w in outcome.warnings)


NAMES: list[str | bytes] = [
    "line\nbreak.csv", "\x1b[31mred\x1b[0m.csv", "quo'te\".csv", "$(rm -rf x);.csv", "%00%.csv", " .csv", "ünïcødé.csv",
    b"latin-\xe9-\xff.csv", "x" * 251 + ".csv", "file:a.csv", "-rf.csv", "a\\b.csv",
]  # fmt: skip


def test_hostile_names_survive(box: Box) -> None:
    paths = [
        box.write(name, LATER.replace("3,2024", f"{i + 10},2024").replace("4,2024", f"{i + 50},2024"))
        for i, name in enumerate(NAMES)
    ]
    outcome = box.ingest(*paths)
    assert outcome.rejected == [] and len(outcome.admitted) == len(NAMES)
    again = box.ingest(*paths)
    assert len(again.unchanged) == len(NAMES)


def test_links_out_of_the_project_are_refused(box: Box, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text(GOOD)
    link = box.project / "data" / "link.csv"
    link.symlink_to(outside)
    inside = box.project / "real.csv"
    inside.write_text(GOOD)
    fine = box.project / "data" / "fine.csv"
    fine.symlink_to(inside)
    outcome = box.ingest(link, fine)
    assert "leads out of the project" in outcome.rejected[0].reason and outcome.rejected[0].kept == ""
    assert [f.path for f in outcome.admitted] == ["data/fine.csv"]
    named = box.ingest(outside, explicit=True)
    assert named.unchanged == [str(outside)]


def test_what_is_no_file_is_refused_and_what_is_gone_is_looked_at_later(box: Box) -> None:
    pipe = box.project / "data" / "pipe.csv"
    os.mkfifo(pipe)
    outcome = box.ingest(pipe, box.project / "data" / "gone.csv")
    assert [r.reason for r in outcome.rejected] == ["it is not a regular file"]
    assert outcome.seen == [{"path": "data/pipe.csv", "size": 0, "mtime_ns": pipe.stat().st_mtime_ns, "inode": pipe.stat().st_ino,
                             "sha256": outcome.rejected[0].sha256}]  # fmt: skip


def test_canonical_parquet_is_kept_byte_for_byte(box: Box) -> None:
    path = box.project / "data" / "a.parquet"
    pl.read_csv(GOOD.encode()).with_columns(
        pl.col("at").str.to_datetime("%Y-%m-%d %H:%M", strict=False).fill_null(pl.datetime(2024, 1, 1)).dt.replace_time_zone("UTC").cast(pl.Datetime("us", "UTC"))
    ).write_parquet(path)  # fmt: skip
    outcome = box.ingest(path)
    assert box.home.resolve(outcome.admitted[0].stored).read_bytes() == path.read_bytes()
    narrow = box.project / "data" / "b.parquet"
    pl.read_parquet(path).with_columns(
        pl.col("id", "size").cast(pl.Int16) + 10, pl.col("note").cast(pl.Categorical)
    ).write_parquet(narrow)
    assert box.ingest(narrow).rejected == []
    assert box.frame()["id"].to_list() == [1, 2, 11, 12]


def test_version_summary_counts_keys(box: Box) -> None:
    import msgspec

    box.ingest(box.write("a.csv", GOOD))
    outcome = box.ingest(box.write("b.csv", LATER.replace("3,2024", "2,2024")))
    summary = msgspec.json.decode(box.home.resolve(outcome.profile).read_bytes())
    assert summary["keys"] == {"added": 1, "removed": 0, "again": 1, "current": summary["rows"] - 1}


def test_a_hostile_header_does_not_fill_the_records(box: Box) -> None:
    box.ingest(box.write("a.csv", GOOD))
    for name, header in (("one.csv", "\1" * 100_000), ("many.csv", ",".join(f"c{i}" for i in range(20_000)))):
        [refused] = box.ingest(box.write(name, f"{header}\n{header}\n")).rejected
        assert "are missing; new: " in refused.reason and len(refused.reason) < 1100
        assert len(msgspec.json.encode(refused)) < 50_000


def rows_of(number: int, extra: bool, kind: str) -> str | pl.DataFrame:
    """A file with one row of its own; `extra` in one more column."""
    frame = pl.DataFrame(
        {"id": [number], "at": ["2024-01-02 10:00"], "amount": [1.5], "size": [3], "note": ["a"]}
    )
    frame = frame.with_columns(pl.lit(number).alias("extra")) if extra else frame
    return frame.write_csv() if kind == "csv" else frame.with_columns(pl.col("at").str.to_datetime())


@settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    files=st.lists(
        st.tuples(st.booleans(), st.sampled_from(["csv", "parquet"]), st.booleans()), min_size=1, max_size=7
    )
)
def test_a_column_that_came_later_never_refuses_a_file_without_it(
    files: list[tuple[bool, str, bool]],
) -> None:
    """In any order, in either format, together or one by one."""
    with tempfile.TemporaryDirectory() as folder:
        box = make_box(Path(folder))
        box.ingest(box.write("first.csv", GOOD))
        waiting: list[Path] = []
        for number, (extra, kind, now) in enumerate(files, start=10):
            content = rows_of(number, extra, kind)
            path = box.project / "data" / f"{number}.{kind}"
            path.write_text(content) if isinstance(content, str) else content.write_parquet(path)
            waiting.append(path)
            if now or number == len(files) + 9:
                outcome = box.ingest(*waiting)
                assert outcome.rejected == []
                waiting = []
        frame = box.frame().filter(pl.col("id") >= 10).sort("id")
        assert frame["id"].to_list() == list(range(10, 10 + len(files)))
        if any(extra for extra, _, _ in files):
            assert frame["extra"].to_list() == [
                n if extra else None for n, (extra, _, _) in enumerate(files, start=10)
            ]


def test_only_what_came_later_may_be_missing(box: Box) -> None:
    box.ingest(box.write("a.csv", GOOD))
    box.ingest(box.write("b.csv", "id,at,amount,size,note,extra\n7,2024-02-01,1,2,x,1\n"))
    plain = box.ingest(box.write("c.csv", LATER))
    assert plain.rejected == [] and any("'extra' is not in the file" in w["message"] for w in plain.warnings)
    assert plain.manifest is not None and {c.name for c in plain.manifest.schema if c.optional} == {"extra"}
    assert plain.manifest.schema_version == 2  # a file without it changes no schema
    [refused] = box.ingest(box.write("d.csv", LATER.replace("amount", "amnt"))).rejected
    assert "'amount' is missing" in refused.reason and "renamed?" in refused.reason


def test_optional_is_no_part_of_a_snapshots_identity() -> None:
    columns = [Column(name="a", type="int"), Column(name="b", type="int", optional=True)]
    assert snapshot_id([], columns) == snapshot_id(
        [], [msgspec.structs.replace(c, optional=False) for c in columns]
    )
