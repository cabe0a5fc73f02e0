"""A folder of CSV files that nobody has described, from `init` to a verdict, by the contract for scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

DAYS, ROWS_A_DAY = 30, 40


def month(number: int, shift: float = 0.0, law: float = 1.0) -> pl.DataFrame:
    """A month of loan requests: the outcome follows income and region; `shift` moves income, `law` turns the region's effect."""
    rng = np.random.default_rng(number)
    rows = DAYS * ROWS_A_DAY
    day = np.repeat(np.arange(DAYS), ROWS_A_DAY)
    start = np.datetime64("2024-01-01T08:00:00") + np.timedelta64(30 * (number - 1), "D")
    when = start + day.astype("timedelta64[D]") + rng.integers(0, 36_000, rows).astype("timedelta64[s]")
    income = rng.normal(50 + shift, 10, rows)
    region = rng.choice(["north", "south", 'it\'s "east"'], rows)
    effect = law * np.where(region == "north", 1.2, np.where(region == "south", -0.6, -0.6))
    logit = (income - 50) / 8 + effect + rng.normal(0, 0.3, rows)
    repaid = np.where(rng.random(rows) < 1 / (1 + np.exp(-logit)), "yes", "no")
    return pl.DataFrame(
        {"request id": [f"r{number:02d}-{i:05d}" for i in range(rows)], "asked_at": when.astype("datetime64[us]"), "income": income.round(2),
         "region": region, "age": rng.integers(18, 80, rows), "repaid": repaid}
    )  # fmt: skip


class Shell:
    """A terminal in the project's folder with a home of its own."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "MLOPS_TUI_HOME": str(home)}

    def __call__(self, *words: str, code: int | tuple[int, ...] = 0) -> Any:
        done = subprocess.run([sys.executable, "-m", "mlops_tui", *words, "--json"], cwd=self.folder, env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
        codes = (code,) if isinstance(code, int) else code
        assert done.returncode in codes, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return (
            json.loads(done.stdout)
            if done.stdout.strip()
            else json.loads(done.stderr)
            if done.stderr.strip().startswith("{")
            else None
        )

    def until(self, what: str, *words: str, seconds: float = 90) -> Any:
        """Repeats a list until it has an item for which the Python expression `what` holds."""
        deadline = time.monotonic() + seconds
        items: list[Any] = []
        while time.monotonic() < deadline:
            items = self(*words)["items"]
            found = [item for item in items if eval(what, {"x": item})]
            if found:
                return found[0]
            time.sleep(0.3)
        raise AssertionError(f"never {what} in {items}")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    folder = tmp_path / "loans"
    folder.mkdir()
    for number in (1, 2, 3):
        month(number).write_csv(folder / f"requests-{number:02d}.csv")
    shell = Shell(folder, tmp_path / "home")
    yield shell
    shell("daemon", "stop", code=(0, 1, 3))


def test_from_init_to_a_verdict(shell: Shell) -> None:
    made = shell("init", ".", "--target", "repaid")
    assert (shell.folder / "mlops.toml").is_file()
    model = made["model"]
    run = shell("run", "start", model, "--wait", code=(0, 4))
    assert run["state"] == "FINISHED" and run["exit_code"] == 0
    assert {
        "run_id",
        "kind",
        "name",
        "project",
        "experiment",
        "params",
        "tags",
        "metrics",
        "created",
        "started",
        "ended",
        "signal",
        "attempts",
    } <= run.keys()

    listed = shell("model", "list")["items"][0]
    assert listed["name"] == model and [v["version"] for v in listed["versions"]] == [1]
    assert listed["versions"][0]["verdict"] == "PASS"
    shell("model", "promote", f"{model}@1", "--expected-from", "0", "--reason", "first")
    assert shell("model", "show", model)["aliases"] == {"champion": 1}

    drifted = month(4, shift=25, law=-1.0)
    temporary = shell.folder / ".requests-04.csv.tmp"
    drifted.write_csv(temporary)
    start = time.monotonic()
    os.replace(temporary, shell.folder / "requests-04.csv")
    card = shell.until("x['state'] == 'OPEN'", "proposal", "list")
    seconds = time.monotonic() - start
    assert seconds < 60, f"the proposal took {seconds:.0f} s"
    assert card["model"] == model and card["reasons"] and card["evidence"]

    data = shell("data", "list")["items"]
    assert max(item["version"] for item in data) == 2
    done = shell("proposal", "approve", card["id"], "--reason", "incomes have moved", "--wait", code=(0, 4))
    assert done is not None
    card = shell("proposal", "show", card["id"])
    assert card["state"] == "DONE" and card["verdict"] in ("PASS", "FAIL", "INCONCLUSIVE")
    gate = shell("model", "show", f"{model}@2")["selected"]["gate"]
    assert gate["difference"]["clusters"] >= 10 and gate["champion"]
    assert not any(
        f["severity" if "severity" in f else "level"] == "error" for f in shell("doctor")["findings"]
    )
    assert shell("ledger", "verify") is not None
