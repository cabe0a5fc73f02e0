"""What every version of the app has to stand: quiet, colourless, hostile, cut-off and crowded surroundings. The story is test_story.py."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pty_app import PtyApp
from tmux_driver import Terminal

from mlops_store.home import Home
from mlops_tui.client import connect
from mlops_tui.client.presence import held

LEAVES_ALTERNATE, SHOWS_CURSOR = b"\x1b[?1049l", b"\x1b[?25h"
MOUSE_ON, MOUSE_OFF = b"\x1b[?1000h", b"\x1b[?1000l"
SLEEPS = "import time\nprint('sleeps', flush=True)\ntime.sleep(600)\n"
HOSTILE = "[/red] 🦊 \x1b[31m\u202eright-to-left\u202c"
HOSTILE_SHOWN = "[/red] 🦊"

Make = Callable[..., Path]
OpenApp = Callable[..., PtyApp]
OpenTerminal = Callable[..., Terminal]


@pytest.fixture
def run_cli(surroundings: dict[str, str]) -> Callable[..., Any]:
    """A command in another process: its --json answer."""

    def run(cwd: Path, *words: str) -> Any:
        done = subprocess.run([sys.executable, "-m", "mlops_tui", *words, "--json"], cwd=cwd, env={**os.environ, **surroundings},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Polls until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.1)


def test_no_color_sends_none(make_project: Make, open_app: OpenApp, run_cli: Callable[..., Any]) -> None:
    """Check 2: default colours only, and every state has its word."""
    folder = make_project()
    run_cli(folder, "run", "start", "fast", "--wait")
    app = open_app(folder, NO_COLOR="1")
    app.see("live")
    for key in "234567891?":
        app.press(key).settle(0.5)
    sent = {code for found in re.findall(rb"\x1b\[([0-9;:]*)m", app.written) for code in found.split(b";")}
    assert sent <= {
        b"",
        b"0",
        b"1",
        b"2",
        b"3",
        b"4",
        b"7",
        b"9",
        b"22",
        b"23",
        b"24",
        b"27",
        b"29",
        b"39",
        b"49",
    }, sent
    assert "finished" in re.sub(rb"\x1b\[[0-9;:]*[a-zA-Z]", b"", app.written).decode(errors="replace")


def test_an_idle_app_is_silent_and_others_can_write(
    make_project: Make, open_app: OpenApp, run_cli: Callable[..., Any]
) -> None:
    """Check 3, for 15 seconds on the list of runs. CPU: three clock ticks of slack."""
    folder = make_project()
    run = run_cli(folder, "run", "start", "fast", "--wait")["run_id"]
    app = open_app(folder)
    app.see("live")
    app.press("2").settle(3)
    before = app.cpu()
    assert app.read(15) == b""
    assert app.cpu() - before <= 15 * 0.003 + 0.03
    run_cli(folder, "run", "tag", run, "owner=someone")
    app.press("r").settle(0.5)


def test_thousands_of_runs(tmp_path: Path, served_home: Home, open_terminal: OpenTerminal) -> None:
    """Check 4, small: what it costs at 100,000 is measured in benchmarks/app.py."""
    filler = Path(__file__).parents[2] / "benchmarks"
    subprocess.run([sys.executable, "-c", "from big_home_rows import fill; from mlops_store.home import Home; from pathlib import Path; import sys\n"
                    "fill(Home(Path(sys.argv[1])), 5000, 5000)", str(served_home.path)], cwd=filler, check=True, timeout=120)  # fmt: skip
    terminal = open_terminal(tmp_path)
    terminal.type("mlops-tui tui runs").keys("Enter").see("4,500 rows", "● live")
    terminal.see("late-departure-4999 ")
    terminal.keys("G").line("▸", "late-departure-0 ")
    terminal.keys("/").type("name:nothing-is-called-so").keys("Enter").see(
        "nothing passes the filter", "0 rows"
    )


def test_hostile_names_are_shown_as_they_are(
    make_project: Make, open_terminal: OpenTerminal, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    """Check 5: in table, title, toast, log and file; nothing in a name reaches the terminal as an order."""
    folder = make_project(code=f"import time\nprint({HOSTILE!r})\ntime.sleep(3)\n")
    terminal = open_terminal(folder)
    terminal.type("mlops-tui tui runs").keys("Enter").see("● live", "no runs yet")
    run_cli(folder, "run", "start", "fast", "--name", HOSTILE)
    terminal.see(HOSTILE_SHOWN)
    frame = terminal.line(HOSTILE_SHOWN, "✓ finished")
    assert "\u202e" not in frame and "x1b" in frame
    assert "\x1b[31m\u202e" not in terminal.coloured()
    terminal.keys("Enter").line("Runs ▸ [/red] 🦊")
    terminal.keys("g", "L").see("log", "[/red] 🦊")
    terminal.keys("Escape").see("1 row")
    target = tmp_path / "list.csv"
    terminal.keys("e").see("csv")
    terminal.keys("Escape")
    assert not target.exists()
    run_cli(folder, "run", "start", "fast", "--name", "long" * 1000, "--wait")
    terminal.see("2 rows", "longlong")
    terminal.keys("Home", "Enter").see("Runs ▸ longlong", "…")


def test_a_killed_training_is_lost_and_never_done(
    make_project: Make, open_terminal: OpenTerminal, run_cli: Callable[..., Any], served_home: Home
) -> None:
    """Check 6: kill -9 of the training and its guardian, seen without a key."""
    folder = make_project(code=SLEEPS)
    run = run_cli(folder, "run", "start", "fast")["run_id"]
    terminal = open_terminal(folder)
    terminal.type("mlops-tui tui runs").keys("Enter").see("● running")
    attempt = next(served_home.runs.glob(f"*/{run}/attempts/1"))
    for name in ("shim.json", "child.json"):
        os.kill(json.loads((attempt / name).read_text())["pid"], signal.SIGKILL)
    frame = terminal.line("fast", "? lost")
    assert "finished" not in frame


def test_resizing_and_themes_change_nothing_else(make_project: Make, open_terminal: OpenTerminal) -> None:
    """Check 9: the frame after a storm of sizes and themes is the frame from before."""
    terminal = open_terminal(make_project())
    terminal.type("mlops-tui").keys("Enter").see("● live")
    terminal.keys("2").see("no runs yet")
    before = terminal.see("0 rows")
    for _ in range(8):
        terminal.resize(60, 15).resize(200, 50)
    for theme in ("mlops-light", "ansi-dark", "mlops-dark"):
        terminal.keys(":").type(f"theme {theme}").keys("Enter")
        terminal.gone(f"theme {theme}")
    terminal.resize(40, 10).see("60x15")
    terminal.resize(80, 24).gone("60x15")

    def timeless(frame: str) -> str:
        return re.sub(r"\d\d:\d\d:\d\d", "", frame)

    terminal._until(lambda frame: timeless(frame) == timeless(before), f"is again\n{before}\nbut", 30)
    terminal.keys("q").see("\n$")
    terminal.restored()


@pytest.mark.parametrize("how", ["ctrl-c", "SIGTERM", "SIGHUP", "dropped"])
def test_the_terminal_is_given_back(
    make_project: Make, open_app: OpenApp, run_cli: Callable[..., Any], how: str
) -> None:
    """Check 10, with the ledger's chain whole afterwards. ^C alone leaves nothing: it says how to leave."""
    folder = make_project()
    app = open_app(folder)
    app.see("live")
    app.settle(0.5)
    before = len(app.written)
    if how == "ctrl-c":
        app.press("\x03").settle(0.5)
        assert app.code is None
        app.press("q")
    elif how == "dropped":
        app.hang_up()
    else:
        os.kill(app.pid, getattr(signal, how))
    code = app.ended(20)
    assert code == {"ctrl-c": 0, "SIGTERM": 143, "SIGHUP": 129}.get(how, code)
    if how != "dropped":
        last = app.written[before:]
        assert LEAVES_ALTERNATE in last and SHOWS_CURSOR in last
        assert MOUSE_ON not in app.written or last.rfind(MOUSE_OFF) >= 0
    assert run_cli(folder, "ledger", "verify")["ok"]


