"""The story of the demo by keys alone, at 80x24, without a mouse, against a real daemon and real trainings."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import frames
import pytest
import small_project
from tmux_driver import Terminal

from mlops_store.home import Home

USER = pwd.getpwuid(os.getuid()).pw_name
LONG = 150.0
"""Seconds that a training may take on a busy machine; on an idle one it takes five."""


@pytest.fixture
def project() -> Iterator[Path]:
    """In a folder whose name has the same length every time: the frames name it, and break their lines by it."""
    folder = Path(tempfile.mkdtemp(prefix="story-", dir="/tmp"))
    yield small_project.make(folder / "loans")
    shutil.rmtree(folder)


@pytest.fixture
def terminal(tmp_path: Path, project: Path, served_home: Home) -> Iterator[Terminal]:
    env = {
        "MLOPS_TUI_HOME": str(served_home.path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "TERM": "xterm-256color",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    settings = tmp_path / "config" / "mlops-tui" / "tui.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("messages = 0.4\n")  # frames are looked at when nothing is said any more
    made = Terminal(tmp_path / "terminal", cwd=project, env=env)
    yield made
    made.close()


class Story:
    """What one person does, step by step; frames that differ from the golden ones are gathered, and told at the end."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.differences: list[str] = []

    def frame(self, name: str, frame: str) -> None:
        """Keeps a frame beside its golden one."""
        self.differences.append(frames.same_as_golden(name, frame.replace(USER, "someone")))

    def confirm(self, key: str, title: str, told: str) -> str:
        """Presses a key that opens a plan, reads the plan and says yes; waits for what the app tells. Gives the plan's frame."""
        plan = self.terminal.keys(key).see(title, "cli:", "Cancel (n)")
        self.terminal.keys("y").gone("Cancel (n)")
        self.terminal.see(told)
        return plan

    def start(self) -> None:
        """The app opens; the files that are there become data version 1 by themselves."""
        self.terminal.type("mlops-tui").keys("Enter").see("loans ▸ Home", "● live")
        self.terminal.keys("5").see("loans ▸ Data", "v1", "2,100", timeout=LONG)

    def train(self) -> None:
        """A run by the form; it trains under one's eyes: after `y` no key is pressed until it has ended."""
        self.terminal.keys("2").see("loans ▸ Runs", "no runs yet")
        self.terminal.keys("a").see("New run", "C ", "drawn: 0.001 to 100, log", "Plan (F2)")
        plan = self.confirm("F2", "Train repaid of loans", "repaid-1")
        # below the form stands the end of the line with the time
        self.frame("new-run-plan", plan.partition("│ of mlops.toml")[0])
        self.terminal.see("● running", timeout=LONG)
        self.terminal.line("repaid-1 ", "✓ finished", "roc_auc", "✓ PASS", timeout=LONG)

    def promote_first(self) -> None:
        self.terminal.keys("3").see("loans ▸ Models", "v1", "PASS")
        self.frame("promote-plan", self.confirm("a", "promote repaid@1", "✓ champion of repaid is now v1"))
        self.terminal.see("v1       champion")

    def clone_and_compare(self) -> None:
        """The same with another parameter, and what it changed."""
        self.terminal.keys("2").see("loans ▸ Runs", "repaid-1")
        self.terminal.keys("C").see("Clone repaid-1", "repaid-1-clone")
        self.terminal.keys("Tab", "Tab", "Tab", "Tab", "Tab", "Tab").see(
            "inverse strength of the regularisation"
        )
        self.terminal.type("0.01").see("differs: parameter C: that of mlops.toml becomes 0.01")
        self.confirm("F2", "parameter C: that of mlops.toml becomes 0.01", "repaid-1-clone")
        self.terminal.line("repaid-1-clone ", "✓ finished", "✗ FAIL", timeout=LONG)
        self.terminal.gone("repaid-1-clone finished")
        self.terminal.keys("Home", "Space", "Space").see("2 marked")
        frame = self.terminal.keys("c").see("Compare 2", "differences", "params C", "baseline", "enter Open")
        # what the machine did in each run, and which of it differs, is another each time
        self.frame("compare", frame.partition("metrics system/")[0])
        self.terminal.keys("Tab", "Tab").see("system/cpu_percent", "repaid-1-clone", "●", "▲")
        self.terminal.keys("Escape").see("2 marked")
        self.terminal.keys("\\").gone("2 marked")

    def a_file_lands(self, project: Path) -> None:
        """While one looks at the proposals, without a key, the card appears."""
        self.terminal.keys("7").see("loans ▸ Proposals", "no proposals")
        small_project.land(project, 4)
        self.terminal.see("● open", "new data: 700", timeout=LONG)

    def approve(self) -> None:
        """The evidence is read; the run that the approval starts is watched to its verdict."""
        self.terminal.keys("Enter").see("new data: 700", "at promotion", "a Approve")
        self.terminal.gone("is proposed")
        self.confirm("a", "Train repaid (card", "✓ training of repaid queued (card")
        self.terminal.keys("2").see("loans ▸ Runs", "repaid-3", "● running", timeout=LONG)
        self.terminal.line("repaid-3 ", "✓ finished", "✓ PASS", timeout=LONG)
        self.terminal.keys("7").see("loans ▸ Proposals", "PASS")
        self.terminal.gone("repaid-3 finished")

    def promote_and_roll_back(self) -> None:
        self.terminal.keys("3").see("loans ▸ Models", "v3")
        self.confirm("a", "promote repaid@3", "✓ champion of repaid is now v3")
        self.terminal.see("v3       champion")
        self.frame("rollback-plan", self.confirm("b", "roll repaid back", "✓ repaid rolled back to v1"))
        self.terminal.gone("✓ repaid rolled back to v1", "✓ champion of repaid is now v3")
        self.frame("models", self.terminal.frame())

    def look_back(self) -> None:
        """The ledger has every decision with who made it."""
        self.terminal.keys("9").see("loans ▸ Ledger", "alias.move")
        self.terminal.keys("/").type(f"actor={USER}").keys("Enter")
        frame = self.terminal.see(
            f"of the filter actor={USER}", "8 rows", "proposal.decide", "run.submit", "project.add"
        )
        self.frame("ledger", frame)

    def leave(self) -> None:
        self.terminal.keys("q").gone("Ledger")
        self.terminal.see("$ mlops-tui", "\n$")
        self.terminal.restored()


def test_the_story_by_keys(terminal: Terminal, project: Path, served_home: Home) -> None:
    story = Story(terminal)
    story.start()
    story.train()
    story.promote_first()
    story.clone_and_compare()
    story.a_file_lands(project)
    story.approve()
    story.promote_and_roll_back()
    story.look_back()
    story.leave()
    checked = subprocess.run([sys.executable, "-m", "mlops_tui", "ledger", "verify", "--home", str(served_home.path)],
                             capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert not (told := "".join(story.differences)), told
