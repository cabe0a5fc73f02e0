"""The fuzz tests for longer: new examples each round until the time is over, many times as many as in CI.

Runs `pytest tests/fuzz` with MLOPS_TUI_FUZZ (how many times as many examples) and a seed of its own for each round. One JSON line for each
round; of one that fails, the report is printed, with the seed that repeats it. Exit code 1 where anything was found.

    python benchmarks/fuzz.py --minutes 10
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def round_of(seed: int, times: int, words: list[str]) -> subprocess.CompletedProcess[str]:
    """One run of the tests; `words` go to pytest."""
    command = [sys.executable, "-m", "pytest", "tests/fuzz", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", "addopts=", "-q", f"--hypothesis-seed={seed}"]  # fmt: skip
    # without CI, or the examples would be the same ones in each round
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    environment["MLOPS_TUI_FUZZ"] = str(times)
    return subprocess.run(
        [*command, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--times", type=int, default=10, help="examples, as a multiple of those in CI")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first round")
    parser.add_argument("pytest", nargs="*", help="more words for pytest, such as -k filters")
    parsed = parser.parse_args()
    end, seed, failed = time.monotonic() + parsed.minutes * 60, parsed.seed, 0
    while time.monotonic() < end:
        start = time.monotonic()
        done = round_of(seed, parsed.times, parsed.pytest)
        failed += done.returncode != 0
        last = (done.stdout.strip().splitlines() or [""])[-1]
        print(
            json.dumps(
                {
                    "seed": seed,
                    "seconds": round(time.monotonic() - start, 1),
                    "ok": not done.returncode,
                    "tests": last,
                }
            ),
            flush=True,
        )
        if done.returncode:
            print(done.stdout[-20_000:], done.stderr[-2_000:], flush=True)
        seed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