def test_a_daemon_that_dies_is_started_again(
    make_project: Make, open_terminal: OpenTerminal, served_home: Home
) -> None:
    """The app says so meanwhile; keys go on working."""
    terminal = open_terminal(make_project())
    terminal.type("mlops-tui").keys("Enter").see("● live")
    pid = int(json.loads(served_home.daemon_file.read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    terminal.keys("5").see("▸ Data")
    until(lambda: served_home.daemon_file.exists() and held(served_home) and json.loads(served_home.daemon_file.read_text())["pid"] != pid,
          "a new daemon")  # fmt: skip
    terminal.see("● live", "0 rows")
    terminal.keys("2").see("▸ Runs", "0 rows", "● live")
    terminal.keys("q").see("\n$")
    terminal.restored()


def test_leaving_stops_nothing(
    make_project: Make, open_terminal: OpenTerminal, run_cli: Callable[..., Any], served_home: Home
) -> None:
    folder = make_project(code=SLEEPS)
    terminal = open_terminal(folder)
    terminal.type("mlops-tui").keys("Enter").see("● live")
    run = run_cli(folder, "run", "start", "fast")["run_id"]
    terminal.keys("2").see("● running")
    terminal.keys("q").see("\n$")
    with connect(served_home) as client:
        assert client.call("run show", {"run_id": run, "project": "quick"}).state == "RUNNING"
        client.call("run stop", {"run_id": run, "project": "quick"})
    until(lambda: run_cli(folder, "run", "show", run)["state"] == "KILLED", "stopped")
