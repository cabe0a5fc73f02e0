"""What a key costs in the table, in a real pseudo-terminal: CPU time of the whole process and bytes to the terminal.

    python benchmarks/table.py [--rows 100000] [--peer-rows 10000] [--write docs/benchmarks/table.md]

The parent plays the terminal (it answers the query for synchronised output), the child is an app with one table.
Textual's DataTable shows the same rows in the same run. Budgets: issue 4 of the project's notes, repeated below.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pages import write_figures

COLUMNS = (
    ("run", 20),
    ("status", 10),
    ("auc", 7),
    ("loss", 7),
    ("model", 6),
    ("took", 6),
    ("data", 5),
    ("started", 8),
)
STATES = ("FINISHED", "RUNNING", "FAILED", "QUEUED", "FINISHED", "FINISHED", "LOST")
QUERY, REPLY = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
TICK = os.sysconf("SC_CLK_TCK")
BUDGET = {"first paint": (0.40, None), "key": (3.0, 700), "scroll": (8.0, 7_000)}


def row(i: int) -> tuple[str, ...]:
    """Row i, the same in every run."""
    mixed = (i * 2654435761) & 0xFFFFFFFF
    return (
        f"bright-fern-{i}", STATES[mixed % 7], f"{mixed % 9973 / 9973:.4f}", f"{mixed % 7919 / 7919:.4f}",
        "gbm", f"{mixed % 9:02d}:{mixed % 60:02d}", f"v{mixed % 30}", f"{mixed % 24:02d}:{mixed % 59:02d}",
    )  # fmt: skip


# --- the child ----------------------------------------------------------------------------------------------------


def show_ours(count: int) -> None:
    """The app with our table."""
    from textual.app import App, ComposeResult

    from mlops_tui.tui.formats import state
    from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window

    def cell(place: int) -> object:
        return (lambda r: state(r[1])) if place == 1 else (lambda r: r[place])

    class Ours(App[None]):
        def compose(self) -> ComposeResult:
            columns = [
                Column(title, title, width, cell(place), "right" if place in (2, 3) else "left")  # type: ignore[arg-type]
                for place, (title, width) in enumerate(COLUMNS)
            ]
            yield QueryTable(columns, row_key=lambda r: str(r[0]))

        def on_query_table_wanted(self, event: QueryTable.Wanted) -> None:
            rows = [row(i) for i in range(event.offset, min(count, event.offset + event.count))]
            event.table.deliver(Window(count, event.offset, rows), event.generation)

    Ours().run(mouse=False)


def show_peer(count: int) -> None:
    """The app with Textual's DataTable."""
    from rich.text import Text
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    from mlops_tui.tui.formats import state

    class Peer(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable(cursor_type="row")

        def on_mount(self) -> None:
            table: DataTable[str | Text] = self.query_one(DataTable)
            for title, width in COLUMNS:
                table.add_column(title, width=width)
            for i in range(count):
                name, word, *rest = row(i)
                table.add_row(name, state(word), *rest)

    Peer().run(mouse=False)


# --- the terminal -------------------------------------------------------------------------------------------------


@dataclass
class Terminal:
    """The parent's end: reads what the child draws, answers its query, counts bytes."""

    pid: int
    fd: int
    got: int = 0
    tail: bytes = b""
    answered: bool = False

    def settle(self, quiet: float = 0.25, limit: float = 60.0) -> int:
        """Reads until nothing came for `quiet` seconds and the child used no CPU; the bytes since the last call."""
        end, last, cpu = time.monotonic() + limit, time.monotonic(), self.ticks()
        before = self.got
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    break
                self.got += len(data)
                self.tail = (self.tail + data)[-4096:]
                if not self.answered and QUERY in self.tail:
                    self.answered = True
                    os.write(self.fd, REPLY)
                last = time.monotonic()
            now = self.ticks()
            if now != cpu:
                cpu, last = now, max(last, time.monotonic() - quiet / 2)
            if time.monotonic() - last > quiet:
                break
        return self.got - before

    def ticks(self) -> int:
        """CPU time of the child, in clock ticks."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def press(self, key: bytes, times: int) -> tuple[float, float]:
        """CPU milliseconds and bytes per key."""
        ticks, before = self.ticks(), self.got
        for _ in range(times):
            os.write(self.fd, key)
            self.wait_bytes()
        self.settle()
        return (self.ticks() - ticks) * 1000 / TICK / times, (self.got - before) / times

    def wait_bytes(self) -> None:
        """Until one frame has come, so that no two keys share one."""
        start = self.got
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.03)[0]:
                self.got += len(os.read(self.fd, 65536))
            elif self.got > start:
                return


def start(which: str, count: int, size: tuple[int, int]) -> Terminal:
    """A child in a pseudo-terminal of (columns, lines)."""
    pid, fd = pty.fork()
    if pid == 0:
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
        env.pop("NO_COLOR", None)
        os.execvpe(sys.executable, [sys.executable, __file__, "--child", which, "--rows", str(count)], env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    return Terminal(pid, fd)


@dataclass
class Result:
    """One line of the page."""

    name: str
    cells: dict[str, tuple[float, float]] = field(default_factory=dict)


def measure(which: str, count: int, size: tuple[int, int], keys: int) -> Result:
    """All figures of one table."""
    terminal = start(which, count, size)
    result = Result(
        f"{'QueryTable' if which == 'ours' else 'DataTable'}, {count:,} rows, {size[0]}x{size[1]}"
    )
    painted = terminal.settle(quiet=0.6, limit=180)
    result.cells["first paint"] = (terminal.ticks() / TICK, painted)
    down, up, page = b"\x1b[B", b"\x1b[A", b"\x1b[6~"
    room = size[1] - 3
    terminal.press(down, 2)
    spent = [terminal.press(way, room - 4) for _ in range(max(1, keys // (2 * room))) for way in (down, up)]
    result.cells["key"] = _mean(spent)
    terminal.press(down, room + 2)
    result.cells["scroll"] = terminal.press(down, keys)
    result.cells["page"] = terminal.press(page, max(10, keys // 4))
    ticks, before = terminal.ticks(), terminal.got
    terminal.settle(quiet=5, limit=5)
    result.cells["idle"] = ((terminal.ticks() - ticks) / TICK / 5 * 100, (terminal.got - before) / 5)
    os.write(terminal.fd, b"\x11")
    terminal.settle()
    os.close(terminal.fd)
    os.waitpid(terminal.pid, 0)
    return result


def _mean(spent: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(cpu for cpu, _ in spent) / len(spent), sum(size for _, size in spent) / len(spent)


def page(results: list[Result], command: str) -> Iterator[str]:
    """The figures of the page in docs."""
    yield f"`{command}`, load {os.getloadavg()[0]:.1f} at the end.\n"
    yield "| | first paint: CPU s | key: CPU ms / B | key that scrolls | page down | idle: % CPU / B per s |"
    yield "|---|--:|--:|--:|--:|--:|"
    yield "| *budget (80x24)* | *0.40* | *3 / 700* | *8 / 7,000* | | *0 B* |"
    for result in results:
        paint, key, scroll, paged, idle = (
            result.cells[name] for name in ("first paint", "key", "scroll", "page", "idle")
        )
        yield (
            f"| {result.name} | {paint[0]:.2f} | {key[0]:.1f} / {key[1]:,.0f} | {scroll[0]:.1f} / {scroll[1]:,.0f} "
            f"| {paged[0]:.1f} / {paged[1]:,.0f} | {idle[0]:.1f} / {idle[1]:,.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--peer-rows", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=120)
    parser.add_argument("--write", type=Path, help="the page whose figures to replace")
    parser.add_argument("--child", choices=("ours", "peer"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        (show_ours if asked.child == "ours" else show_peer)(asked.rows)
        return
    results = [
        measure("ours", asked.rows, (80, 24), asked.keys),
        measure("ours", asked.rows, (160, 48), asked.keys),
        measure("peer", asked.peer_rows, (80, 24), asked.keys),
    ]
    command = f"python benchmarks/table.py --rows {asked.rows} --peer-rows {asked.peer_rows}"
    text = "\n".join(page(results, command)) + "\n"
    print(text)
    if asked.write:
        write_figures(asked.write, text)
    ours = results[0].cells
    over = [
        f"{name}: {ours[name][0]:.2f}, {ours[name][1]:,.0f} B"
        for name, (cpu, size) in BUDGET.items()
        if ours[name][0] > cpu or (size is not None and ours[name][1] > size)
    ]
    over += [f"idle: {ours['idle'][1]:,.0f} B/s"] if ours["idle"][1] > 0 else []
    if over:
        print("over budget: " + "; ".join(over), file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
