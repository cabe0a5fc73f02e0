"""While the demo waits, it says what runs: one live line on a terminal, a line for each stage elsewhere, nothing for scripts."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import pytest

from mlops_store.home import Home
from mlops_tui.cli.narration import TRIALS, Narration, newest_running
from mlops_tui.cli.story import Story
from mlops_tui.verbs._shapes import MetricSummary, RunDetail, Stage


def at(stage: str, trials: int = 0) -> RunDetail:
    """A training that is at a stage since two minutes."""
    return RunDetail(
        run_id="a" * 32, kind="train", name="late-1", project="air", experiment="late", state="RUNNING", created=0,
        started=time.time_ns() // 1_000_000 - 120_000, metrics={TRIALS: MetricSummary(count=trials)} if trials else {},
        stages=[Stage(name="collect", state="finished"), Stage(name=stage, state="started")],
    )  # fmt: skip


def told(*runs: RunDetail | None, live: bool) -> str:
    left, out = list(runs), io.StringIO()
    narration = Narration(lambda: left.pop(0), out, live=live, every=0.0)
    for _ in runs:
        narration.tick()
    narration.wipe()
    return out.getvalue()


def test_a_terminal_has_one_line_that_goes_away() -> None:
    shown = told(at("search", 3), at("search", 4), live=True)
    assert "\n" not in shown and shown.endswith("\r\x1b[2K")
    last = shown.split("\x1b[2K")[-2]
    assert last.startswith("    train  running  search  2m 00") and last.rstrip("\r").endswith("4 trials")


def test_a_pipe_gets_a_line_for_each_stage() -> None:
    lines = told(at("search"), at("search", 4), None, at("evaluate", 4), live=False).splitlines()
    assert [line.split("  ")[4] for line in lines] == ["search", "evaluate"]
    assert "\x1b" not in "".join(lines) and "trials" not in lines[1]


def test_nobody_to_ask_is_no_failure_and_starts_no_daemon(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert newest_running(home)() is None and not home.path.exists()


@pytest.mark.parametrize("quiet", [False, True])
def test_a_command_of_the_story_is_narrated_unless_a_script_reads(
    quiet: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story(tmp_path, tmp_path / "home", quiet)
    story.project.mkdir()
    story.program = [sys.executable, "-S", "-c", "import time; time.sleep(0.4); print('[1]')"]
    story.narration = Narration(lambda: at("search"), sys.stderr, live=False, every=0.0)
    assert story.command("run", "start") == [1]
    out, err = capsys.readouterr()
    assert out == "" and ("train  running  search" in err) is not quiet and (err == "") is quiet
