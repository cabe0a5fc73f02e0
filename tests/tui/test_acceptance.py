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
from rich.text import Text
from tmux_driver import Terminal

from mlops_store.home import Home
from mlops_tui.client import connect
from mlops_tui.client.presence import held
from mlops_tui.tui.actions import ACTIONS, SCREENS
from mlops_tui.tui.dialogs.help import Help

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


def test_no_color_sends_none(
    shared_home: Home, make_project: Make, open_app: OpenApp, run_cli: Callable[..., Any]
) -> None:
    """Check 2: default colours only, and every state has its word."""
    folder = make_project("plain")
    run_cli(folder, "run", "start", "fast", "--wait")
    app = open_app(folder, NO_COLOR="1")
    app.see("live")
    for key in "234567891?":
        app.press(key).settle(0.2)
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
    """Check 3, on every screen at once, each in an app of its own, for three seconds. CPU of all together: three clock ticks of slack."""
    folder = make_project("idle")
    run = run_cli(folder, "run", "start", "fast", "--wait")["run_id"]
    apps = {name: open_app(folder, "tui", name) for name in SCREENS}
    apps["run"] = open_app(folder, "tui", "runs")
    for app in apps.values():
        app.see("live")
    apps["run"].settle(0.3)
    apps["run"].press("\r").see("artifacts")
    apps["run"].settle(1.2)
    for app in apps.values():
        app.settle(0.2)
    before = {name: app.cpu() for name, app in apps.items()}
    time.sleep(3)
    written = {name: app.read(0.05) for name, app in apps.items()}
    assert set(written.values()) == {b""}, written
    used = sum(app.cpu() - before[name] for name, app in apps.items())
    assert used <= len(apps) * 3 * 0.003 + 0.03
    run_cli(folder, "run", "tag", run, "--tag", "owner=someone")
    apps["ledger"].see("run.tag")


def test_thousands_of_runs(tmp_path: Path, served_home: Home, open_terminal: OpenTerminal) -> None:
    """Check 4, small: what it costs at 100,000 is measured in benchmarks/app.py."""
    filler = Path(__file__).parents[2] / "benchmarks"
    subprocess.run([sys.executable, "-c", "from big_home_rows import fill; from mlops_store.home import Home; from pathlib import Path; import sys\n"
                    "fill(Home(Path(sys.argv[1])), 5000, 5000)", str(served_home.path)], cwd=filler, check=True, timeout=120)  # fmt: skip
    terminal = open_terminal(tmp_path)
    terminal.type("mlops-tui tui runs").keys("Enter").see("4,500 rows", "● live")
    terminal.see("late-departure-4999 ")
    for width in (60, 200, 81, 120, 80):  # no key is lost in a storm of sizes: 30 rows further down
        terminal.keys(*"jjjj").resize(width, 24).keys(*"jj")
    terminal.line("▸", "late-departure-4966 ")
    terminal.keys("G").line("▸", "late-departure-0 ")
    terminal.keys("/").type("name:nothing-is-called-so").keys("Enter").see(
        "nothing passes the filter", "0 rows"
    )


