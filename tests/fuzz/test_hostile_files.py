"""Files that anyone may have written or torn: read, refused in words, or counted as bad, and nothing else."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hostile import anything, budget, encoded, texts
from hypothesis import given
from hypothesis import strategies as st

from mlops_store.bundle_read import unpack
from mlops_store.errors import Problem
from mlops_store.filter_tree import to_text
from mlops_store.filters import parse
from mlops_store.home import Home
from mlops_store.ids import new_run_id, now_ms
from mlops_store.index.writer import Writer
from mlops_store.ledger import Ledger, verify
from mlops_store.objects import Objects, canonical
from mlops_store.records import LedgerEntry, RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui.project.load import ConfigError, parse_config
from mlops_tui.sdk.artifacts import logical_path

VALUES = anything() | st.sampled_from(["nan", "inf", "-inf", 1, 0.5, "acc"])
ROWS = st.lists(st.sampled_from(["m", "p", "t", "a", "s", "d", "h", "?"]) | VALUES, max_size=6)
LINES = (
    ROWS.map(encoded)
    | st.tuples(st.sampled_from("mptasdh"), texts(("acc",)), VALUES, VALUES, VALUES).map(list).map(encoded)
    | st.binary(max_size=60)
    | st.sampled_from([b"", b"\x00" * 40, b"[" * 2000, b'["m","a",0,1,0.5', b"\xef\xbb\xbf[]"])
)


def new_run(home: Home) -> RunFolder:
    spec = RunSpec(
        run_id=new_run_id(), kind="train", name="r", project="p", experiment="e", actor="a", created=now_ms()
    )
    return RunFolder.create(home, spec)


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    writer = Writer.open(Home(tmp_path_factory.mktemp("files") / "home").create())
    yield writer
    writer.close()


def test_journals_of_any_bytes_are_read_and_their_bad_lines_counted(writer: Writer) -> None:
    @budget(20)
    @given(first=st.lists(LINES, max_size=12), second=st.lists(LINES, max_size=4), torn=st.booleans())
    def journal(first: list[bytes], second: list[bytes], torn: bool) -> None:
        folder = new_run(writer.home)
        path = folder.path / "journal" / "1-h-1-a.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\n".join(first) + (b"" if torn else b"\n"))
        writer.ingest([folder.path])
        with open(path, "ab") as file:
            file.write(b"\n".join(second) + b"\n")
        writer.ingest([folder.path])
        with writer.reader() as read:
            row = read.one("SELECT sum(bytes) AS n FROM offsets WHERE run_id = ?", [folder.run_id])
        assert row is not None
        # what the reader took note of ends where a line ends
        assert (row["n"] or 0) in (0, path.stat().st_size)

    journal()


def test_records_of_any_bytes_cost_their_run_and_no_other(writer: Writer) -> None:
    names = st.sampled_from(
        ["child.json", "exit.json", "outcome.json", "error.json", "stages.json", "context.json", "stop"]
    )
    content = anything().map(encoded) | st.binary(max_size=80)

    @budget(20)
    @given(files=st.dictionaries(names, content, max_size=4), spec=st.none() | content)
    def records(files: dict[str, bytes], spec: bytes | None) -> None:
        sick, well = new_run(writer.home), new_run(writer.home)
        for name, data in files.items():
            (sick.attempt_dir(1)).mkdir(parents=True, exist_ok=True)
            (sick.attempt_dir(1) / name).write_bytes(data)
        if spec is not None:
            (sick.path / "spec.json").write_bytes(spec)
        for name in ("²", "٣", "0", "-1", "1x"):
            (sick.path / "attempts" / name).mkdir(parents=True, exist_ok=True)
        writer.ingest([sick.path, well.path])
        with writer.reader() as read:
            assert read.one("SELECT 1 FROM runs WHERE run_id = ?", [well.run_id])

    records()


def test_ledgers_with_any_line_open_or_are_refused_in_words(tmp_path: Path) -> None:
    sound = [
        LedgerEntry(
            seq=0, time=1, actor="a", verb="project.add", subject="p", data={"name": f"p{n}", "dir": "/p"}
        )
        for n in range(3)
    ]
    fields = st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (
                "seq",
                "time",
                "actor",
                "verb",
                "subject",
                "data",
                "why",
                "prev",
                "hash",
                "more",
                "key",
                "reply",
            ),
            VALUES,
        ),
    )
    lines = LINES | fields.map(encoded)
    made = iter(range(1_000_000))

    @budget(30)
    @given(extra=lines, place=st.integers(0, 3), end=st.sampled_from([b"\n", b""]))
    def ledger(extra: bytes, place: int, end: bytes) -> None:
        home = Home(tmp_path / str(next(made)))
        good = Ledger.open(home.ledger)
        good.append(sound)
        good.close()
        path = home.ledger / "000001.jsonl"
        kept = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*kept[:place], extra + end, *kept[place:]]))
        damage = verify(home.ledger)
        try:
            opened = Ledger.open(home.ledger)
            opened.append(sound[:1])
            list(opened.entries())
            opened.close()
        except Problem as problem:
            assert problem.code == "ledger_damaged"
            assert damage

    ledger()


def test_an_index_over_a_ledger_of_any_payload_opens_or_says_what_is_wrong(tmp_path: Path) -> None:
    verbs = st.sampled_from(
        [
            "project.add",
            "data.admit",
            "run.submit",
            "model.register",
            "alias.move",
            "proposal.open",
            "gate.verdict",
            "policy.set",
            "no.such",
        ]
    )
    words = st.sampled_from(
        [
            "project",
            "model",
            "name",
            "dir",
            "run_id",
            "version",
            "source",
            "alias",
            "to",
            "from",
            "id",
            "kind",
            "gate",
            "files",
            "path",
        ]
    )
    made = iter(range(1_000_000))

    @budget(8)
    @given(verb=verbs | texts(), data=st.dictionaries(words, VALUES, max_size=8))
    def payload(verb: str, data: dict[str, Any]) -> None:
        home = Home(tmp_path / str(next(made))).create()
        entry = LedgerEntry(seq=1, time=1, actor="a", verb=verb, subject="s", data=data)
        try:
            ledger = Ledger.open(home.ledger)
            ledger.append([entry])
            ledger.close()
        except (UnicodeEncodeError, msgspec.EncodeError, OverflowError):
            return  # no ledger can hold it
        try:
            Writer.open(home).close()
        except Problem as problem:
            assert problem.message

    payload()


def test_filters_of_any_text_parse_or_point_at_the_place() -> None:
    words = st.sampled_from(
        [
            "state",
            "=",
            "!=",
            "<",
            "~",
            "in",
            "(",
            ")",
            "and",
            "or",
            "not",
            "best(a)",
            "params.x",
            "'",
            '"',
            "2d",
            "is null",
            "has:",
            "1e999",
            ",",
            "-",
        ]
    )

    @budget(300)
    @given(text=texts() | st.lists(words | texts(), max_size=9).map(" ".join))
    def filters(text: str) -> None:
        try:
            node = parse(text)
        except Problem as problem:
            assert problem.status == 2 and problem.message
            return
        assert node is None or to_text(parse(to_text(node))) == to_text(node)

    filters()


def test_mlops_toml_of_any_text_is_refused_with_findings_that_say_what_to_do(tmp_path: Path) -> None:
    keys = st.sampled_from(
        [
            "project",
            "source",
            "model",
            "name",
            "path",
            "key",
            "features",
            "gate",
            "checks",
            "retrain",
            "expect",
            "schedule",
            "metric",
            "command",
            "recipe",
            "task",
            "spine",
            "target",
            "slices",
            "notify",
        ]
    )
    tables = st.recursive(
        VALUES.filter(lambda value: value is not None),
        lambda inner: st.dictionaries(keys | texts(("rows",)), inner, max_size=5),
        max_leaves=12,
    )

    def toml(value: Any, name: str = "") -> str:
        if not isinstance(value, dict):
            return ""
        lines = [f"[{name}]"] if name else []
        plain = {key: item for key, item in value.items() if not isinstance(item, dict)}
        lines += [f"{encoded(key).decode()} = {encoded(item).decode()}" for key, item in plain.items()]
        inner = [
            toml(item, f"{name}.{encoded(key).decode()}".strip("."))
            for key, item in value.items()
            if isinstance(item, dict)
        ]
        return "\n".join([*lines, *inner])

    documents = (
        st.dictionaries(keys, tables, max_size=4).map(
            lambda found: toml({"project": {"name": "p"}, **found}).encode()
        )
        | st.binary(max_size=120)
        | texts().map(
            lambda text: (
                f'[project]\nname = "p"\n[source.s]\npath = {encoded(text).decode()}\nkey = ["k"]\n'.encode(
                    errors="replace"
                )
            )
        )
    )

    @budget(150)
    @given(raw=documents)
    def config(raw: bytes) -> None:
        try:
            parse_config(raw, tmp_path)
        except ConfigError as error:
            assert error.findings and all(finding["message"] for finding in error.findings)

    config()


def test_archives_of_any_bytes_and_names_are_refused_in_words(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    made, codes = iter(range(1_000_000)), set[str]()
    members = st.sampled_from(
        ["bundle.json", "ledger/entries.jsonl", "../../escape", "/abs", "data/p/s/../../../x"]
    )

    @budget(25)
    @given(
        files=st.lists(
            st.tuples(members | texts(), st.binary(max_size=60) | anything().map(encoded)), max_size=4
        ),
        kind=st.sampled_from(
            [
                tarfile.REGTYPE,
                tarfile.SYMTYPE,
                tarfile.LNKTYPE,
                tarfile.DIRTYPE,
                tarfile.CHRTYPE,
                tarfile.FIFOTYPE,
            ]
        ),
        torn=st.integers(0, 2000),
    )
    def archive(files: list[tuple[str, bytes]], kind: bytes, torn: int) -> None:
        staging = home.tmp / f"staging{next(made)}"
        staging.mkdir()
        path = tmp_path / "x.tar"
        with tarfile.open(path, "w") as tar:
            for name, data in files:
                info = tarfile.TarInfo(name.replace("\x00", "").encode(errors="ignore").decode() or "x")
                info.type, info.linkname = kind, "/etc/passwd"
                info.size = len(data) if kind == tarfile.REGTYPE else 0
                tar.addfile(info, io.BytesIO(data) if info.size else None)
        if torn % 3 == 0:
            path.write_bytes(path.read_bytes()[:torn])
        with pytest.raises(Problem) as caught:
            unpack(home, path, staging)
        codes.add(caught.value.code)
        assert sorted(found.name for found in tmp_path.iterdir()) == ["home", "x.tar"]

    archive()
    assert "bundle_unsafe" in codes, "some were read as archives: their names and kinds were looked at"


def test_trees_and_artifacts_of_any_name_stay_where_they_belong(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    objects = Objects(home)
    blob = objects.put_bytes(b"x")
    ours = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    made = iter(range(1_000_000))
    names = texts() | st.sampled_from(
        ["a/../../b", "./..//../x", "/abs", "..", "a\x00b", "~/x", "a\\..\\b", "a/", ".", "./a"]
    )

    @budget(120)
    @given(name=names)
    def tree(name: str) -> None:
        try:
            place = os.path.normpath(tmp_path / logical_path(name))
            assert place.startswith(f"{tmp_path}{os.sep}")
        except ValueError as error:
            assert str(error)
        try:
            digest = objects.put_bytes(canonical({name: {"sha256": blob, "size": 1, "mode": 0o600}}))
        except (UnicodeEncodeError, msgspec.EncodeError):
            return
        target = home.cache / "versions" / f"{next(made)}"
        try:
            objects.checkout(digest, target)
        except Problem as problem:
            assert problem.message
            assert not target.exists()
            return
        inside = [path for path in target.rglob("*") if path.is_file()]
        assert len(inside) == 1 and inside[0].is_relative_to(target)

    tree()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == ours
