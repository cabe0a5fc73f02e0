"""The whole app on a real pseudo-terminal over a home of many runs: CPU, bytes and memory, from the start of Python to a chart of a million points.

    python benchmarks/app.py [--runs 100000] [--write docs/benchmarks/app.md]
    python benchmarks/app.py --runs 1000 --idle 10      # minutes of rest, on every screen at once

The parent plays the terminal, the child is `mlops-tui tui`, a daemon serves the home (rows put into its index by SQL, see `big_home_rows`). CPU is that of the
app's process, all its threads, by its CPU clock; the daemon's is stated apart. A Textual app that says hello is started in turns with it: what no Textual
app goes below. Exit code 1 where a budget is missed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import platform
import pty
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from big_home_rows import CURVE, METRICS, Filled, fill, found
from pages import write_figures
from table import QUERY, REPLY, Terminal

from mlops_store.home import Home
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import connect
from mlops_tui.tui.actions import SCREENS

SIZES = ((80, 24), (160, 45))
ROW = b"late-departure-"
DOWN, UP, TOP, ENTER, ESCAPE = b"\x1b[B", b"\x1b[A", b"\x1b[H", b"\r", b"\x1b"
HELLO = "from textual.app import App\nfrom textual.widgets import Static\nclass Hello(App):\n def compose(self): yield Static('hello')\nHello().run(mouse=False)"
PATIENCE = 60.0


@dataclass(frozen=True)
class Figure:
    """One figure of one size; `budget` holds at every size unless it is None."""

    value: float
    budget: float | None = None

    @property
    def kept(self) -> bool:
        return self.budget is None or self.value <= self.budget


Figures = dict[str, Figure]


@dataclass
class Screen(Terminal):
    """A terminal that also knows what was written, and counts CPU finer than by ticks."""

    log: bytes = field(default=b"", repr=False)

    def cpu(self) -> float:
        """CPU seconds of the child until now, ended threads included."""
        return clock(self.pid)

    def see(self, text: bytes) -> tuple[float, float]:
        """Reads until `text` is written; (seconds until then, CPU seconds of the child until then). Raises TimeoutError."""
        begun = time.monotonic()
        self.log = b""
        while text not in self.log:
            if time.monotonic() - begun > PATIENCE:
                raise TimeoutError(f"{text!r} was not drawn: …{self.log[-400:]!r}")
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError as error:
                    raise TimeoutError(
                        f"it has ended before {text!r}: {self.log[-2000:].decode()}"
                    ) from error
                self.got += len(data)
                self.log += data
                if QUERY in data:
                    self.answered = True
                    os.write(self.fd, REPLY)
        return time.monotonic() - begun, self.cpu()

    def type(self, keys: bytes) -> None:
        """Presses keys that draw something, one frame for each."""
        for key in keys:
            os.write(self.fd, bytes([key]))
            self.wait_bytes()

    def memory_mb(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def end(self) -> None:
        """Leaves the app."""
        os.write(self.fd, b"\x11")
        self.settle(limit=5)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def clock(pid: int) -> float:
    """CPU seconds of a process so far: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def start(words: Sequence[str], home: Home, size: tuple[int, int], cache: Path) -> Screen:
    """`python WORDS` in a pseudo-terminal of (columns, lines), with compiled modules as an installed program has them."""
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        left_out = ("NO_COLOR", "TMUX", "COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE", "SSH_TTY", "SSH_CONNECTION")  # fmt: skip
        given = {name: value for name, value in os.environ.items() if name not in left_out}
        os.chdir(cache)
        os.execve(sys.executable, [sys.executable, *words],
                  {**given, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "TEXTUAL_ANIMATIONS": "none",
                   "MLOPS_TUI_HOME": str(home.path), "PYTHONPYCACHEPREFIX": str(cache)})  # fmt: skip
    return Screen(pid, fd)


