"""`run artifacts`: the files of a run, and copies of them outside: all or none, with the bytes that were recorded."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from desk import Desk

from mlops_store.errors import Problem
from mlops_tui.client.artifacts import export
from mlops_tui.services.run import artifacts
from mlops_tui.verbs._shapes import Artifact
from mlops_tui.verbs.run import ArtifactList, RunArtifacts

FILES = {
    "model.onnx": b"m" * 3_000_000,
    "plots/roc.png": b"roc",
    "plots/deep/pr.png": b"pr",
    "notes.txt": b"",
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def made(tmp_path: Path) -> ArtifactList:
    """The artifacts of a run, as the daemon lists them."""
    folder = tmp_path / "artifacts"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    listed = [
        Artifact(path=name, size=len(each), sha256=digest(each)) for name, each in sorted(FILES.items())
    ]
    return ArtifactList(run_id="a" * 32, folder=os.fspath(folder), artifacts=listed)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_service_lists_what_the_run_told_of_and_what_is_asked_for(desk: Desk) -> None:
    lines = [f'["a","{name}",{len(each)},"{digest(each)}"]' for name, each in FILES.items()]
    run_id = desk.run("sdk", model=None, journal=lines).run_id
    desk.writer.ingest([desk.home.run_dir(run_id)])

    def names(*paths: str) -> list[str]:
        return [
            each.path
            for each in artifacts(desk.read(), RunArtifacts(run_id=run_id, paths=list(paths))).artifacts
        ]

    assert names() == sorted(FILES)
    assert names("plots") == ["plots/deep/pr.png", "plots/roc.png"]
    assert names("*.onnx", "./plots/roc.png") == ["model.onnx", "plots/roc.png"]
    with pytest.raises(Problem, match=r"no artifact of the run is 'model\.onx'") as raised:
        names("model.onx")
    assert raised.value.hint == "did you mean 'model.onnx'?"
    with pytest.raises(Problem, match="copies none"):
        artifacts(desk.read(), RunArtifacts(run_id=run_id, to="/tmp"))


def test_all_are_copied_with_progress_and_a_second_time_none(made: ArtifactList, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    done = export(made, tmp_path / "new" / "out", progress=lambda files, size: told.append((files, size)))
    assert content(tmp_path / "new" / "out") == FILES
    assert (done.copied, done.unchanged, done.to) == (4, 0, str(tmp_path / "new" / "out"))
    assert told == sorted(told) and told[-1] == (4, sum(map(len, FILES.values()))) and told[0][1] == 1 << 20
    again = export(made, tmp_path / "new" / "out")
    assert (again.copied, again.unchanged) == (0, 4)
    assert os.listdir(tmp_path / "new") == ["out"]


def test_what_is_there_is_replaced_only_by_force(made: ArtifactList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_bytes(b"mine")
    with pytest.raises(Problem) as raised:
        export(made, out)
    assert raised.value.code == "artifact_exists" and raised.value.status == 2
    assert content(out) == {"notes.txt": b"mine"}
    export(made, out, force=True)
    assert content(out) == FILES
    (out / "model.onnx").unlink()
    (out / "model.onnx").mkdir()
    with pytest.raises(Problem, match=r"already there, with other content: .*model\.onnx"):
        export(made, out, force=True)


def test_nothing_is_copied_where_one_is_not_what_was_recorded(made: ArtifactList, tmp_path: Path) -> None:
    out, damaged = tmp_path / "out", Path(made.folder) / "plots" / "roc.png"
    out.mkdir()
    for spoil in (lambda: damaged.write_bytes(b"rot"), damaged.unlink, lambda: os.mkfifo(damaged)):
        spoil()
        with pytest.raises(Problem, match="nothing was copied") as raised:
            export(made, out)
        assert raised.value.code == "artifact_damaged"
        assert list(out.iterdir()) == []


@pytest.mark.parametrize("name", ["../out", "/etc/motd", "a/../../b", "", "a\0b"])
def test_a_recorded_path_that_leads_out_is_refused(made: ArtifactList, tmp_path: Path, name: str) -> None:
    made.artifacts.append(Artifact(path=name, size=0, sha256=digest(b"")))
    with pytest.raises(Problem) as raised:
        export(made, tmp_path / "out")
    assert raised.value.code == "path_escapes" and not (tmp_path / "out").exists()


def test_links_lead_neither_out_of_the_run_nor_out_of_the_folder(made: ArtifactList, tmp_path: Path) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "plots").symlink_to(outside)
    with pytest.raises(Problem) as raised:
        export(made, out, force=True)
    assert raised.value.code == "path_escapes" and not list(outside.iterdir())
    (out / "plots").unlink()
    secret = outside / "secret"
    secret.write_bytes(b"s")
    (Path(made.folder) / "s").symlink_to(secret)
    made.artifacts = [Artifact(path="s", size=1, sha256=digest(b"s"))]
    with pytest.raises(Problem, match="no plain file of the run"):
        export(made, out)
    (out / "s").symlink_to(secret)
    (Path(made.folder) / "s").unlink()
    (Path(made.folder) / "s").write_bytes(b"s")
    export(made, out, force=True)
    assert secret.read_bytes() == b"s" and not (out / "s").is_symlink()
