"""The chart: CPU time of a full redraw, and bytes on a real pseudo-terminal, beside writing the same bytes without computing anything.

`draw`: from buckets to styled lines. `draw and strips`: the same and the strips that Textual takes. The app runs in a pseudo-terminal that answers
nothing; bytes and CPU are those between two keys. Figures are the best of `--repeat` (CPU time, so other work on the box counts little).

    python benchmarks/chart.py --write docs/benchmarks
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import os
import pty
import random
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

from pages import write_figures

from mlops_tui.tui.plot.chart import View, draw
from mlops_tui.tui.plot.curve import Curve, Series

SERIES, BUCKETS = 8, 500
KEYS = (("first paint", ""), ("crosshair, first", "\x1b[D"), ("crosshair, one move", "\x1b[D"), ("log scale", "L"), ("smoothing", ")"), ("window", "{"), ("pin", "PP"))  # fmt: skip
COMMAND = "python benchmarks/chart.py --write docs/benchmarks"


def given() -> list[Series]:
    """Eight noisy curves of 500 buckets, the same each time."""
    chance = random.Random(1)
    found = []
    for j in range(SERIES):
        points = []
        for i in range(BUCKETS):
            middle = 0.5 + 0.45 * (1 - math.exp(-i / (60 + 30 * j))) - 0.05 * j
            low, high = middle - abs(chance.gauss(0, 0.01)), middle + abs(chance.gauss(0, 0.01))
            points.append((float(i * 4), low, high, chance.uniform(low, high)))
        found.append(Series(f"bright-fern-{j}", points, goal="max"))
    return found


def redraws(repeat: int) -> list[tuple[str, float, float]]:
    """(what, CPU ms of `draw`, CPU ms of `draw` with strips) for each size and smoothing."""
    from rich.segment import Segment
    from rich.style import Style
    from textual.strip import Strip

    from mlops_tui.tui.plot.colours import styles

    looks = {role: Style.parse(style) for role, style in styles("dark").items()}
    curves = [Curve(one) for one in given()]
    rows = []
    for width, height in ((80, 22), (160, 46), (300, 100)):
        for smoothing in (0.0, 0.9):
            bare = full = math.inf
            for _ in range(repeat):
                start = time.thread_time()
                drawing = draw(curves, width, height, View(smoothing=smoothing, y_label="auc"))
                middle = time.thread_time()
                for line in drawing.lines:
                    Strip([Segment(text, looks[role]) for text, role in line], width)
                end = time.thread_time()
                bare, full = min(bare, middle - start), min(full, end - start)
            rows.append((f"{width}x{height}" + (", smoothed" if smoothing else ""), bare * 1e3, full * 1e3))
    return rows


def serve(theme: str, report: int) -> None:
    """The app of the child: one chart, the whole screen; says its CPU time after each key into `report`."""
    from textual.app import App, ComposeResult

    from mlops_tui.tui.themes import DARK
    from mlops_tui.tui.widgets.chart import Chart

    class Board(App[None]):
        def compose(self) -> ComposeResult:
            yield Chart(given(), y_label="auc")

        def on_mount(self) -> None:
            self.register_theme(DARK)
            self.theme = theme
            self.query_one(Chart).focus()
            self.set_interval(0.1, self.tell)

        def tell(self) -> None:
            os.write(report, b"%.6f\n" % time.process_time())

    Board().run(mouse=False)


def quiet(master: int, report: int, still: float = 0.8) -> tuple[bytes, float]:
    """All that the terminal gets until `still` seconds bring nothing, and the CPU seconds the app has used by then."""
    written, cpu, last = b"", 0.0, time.monotonic()
    while time.monotonic() - last < still:
        for ready in select.select([master, report], [], [], 0.05)[0]:
            if ready == master:
                written += os.read(master, 65536)
                last = time.monotonic()
            else:
                cpu = float(os.read(report, 65536).split()[-1])
    return written, cpu


def session(theme: str) -> list[tuple[str, int, float, float]]:
    """(what, bytes, CPU ms of the app, CPU ms of writing the same bytes) for each key at 80x24."""
    read_end, write_end = os.pipe()
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", TEXTUAL_ANIMATIONS="none")
        serve(theme, write_end)
        os._exit(0)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    rows = []
    before = 0.0
    try:
        for what, key in KEYS:
            if key:
                os.write(master, key.encode())
            written, cpu = quiet(master, read_end, 2.0 if not key else 0.8)
            rows.append((what, len(written), (cpu - before) * 1e3, written_alone(written)))
            before = cpu
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)
    return rows


def written_alone(data: bytes) -> float:
    """CPU ms to write these bytes to a pseudo-terminal whose other end is read: nothing is computed."""
    master, slave = pty.openpty()
    best = math.inf
    for _ in range(5):
        used = 0.0
        for start in range(0, len(data), 2048):
            begin = time.thread_time()
            os.write(slave, data[start : start + 2048])
            used += time.thread_time() - begin
            os.read(master, 65536)
        best = min(best, used)
    os.close(master)
    os.close(slave)
    return best * 1e3


def page(frames: list[tuple[str, float, float]], keys: dict[str, list[tuple[str, int, float, float]]]) -> str:
    """The tables as Markdown."""
    lines = [
        f"{SERIES} series of {BUCKETS} buckets each, braille, Python {sys.version.split()[0]}. CPU time, best of many; made by", "",
        f"    {COMMAND}", "",
        "### A full redraw", "",
        "| Size | draw, ms | draw and strips, ms |", "|---|--:|--:|",
        *(f"| {what} | {bare:.1f} | {full:.1f} |" for what, bare, full in frames), "",
        "### On a pseudo-terminal, 80x24", "",
        "| Theme | Key | Bytes | App, CPU ms | Same bytes, CPU ms |", "|---|---|--:|--:|--:|",
        *(f"| {theme} | {what} | {size:,} | {cpu:.0f} | {alone:.2f} |" for theme, rows in keys.items() for what, size, cpu, alone in rows),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=40)
    parser.add_argument("--write", type=Path, help="folder of chart.md, whose figures to replace")
    options = parser.parse_args()
    frames = redraws(options.repeat)
    os.environ["MLOPS_TUI_HOME"] = tempfile.mkdtemp()
    keys = {theme: session(theme) for theme in ("mlops-dark", "ansi-dark")}
    print(json.dumps({"redraw_ms": frames, "keys": keys}))
    if options.write:
        write_figures(options.write / "chart.md", page(frames, keys))
    move = max(size for rows in keys.values() for what, size, *_ in rows if what == "crosshair, one move")
    slow = frames[0][1] > 5 or frames[2][1] > 15
    return int(move > 700 or slow)


if __name__ == "__main__":
    sys.exit(main())