@dataclass
class Bench:
    """The app over one home at one size. `daemon` is its daemon's process id."""

    home: Home
    filled: Filled
    daemon: int
    size: tuple[int, int]
    cache: Path

    def app(self, screen: str) -> Screen:
        return start(("-m", "mlops_tui", "tui", screen), self.home, self.size, self.cache)

    def starts(self, times: int) -> Figures:
        """Least and median CPU seconds until the first frame, until rows, until nothing happens; of the app and of hello, in turns."""
        spent: dict[str, list[float]] = {}

        def note(name: str, seconds: float) -> None:
            spent.setdefault(name, []).append(seconds)

        for turn in range(times + 1):  # the first compiles
            served = clock(self.daemon)
            screen = self.app("runs")
            first = screen.see(b"Runs")[1]
            rows = first if ROW in screen.log else screen.see(ROW)[1]
            screen.settle(quiet=0.8)
            settled, memory = screen.cpu(), screen.memory_mb()
            screen.end()
            hello = start(("-c", HELLO), self.home, self.size, self.cache)
            hello_first = hello.see(b"hello")[1]
            hello.settle(quiet=0.8)
            if turn:
                note("first", first), note("rows", rows), note("settled", settled), note("memory", memory)
                note("hello first", hello_first), note("hello settled", hello.cpu())
                note("daemon", clock(self.daemon) - served)
            hello.end()
        least = {name: min(values) for name, values in spent.items()}
        return {
            "first frame, CPU s (least)": Figure(least["first"], 0.40),
            "first frame, CPU s (median)": Figure(statistics.median(spent["first"])),
            "hello in Textual, first frame, CPU s (least)": Figure(least["hello first"]),
            "first rows, CPU s (least)": Figure(least["rows"]),
            "settled, CPU s (least)": Figure(least["settled"]),
            "hello in Textual, settled, CPU s (least)": Figure(least["hello settled"]),
            "the daemon's part of a start, CPU s (least)": Figure(least["daemon"]),
            "resident memory on Runs, MB": Figure(statistics.median(spent["memory"]), 120),
        }

    def keys(self, screen: Screen, presses: int) -> Figures:
        """The cursor in the table."""
        height = self.size[1]
        screen.press(DOWN, 2)
        within = height // 2 - 4
        rounds = max(1, presses // (2 * within))
        still = [screen.press(way, within) for _ in range(rounds) for way in (DOWN, UP)]
        screen.press(DOWN, height)
        scrolled = screen.press(DOWN, presses)
        small = (
            self.size == SIZES[0]
        )  # the bytes of a frame grow with the terminal, and the budgets are for the small one
        return {
            "key, CPU ms": Figure(statistics.mean(cpu for cpu, _ in still), 3),
            "key, bytes": Figure(statistics.mean(size for _, size in still), 700 if small else None),
            "key that scrolls, CPU ms": Figure(scrolled[0], 8),
            "key that scrolls, bytes": Figure(scrolled[1], 7_000 if small else None),
        }

    def filters(self, screen: Screen, times: int) -> Figures:
        """From the last letter, with or without Enter, to the first row that the filter lets through."""
        walls: dict[bool, list[float]] = {True: [], False: []}
        cpus: list[float] = []
        served: list[float] = []
        os.write(screen.fd, TOP)
        screen.settle()
        for turn in range(times):
            for entered in (True, False):
                group = 2 + 2 * turn + entered
                first = 500 * group + 499
                screen.type(b"/")
                screen.settle()
                screen.type(f"experiment = sweep-{group}"[:-1].encode())
                before, asked = screen.cpu(), clock(self.daemon)
                os.write(screen.fd, str(group)[-1:].encode() + (ENTER if entered else b""))
                wall, cpu = screen.see(ROW + str(first).encode())
                walls[entered].append(wall * 1e3)
                if entered:
                    cpus.append((cpu - before) * 1e3)
                    served.append((clock(self.daemon) - asked) * 1e3)
                else:
                    os.write(screen.fd, ENTER)
                screen.settle()
                os.write(screen.fd, ESCAPE)
                screen.see(ROW + str(self.filled.runs - 1).encode())
                screen.settle()
        return {
            "filter: Enter to first row, wall ms": Figure(statistics.median(walls[True]), 150),
            "filter: Enter to first row, CPU ms": Figure(statistics.median(cpus)),
            "filter: the daemon's part, CPU ms": Figure(statistics.median(served)),
            "filter: last letter to first row, wall ms (it waits 150 ms for another letter)": Figure(statistics.median(walls[False])),
        }  # fmt: skip

    def chart(self, screen: Screen, times: int) -> Figures:
        """A curve of a million points, from the key that asks for it to the end of drawing."""
        screen.type(b"/")
        screen.type(f'id = "{self.filled.curve}'.encode())
        os.write(screen.fd, b'"' + ENTER)
        screen.see(ROW + b"0")
        screen.settle()
        os.write(screen.fd, ENTER)
        screen.settle(quiet=0.6)
        opened, served, _ = self._drawn(screen, b"gc")
        spent = []
        for _ in range(times):
            os.write(screen.fd, b">")
            screen.settle(quiet=0.5)
            spent.append(self._drawn(screen, b"<"))
        return {
            f"chart of {CURVE:,} points: key to paint, CPU ms": Figure(statistics.median(app for app, _, _ in spent), 30),
            "chart: the daemon's part, CPU ms": Figure(statistics.median(daemon for _, daemon, _ in spent)),
            "chart: bytes": Figure(statistics.median(size for _, _, size in spent)),
            "chart: opening its tab, CPU ms": Figure(opened),
            "chart: opening its tab, the daemon's part, CPU ms": Figure(served),
        }  # fmt: skip

    def _drawn(self, screen: Screen, keys: bytes) -> tuple[float, float, float]:
        """CPU ms of the app and of the daemon, and bytes, from keys until nothing more is drawn."""
        app, daemon, size = screen.cpu(), clock(self.daemon), screen.got
        os.write(screen.fd, keys)
        screen.settle(quiet=0.5)
        return (screen.cpu() - app) * 1e3, (clock(self.daemon) - daemon) * 1e3, screen.got - size

    def idle(self, name: str, screen: Screen, seconds: float) -> Figures:
        """What it costs to leave the app open."""
        screen.settle(quiet=2)
        cpu, served, size = screen.cpu(), clock(self.daemon), screen.got
        screen.settle(quiet=seconds + 1, limit=seconds)
        return {
            f"idle on {name}, bytes/s": Figure((screen.got - size) / seconds, 0),
            f"idle on {name}, % CPU": Figure((screen.cpu() - cpu) / seconds * 100, 0.3),
            f"idle on {name}, the daemon, % CPU": Figure((clock(self.daemon) - served) / seconds * 100),
        }

    def rest(self, minutes: float) -> Figures:
        """All nine screens, each in an app of its own, left alone for so long; then another process writes, and the ledger's screen shows it."""
        screens = {name: self.app(name) for name in SCREENS}
        for screen in screens.values():
            screen.see("● live".encode())
        for screen in screens.values():
            screen.settle(quiet=3, limit=60)
        before = {name: (screen.cpu(), screen.got) for name, screen in screens.items()}
        served, begun = clock(self.daemon), time.monotonic()
        by_line = {screen.fd: screen for screen in screens.values()}
        while (left := begun + 60 * minutes - time.monotonic()) > 0:
            for fd in select.select(list(by_line), [], [], left)[0]:
                by_line[fd].got += len(os.read(fd, 65536))
        seconds = time.monotonic() - begun
        figures = {}
        for name, screen in screens.items():
            cpu, got = screen.cpu() - before[name][0], screen.got - before[name][1]
            figures[f"idle on {name} for {minutes:g} min, bytes/s"] = Figure(got / seconds, 0)
            figures[f"idle on {name} for {minutes:g} min, % CPU"] = Figure(cpu / seconds * 100, 0.3)
        figures["the daemon of these nine, % CPU"] = Figure((clock(self.daemon) - served) / seconds * 100)
        with connect(self.home) as client:
            client.call("home budget", {"warn": 7_000_000_000})
        screens["ledger"].see(b"setting.set")
        for screen in screens.values():
            screen.end()
        return figures

    def measure(self, times: int, presses: int, seconds: float) -> Figures:
        """Everything."""
        figures = self.starts(times)
        screen = self.app("runs")
        screen.see(ROW)
        screen.settle(quiet=1)
        figures |= self.keys(screen, presses)
        figures |= self.idle("Runs", screen, seconds)
        figures |= self.filters(screen, times)
        figures |= self.chart(screen, times)
        figures["resident memory after all of it, MB"] = Figure(screen.memory_mb(), 120)
        screen.end()
        screen = self.app("home")
        screen.see(b"Home")
        figures |= self.idle("Home", screen, seconds)
        screen.end()
        return figures


def page(runs: int, results: Sequence[Figures], command: str) -> Iterator[str]:
    """The figures of the page in docs."""
    yield f"A home of {runs:,} runs; `{command}` on {os.cpu_count()} cores ({platform.machine()}, Python {platform.python_version()}),"
    yield f"load {os.getloadavg()[0]:.1f} at the end.\n"
    yield (
        "| | budget | "
        + " | ".join(f"{columns}x{lines}" for columns, lines in SIZES[: len(results)])
        + " | met |"
    )
    yield "|---|--:|" + "--:|" * len(results) + "---|"
    for name in results[0]:
        given = [each[name] for each in results]
        budgets = [each for each in given if each.budget is not None]
        met = "" if not budgets else "yes" if all(each.kept for each in given) else "**no**"
        budget = shown(given[0].budget) if given[0].budget is not None else ""
        yield f"| {name} | {budget} | " + " | ".join(shown(each.value) for each in given) + f" | {met} |"


def shown(value: float) -> str:
    """A figure with three digits that matter."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5, help="starts, filters and charts of each size")
    parser.add_argument("--presses", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20, help="of idling")
    parser.add_argument("--idle", type=float, metavar="MINUTES", help="measure this alone: nine apps, one on each screen, left alone for so long")  # fmt: skip
    parser.add_argument("--keep", type=Path, help="make the home here, or take the one that is there")
    parser.add_argument("--write", type=Path, help="the page whose figures to replace")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home((asked.keep or Path(folder)) / "home").create()
        filled = found(home) if home.index.exists() else fill(home, asked.runs, len(METRICS) * asked.runs)
        cache = Path(folder) / "compiled"
        cache.mkdir()
        try:
            with connect(home, idle_exit=600) as client:
                daemon = client.ping().pid
            sizes = SIZES[:1] if asked.idle else SIZES
            benches = [Bench(home, filled, daemon, size, cache) for size in sizes]
            results = [bench.rest(asked.idle) if asked.idle else bench.measure(asked.times, asked.presses, asked.seconds) for bench in benches]  # fmt: skip
        finally:
            stop_daemon(home, 20.0)
    text = (
        "\n".join(
            page(
                filled.runs,
                results,
                f"python benchmarks/app.py --runs {filled.runs} "
                + (
                    f"--idle {asked.idle:g}"
                    if asked.idle
                    else f"--times {asked.times} --presses {asked.presses} --seconds {asked.seconds:g}"
                ),
            )
        )
        + "\n"
    )
    print(text)
    if asked.write:
        write_figures(asked.write, text)
    over = {name for each in results for name, figure in each.items() if not figure.kept}
    if over:
        print("over budget: " + "; ".join(sorted(over)), file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
