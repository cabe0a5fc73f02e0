"""A story told with the public commands: the demo and the benchmarks drive the product like a user does."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.cli.narration import Narration, newest_running
from mlops_tui.samples import sample

MODEL = "late-departure"
PROPOSAL_DEADLINE = 120.0
_TURN = 0.25
"""Seconds between two looks at what a command does."""


@dataclass
class Story:
    """What has happened so far, and where it happens."""

    folder: Path
    home: Path
    quiet: bool
    stages: list[dict[str, Any]] = field(default_factory=list)
    shown: str = ""
    program: Sequence[str] = (sys.executable, "-m", "mlops_tui")
    narration: Narration = field(init=False)

    def __post_init__(self) -> None:
        self.narration = Narration(newest_running(Home(self.home)), sys.stderr, live=sys.stderr.isatty())

    @property
    def project(self) -> Path:
        return self.folder / "flight_delays"

    def say(self, text: str) -> None:
        if not self.quiet:
            self.narration.wipe()
            print(text, file=sys.stderr, flush=True)

    def pause(self, seconds: float) -> None:
        """Lets time pass, and says what runs meanwhile."""
        if not self.quiet:
            self.narration.tick()
        time.sleep(seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a step of the story."""
        self.say(f"▸ {name}")
        start = time.monotonic()
        yield
        self.stages.append({"name": name, "seconds": round(time.monotonic() - start, 2)})

    def command(self, *words: str, allow: tuple[int, ...] = (0,)) -> Any:
        """Runs `mlops-tui WORDS --json` in the project's folder and returns what it printed. Raises Problem."""
        env = {**os.environ, "MLOPS_TUI_HOME": str(self.home)}
        shown = shlex.join(["mlops-tui", *words])
        if shown != self.shown:  # what is asked again and again while something happens is told once
            self.say(f"  $ {shown}")
        self.shown = shown
        with subprocess.Popen(
            [*self.program, *words, "--json"],
            cwd=self.project, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            printed, said = self._outcome(process)
        if process.returncode not in allow:
            raise Problem(
                "demo_failed",
                f"`{shown}` ended with {process.returncode}: {said.strip()}",
                f"look into {self.folder}",
            )
        return json.loads(printed) if printed.strip() else None

    def _outcome(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """What a command has printed when it ends; what runs is told meanwhile."""
        try:
            while True:
                try:
                    return process.communicate(timeout=_TURN)
                except subprocess.TimeoutExpired:
                    if not self.quiet:
                        self.narration.tick()
        except BaseException:
            process.kill()
            raise
        finally:
            self.narration.wipe()

    def deliver(self, source: str, month: str) -> None:
        """A month's file lands in the watched folder, as a careful producer does it: under another name, then renamed."""
        target = self.project / "data" / source / f"{month}.parquet"
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.copyfile(sample("flight_delays") / "data" / source / f"{month}.parquet", temporary)
        os.replace(temporary, target)


def wait_for_proposal(story: Story) -> dict[str, Any]:
    """The open proposal of the model, as soon as there is one. Raises Problem."""
    deadline = time.monotonic() + PROPOSAL_DEADLINE
    while time.monotonic() < deadline:
        cards = story.command("proposal", "list", "--model", MODEL)["items"]
        open_cards = [card for card in cards if card["state"] == "OPEN"]
        if open_cards:
            card: dict[str, Any] = story.command("proposal", "show", open_cards[0]["id"])
            return card
        story.pause(1.0)
    raise Problem(
        "demo_no_proposal",
        f"no proposal appeared within {PROPOSAL_DEADLINE:.0f} s",
        f"`mlops-tui --home {story.home} run list --all` shows what happened",
    )


def wait_for_months(story: Story, months: int) -> None:
    """Until so many monthly files of flights and weather are admitted. Raises Problem."""
    deadline = time.monotonic() + PROPOSAL_DEADLINE
    wanted = {"flights", "weather"}
    while time.monotonic() < deadline:
        files = {item["source"]: item["files"] for item in reversed(story.command("data", "list")["items"])}
        if all(files.get(source, 0) >= months for source in wanted):
            return
        story.pause(0.5)
    raise Problem(
        "demo_not_admitted",
        f"{months} months were not admitted within {PROPOSAL_DEADLINE:.0f} s",
        "`mlops-tui data quarantine` lists what was refused",
    )
