"""kill -9 at random moments: eight processes log and runs start, stop and finish while daemon, shims and trainers are killed.

After each round everything is held against what had returned: nothing lost or doubled, no run left RUNNING, exit codes right wherever
the shim lived (LOST with null otherwise), `doctor` clean, the ledger's chain whole, `rebuild` the same table by table.
Prints one line a round and a table at the end; exit code 1 where anything was wrong. The moments follow from `--seed`, as far as a
scheduler lets them. `--write` replaces the figures at the end of a page and leaves its text alone.

    python benchmarks/faults.py --rounds 100 --seed 1 --write docs/benchmarks
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import fault_actors
from fault_checks import Diaries, Kills, check_home, read_diaries

from mlops_store.home import Home
from mlops_store.ids import RUN_ID
from mlops_store.records import Identity
from mlops_store.run_folder import RunFolder
from mlops_tui import processes
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import Client, connect

LOGGERS, CLIENTS = 4, 4
PAUSE = 0.15
"""Mean seconds between two kills."""
SETTLE = 90.0
FIGURES = "\n## The last series\n"
"""Heading of what `--write` replaces; what stands before it is written by hand."""
_FIRST_RUN = 15.0


class Killer:
    """Ends one process after the other, each only if it is the one meant."""

    def __init__(self, home: Home, rng: random.Random, kills: Kills) -> None:
        self._home = home
        self._rng = rng
        self._kills = kills
        self.count: Counter[str] = Counter()

    def work(self, seconds: float) -> None:
        """For this long, and until somebody was killed at all."""
        end = time.monotonic() + seconds
        while time.monotonic() < end or (not self.count and time.monotonic() < end + SETTLE):
            time.sleep(self._rng.expovariate(1 / PAUSE))
            what = self._rng.choices(("daemon", "shim", "trainer"), (1, 4, 4))[0]
            if self._daemon() if what == "daemon" else self._of_a_run(what):
                self.count[what] += 1

    def wait_for_a_shim(self) -> None:
        """A daemon needs a second or two until the first run is there: who kills earlier only ever kills daemons."""
        end = time.monotonic() + _FIRST_RUN
        while time.monotonic() < end and not self._alive("shim"):
            time.sleep(0.02)

    def _daemon(self) -> bool:
        """Whoever holds the lock: also one that is just starting, or ending."""
        pid = lock_holder(self._home.lock_file)
        row = processes.read(pid) if pid else None
        if row is None or not processes.send(row.pid, row.start_ticks, 9):
            return False
        self._kills.daemons += 1
        return True

    def _of_a_run(self, what: str) -> bool:
        found = self._alive(what)
        if not found:
            return False
        folder, who = self._rng.choice(found)
        names = self._kills.shims if what == "shim" else self._kills.trainers
        known = folder.run_id in names
        names.add(folder.run_id)  # before the signal: an end that follows from it may be told at once
        if processes.send(who.pid, who.start_ticks, 9):
            return True
        if not known:
            names.discard(folder.run_id)
        return False

    def _alive(self, what: str) -> list[tuple[RunFolder, Identity]]:
        """The newest attempts that have not ended, each with its shim, or the process that trains."""
        folders = [
            folder for folder in run_folders(self._home)[-80:] if folder.latest() and folder.exit(1) is None
        ]
        found = ((folder, folder.shim(1) if what == "shim" else folder.child(1)) for folder in folders)
        return [(folder, who) for folder, who in found if who is not None]


def lock_holder(path: Path) -> int:
    """The pid of the process that has the flock on a file; 0 where none has."""
    try:
        inode = path.stat().st_ino
    except FileNotFoundError:
        return 0
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    return 0


def run_folders(home: Home) -> list[RunFolder]:
    return [RunFolder(path) for path in sorted(home.runs.glob("*/*")) if RUN_ID.match(path.name)]


def play(home: Home, diaries: Path, rng: random.Random, seconds: float, kills: Kills) -> Counter[str]:
    """One round: the eight at work, and the killer among them. Returns the kills by kind."""
    context = multiprocessing.get_context("forkserver")
    round_ = fault_actors.Round(context.Barrier(LOGGERS + CLIENTS + 1), context.Event())
    common = (home.path, diaries)
    actors = [
        context.Process(target=fault_actors.log_runs, args=(*common, rng.getrandbits(32), round_))
        for _ in range(LOGGERS)
    ]
    actors += [
        context.Process(
            target=fault_actors.start_runs, args=(*common, rng.getrandbits(32), round_, f"m{number}")
        )
        for number in range(CLIENTS)
    ]
    for actor in actors:
        actor.start()
    killer = Killer(home, rng, kills)
    round_.ready.wait(SETTLE)
    killer.wait_for_a_shim()
    killer.work(seconds)
    round_.over.set()
    for actor in actors:
        actor.join(SETTLE)
        if actor.exitcode != 0:
            actor.kill()
            raise RuntimeError(f"an actor ended with {actor.exitcode}")
    return killer.count


def settle(home: Home) -> list[str]:
    """Until every run has ended and is in the ledger; says which have not."""
    query = (
        "SELECT run_id, state, settled FROM runs WHERE state NOT IN ('FINISHED', 'FAILED', 'KILLED', 'LOST') "
        "OR (submitted IS NOT NULL AND settled IS NULL)"
    )
    deadline = time.monotonic() + SETTLE
    with connect(home) as client:
        while left := client.call("sql", {"query": query}).rows:
            if time.monotonic() > deadline:
                return [f"run {run_id} is {state}, settled {settled}" for run_id, state, settled in left]
            time.sleep(0.1)
        return _unknown(home, client)


def _unknown(home: Home, client: Client) -> list[str]:
    """SDK runs of which the index has not heard, although a daemon is awake."""
    known = {
        row[0] for row in client.call("sql", {"query": "SELECT run_id FROM runs", "limit": 100_000}).rows
    }
    sdk = {path.name for path in home.inbox.iterdir()} | {
        folder.run_id
        for folder in run_folders(home)
        if folder.spec_file.exists() and folder.spec().kind == "sdk"
    }
    return [f"run {run_id} was never read" for run_id in sorted(sdk - known)]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="length of a round, before all is waited for"
    )
    parser.add_argument("--each-home", type=int, default=10, help="rounds in one home")
    parser.add_argument("--dir", type=Path, help="where the homes go, and stay; default: a temporary folder")
    parser.add_argument(
        "--write", type=Path, metavar="DIR", help="put the figures at the end of faults.md there"
    )
    options = parser.parse_args()
    os.environ["MLOPS_TUI_PARALLEL"] = str(CLIENTS)
    multiprocessing.set_forkserver_preload(["fault_actors"])
    with tempfile.TemporaryDirectory(prefix="mlops-tui-faults-") as temporary:
        return Series(options, options.dir or Path(temporary)).run()


class Series:
    """The rounds, one home after the other."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._total: Counter[str] = Counter()
        self._wrong: list[str] = []

    def run(self) -> int:
        started = time.monotonic()
        home, diaries, kills = self._home(0)
        for number in range(self._options.rounds):
            if number and number % self._options.each_home == 0:
                self._count(read_diaries(diaries), kills)
                home, diaries, kills = self._home(number)
            rng = random.Random(f"{self._options.seed}-{number}")
            wrong = self._round(number, home, diaries, kills, rng)
            if wrong:
                self._wrong += wrong
                print(*(f"  wrong: {line}" for line in wrong), f"  home: {home.path}", sep="\n", flush=True)
        self._count(read_diaries(diaries), kills)
        self._report(time.monotonic() - started)
        return 1 if self._wrong else 0

    def _home(self, number: int) -> tuple[Home, Path, Kills]:
        place = self._folder / f"home-{number}"
        (place / "diaries").mkdir(parents=True)
        fault_actors.make_project(place / "project", CLIENTS)
        home = Home(place / "home").create()
        with connect(home) as client:
            client.call("project add", {"dir": str(place / "project")})
        return home, place / "diaries", Kills()

    def _round(self, number: int, home: Home, diaries: Path, kills: Kills, rng: random.Random) -> list[str]:
        count = play(home, diaries, rng, self._options.seconds, kills)
        wrong = settle(home)
        stop_daemon(home, 60.0)
        told = read_diaries(diaries)
        more, self._states = check_home(home, told, kills)
        self._total.update({f"{what} killed": value for what, value in count.items()})
        kinds = ", ".join(f"{value} {what}" for what, value in sorted(count.items()))
        print(
            f"round {number + 1}: killed {kinds or 'none'}; runs {dict(self._states)}; {len(wrong + more)} wrong",
            flush=True,
        )
        return [f"round {number + 1}: {line}" for line in wrong + more]

    def _count(self, told: Diaries, kills: Kills) -> None:
        self._total.update({f"runs {state}": value for state, value in self._states.items()})
        self._total.update({"points that returned": sum(run.points for run in told.runs.values()),
                            "commands answered": len(told.answers), "tags answered": sum(answered > 0 for answered, _ in told.tags.values()), "commands refused": len(told.refused)})  # fmt: skip
        for line in told.refused:
            print(f"  refused: {line}")

    def _report(self, seconds: float) -> None:
        options = self._options
        command = f"python benchmarks/faults.py --rounds {options.rounds} --seed {options.seed} --seconds {options.seconds:g}"
        lines = [f"`{command}`, {seconds:.0f} s, load {os.getloadavg()[0]:.1f} at the end.", "",
                 "| what | how many |", "|---|---:|", f"| rounds | {options.rounds} |"]  # fmt: skip
        lines += [f"| {what} | {value:,} |" for what, value in sorted(self._total.items())]
        lines += [f"| **wrong** | **{len(self._wrong)}** |", ""]
        text = "\n".join(lines)
        print(text)
        if options.write is not None:
            page = options.write / "faults.md"
            page.write_text(page.read_text().partition(FIGURES)[0] + FIGURES + "\n" + text)


if __name__ == "__main__":
    sys.exit(main())