def test_hostile_names_are_shown_as_they_are(
    shared_home: Home,
    make_project: Make,
    open_terminal: OpenTerminal,
    run_cli: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Check 5: in table, message, title, log and file (help: below); nothing in a name reaches the terminal as an order."""
    folder = make_project("hostile", code=f"import time\nprint({HOSTILE!r})\ntime.sleep(1)\n")
    terminal = open_terminal(folder)
    terminal.type("mlops-tui tui runs").keys("Enter").see("● live", "no runs yet")
    run_cli(folder, "run", "start", "fast", "--name", HOSTILE)
    terminal.see(HOSTILE_SHOWN)
    terminal.line(HOSTILE_SHOWN, "right-to-left", "finished after")
    frame = terminal.line(HOSTILE_SHOWN, "✓ finished")
    assert "\u202e" not in frame and "x1b" in frame
    assert "\x1b[31m\u202e" not in terminal.coloured()
    terminal.keys("Enter").line("Runs ▸ [/red] 🦊")
    terminal.keys("g", "L").see("log", "[/red] 🦊")
    terminal.keys("Escape").see("1 row")
    for ending, shown in (
        (".csv", HOSTILE),
        (".jsonl", json.dumps(HOSTILE, ensure_ascii=False)),
        (".md", HOSTILE_SHOWN),
    ):
        target = tmp_path / f"list{ending}"
        terminal.keys("e").see("Export", "csv")
        terminal.keys("C-u").type(str(target)).keys("F2").see("wrote 1 rows")
        until(target.exists, f"wrote {target.name}")
        written = target.read_text()
        assert shown in written and (ending == ".csv" or "\x1b" not in written)
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


def test_hostile_keys_in_the_help(tmp_path: Path) -> None:
    """Check 5: all of the help is of the registry, but for the user's own keys."""
    text = Text()
    Help([], {"run.stop": HOSTILE})._append(text, ACTIONS["run.stop"], 70)
    assert (
        HOSTILE_SHOWN in text.plain.replace("\n", " ")
        and "\x1b" not in text.plain
        and "\u202e" not in text.plain
    )
    assert not any("red" in str(span.style) for span in text.spans)


def _top(terminal: Terminal) -> str:
    """The line of crumbs with its colours."""
    return terminal.coloured().splitlines()[0]


def test_resizing_and_themes_change_nothing_else(
    shared_home: Home, make_project: Make, open_terminal: OpenTerminal, run_cli: Callable[..., Any]
) -> None:
    """Check 9: the frame after a storm of sizes and themes is the frame from before."""
    folder = make_project("storm")
    for _ in range(2):
        run_cli(folder, "run", "start", "fast", "--wait")
    terminal = open_terminal(folder)
    terminal.type("mlops-tui").keys("Enter").see("● live")
    terminal.keys("2").see("2 rows", "✓ finished", "ago")
    before = terminal.keys("j").see("▸  fast-1", "✓ finished  fast-1", "▆")  # all of its preview
    looks = [_top(terminal)]
    for _ in range(8):
        terminal.resize(60, 15).resize(200, 50)
    terminal.resize(80, 24)
    until(lambda: _top(terminal) == looks[0], "looked as before")
    for theme in ("mlops-light", "ansi-dark", "mlops-dark"):
        terminal.keys(":").see("a command as after")
        terminal.type(f"set theme {theme}").keys("Enter").gone(f"set theme {theme}")
        if theme == "mlops-dark":
            until(lambda: _top(terminal) == looks[0], "looked as at first")
        else:
            until(lambda: "storm" in _top(terminal) and _top(terminal) not in looks, f"looked like {theme}")
            looks.append(_top(terminal))
    assert not list((shared_home.path / "tui").glob("crash-*"))
    terminal.resize(40, 10).see("60x15")
    terminal.resize(80, 24).gone("60x15")

    def timeless(frame: str) -> str:
        return re.sub(r"\d\d:\d\d:\d\d|(\d+[a-z] ?)+ago", "", frame)

    terminal._until(lambda frame: timeless(frame) == timeless(before), f"is again\n{before}\nbut", 30)
    terminal.keys("q").see("\n$")
    terminal.restored()


@pytest.mark.parametrize("how", ["ctrl-c", "SIGTERM", "SIGHUP", "dropped"])
def test_the_terminal_is_given_back(
    shared_home: Home, make_project: Make, open_app: OpenApp, run_cli: Callable[..., Any], how: str
) -> None:
    """Check 10, with the ledger's chain whole afterwards. ^C alone leaves nothing: it says how to leave."""
    folder = make_project(f"ends-{how.lower()}")
    app = open_app(folder)
    app.see("live")
    app.settle(0.2)
    before = len(app.written)
    if how == "ctrl-c":
        app.press("\x03").see("nothing that runs is stopped")
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
    assert not list((shared_home.path / "tui").glob("crash-*"))


def test_a_daemon_that_dies_is_started_again(
    make_project: Make, open_terminal: OpenTerminal, served_home: Home
) -> None:
    """The app says so meanwhile; no key is lost, and nothing crashes."""
    terminal = open_terminal(make_project())
    terminal.type("mlops-tui").keys("Enter").see("● live")
    pid = int(json.loads(served_home.daemon_file.read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    terminal.keys("5").see("▸ Data")
    until(lambda: served_home.daemon_file.exists() and held(served_home) and json.loads(served_home.daemon_file.read_text())["pid"] != pid,
          "a new daemon")  # fmt: skip
    terminal.see("● live", "0 rows")
    terminal.keys("2").see("▸ Runs", "0 rows", "● live")
    assert not list((served_home.path / "tui").glob("crash-*"))
    terminal.keys("q").see("\n$")
    terminal.restored()


def test_leaving_stops_nothing(
    shared_home: Home, make_project: Make, open_terminal: OpenTerminal, run_cli: Callable[..., Any]
) -> None:
    folder = make_project("left", code=SLEEPS)
    terminal = open_terminal(folder)
    terminal.type("mlops-tui").keys("Enter").see("● live")
    run = run_cli(folder, "run", "start", "fast")["run_id"]
    terminal.keys("2").see("● running")
    terminal.keys("q").see("\n$")
    with connect(shared_home) as client:
        assert client.call("run show", {"run_id": run, "project": "left"}).state == "RUNNING"
        client.call("run stop", {"run_id": run, "project": "left"})
    until(lambda: run_cli(folder, "run", "show", run)["state"] == "KILLED", "stopped")
