"""The short form of `benchmarks/faults.py`: a round of kill -9 at random moments, after which nothing may be wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fault_box import environment

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="who holds a lock is read from /proc")
def test_a_round(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--rounds", "1", "--seconds", "1.5", "--seed", "3", "--dir", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=300, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("; 0 wrong") == 1
