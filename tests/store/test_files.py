"""Atomic files, objects, snapshots, names and redaction."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_store.atomic import copy_file, read_json_if, write_atomic, write_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ids import check_name, check_run_id, new_run_id, run_month, run_time
from mlops_store.objects import Objects
from mlops_store.records import BatchFile, Column
from mlops_store.redact import MASK, redact_argv, redact_env, redact_params, redact_text
from mlops_store.snapshots import snapshot_id


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, b"old")

    def broken(fd: int) -> None:
        raise OSError("sync failed")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="sync failed"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_missing_json_is_none(tmp_path: Path) -> None:
    assert read_json_if(tmp_path / "no.json", dict) is None
    write_json(tmp_path / "yes.json", {"a": 1})
    assert read_json_if(tmp_path / "yes.json", dict) == {"a": 1}


def test_the_home_is_private(home: Home) -> None:
    assert home.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("record", ["../x", "/etc/passwd", "data/../../x", "a/../../home2"])
def test_records_cannot_lead_out_of_the_home(home: Home, record: str) -> None:
    with pytest.raises(Problem, match="leads out"):
        home.resolve(record)


def test_a_home_from_the_future_is_refused(home: Home) -> None:
    write_json(home.marker, {"format": 99, "id": "x"})
    with pytest.raises(Problem) as caught:
        home.create()
    assert caught.value.status == 3


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(Problem) as caught:
        Home(tmp_path / "f").create()
    assert caught.value.status == 2


def test_socket_paths_are_short_whatever_the_home(tmp_path: Path) -> None:
    assert len(os.fsencode(Home(tmp_path / ("x" * 200)).socket)) < 90


def test_trees_come_back_byte_for_byte(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"a")
    (folder / "sub" / "b.bin").write_bytes(bytes(range(256)))
    objects = Objects(home)
    digest = objects.put_tree(folder)
    assert objects.put_tree(folder) == digest
    target = objects.checkout(digest, tmp_path / "out")
    assert (target / "sub" / "b.bin").read_bytes() == bytes(range(256))


def test_a_damaged_object_is_named(home: Home) -> None:
    objects = Objects(home)
    digest = objects.put_bytes(b"truth")
    path = objects.path(digest)
    path.chmod(0o600)
    path.write_bytes(b"lies")
    with pytest.raises(Problem, match=digest):
        objects.read(digest)


@pytest.mark.parametrize("name", ["../evil", "/abs", "a/../../b", "..", "a\\..\\b", ""])
def test_a_tree_cannot_write_outside(home: Home, tmp_path: Path, name: str) -> None:
    objects = Objects(home)
    inner = objects.put_bytes(b"x")
    import msgspec

    digest = objects.put_bytes(msgspec.json.encode({name: {"sha256": inner, "size": 1}}))
    with pytest.raises(Problem, match="leads out"):
        objects.checkout(digest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_do_not_become_trees(home: Home, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "link").symlink_to("/etc/passwd")
    with pytest.raises(Problem, match="link"):
        Objects(home).put_tree(tmp_path / "t")


def test_copies_are_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(3_000_000))
    copy_file(tmp_path / "a", tmp_path / "deep" / "b")
    assert (tmp_path / "deep" / "b").read_bytes() == (tmp_path / "a").read_bytes()


@given(st.permutations([("a" * 64, 3), ("b" * 64, 5), ("c" * 64, 0)]))
def test_snapshot_identity_is_content_not_order_or_path(order: list[tuple[str, int]]) -> None:
    columns = [Column(name="x", type="int")]
    files = [
        BatchFile(sha256=s, rows=r, path=f"{i}", stored="", bytes=i, admitted=i)
        for i, (s, r) in enumerate(order)
    ]
    same = [BatchFile(sha256=s, rows=r, path="p", stored="q", bytes=1, admitted=9) for s, r in sorted(order)]
    assert snapshot_id(files, columns) == snapshot_id(same, columns)
    assert snapshot_id(files, [Column(name="x", type="float")]) != snapshot_id(files, columns)


def test_run_ids_sort_by_time_and_carry_it() -> None:
    early, late = new_run_id(1_000), new_run_id(1_700_000_000_000)
    assert early < late and len(early) == 32
    assert run_time(late) == 1_700_000_000_000
    assert run_month(late) == "2023-11"


@pytest.mark.parametrize("bad", ["", "../x", "A", "a b", "a/b", ".a", "a..b", "x" * 64, "naïve"])
def test_hostile_names_are_refused(bad: str) -> None:
    with pytest.raises(Problem):
        check_name(bad, "project")


@pytest.mark.parametrize("bad", ["", "../" + "a" * 29, "A" * 32, "a" * 31])
def test_hostile_run_ids_are_refused(bad: str) -> None:
    with pytest.raises(Problem):
        check_run_id(bad)


SECRETS = [
    "AKIAABCDEFGHIJKLMNOP",
    "ghp_" + "a1B2" * 9,
    "sk-proj-" + "aB3dE5" * 6,
    "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKKF2QT4",
    "Zm9vYmFyQmF6MTIzNDU2Nzg5MFFXRVJUWQ",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_known_shapes_and_dense_words_are_masked(secret: str) -> None:
    assert secret not in redact_text(f"before {secret} after")


def test_names_mask_values_at_any_depth() -> None:
    shown = redact_params(
        {"lr": 0.1, "db": {"password": "hunter2", "user": "ada"}, "api_key": "k", "max_tokens": 5}
    )
    assert shown == {"lr": 0.1, "db": {"password": MASK, "user": "ada"}, "api_key": MASK, "max_tokens": 5}
    assert redact_env({"AWS_SECRET_ACCESS_KEY": "x", "HOME": "/home/ada"}) == {
        "AWS_SECRET_ACCESS_KEY": MASK,
        "HOME": "/home/ada",
    }
    assert redact_argv(["train", "--token", "abc", "--password=x", "--lr", "1"]) == [
        "train",
        "--token",
        MASK,
        f"--password={MASK}",
        "--lr",
        "1",
    ]


def test_urls_lose_their_password_and_digests_stay() -> None:
    assert redact_text("postgres://ada:hunter2@db/x") == f"postgres://ada:{MASK}@db/x"
    digest = "0123456789abcdef" * 4
    assert redact_text(digest) == digest


@given(st.text())
def test_redaction_is_total(text: str) -> None:
    assert isinstance(redact_text(text), str)


def test_a_folder_with_other_things_is_not_made_a_home(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(Problem) as caught:
        Home(tmp_path).create()
    assert caught.value.code == "home_not_empty" and caught.value.status == 2
    assert os.listdir(tmp_path) == ["letter.txt"] and tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_home_that_was_begun_is_finished(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "daemon.log").touch()
    assert Home(tmp_path).create().exists()
    Home(tmp_path).create()


@pytest.mark.parametrize("name", ["", os.fsdecode(b"/tmp/\xff")])
def test_a_home_that_cannot_be_named_is_refused(name: str) -> None:
    with pytest.raises(Problem) as caught:
        Home.locate(name)
    assert caught.value.code == "bad_home" and caught.value.status == 2
