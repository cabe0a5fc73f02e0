"""The command `mlops-tui`, as a process: what was typed, the exit code, and no traceback."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_store.errors import Problem
from mlops_tui.cli import diagnostics

if TYPE_CHECKING:
    import click

    from mlops_tui.cli.session import Session

_GARBAGE = 20_000
"""Objects after which Python looks for garbage; by its own 700 it looks a hundred times through modules that all stay."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code (see diagnostics). Without arguments it is this process's own command, the only one."""
    if arguments is not None:
        return _run(list(arguments))
    gc.set_threshold(_GARBAGE)
    try:
        return _run(sys.argv[1:])
    finally:
        gc.freeze()  # the process ends: Python need not look for garbage in all that it holds


def _run(words: list[str]) -> int:
    import click  # after the word about garbage

    from mlops_tui.cli.session import Session
    from mlops_tui.cli.tree import root

    _open_streams()
    session = Session()
    as_json = "--json" in words  # an error in the command line itself comes before its options are read
    try:
        code = root().main(words or _default(), prog_name="mlops-tui", standalone_mode=False, obj=session)
        sys.stdout.flush()
        return int(code or 0)
    except Problem as problem:
        return diagnostics.report(problem, as_json=as_json, below=_place(session, problem))
    except click.exceptions.NoArgsIsHelpError as error:
        return _no_command(error, as_json=as_json)
    except click.ClickException as error:
        return diagnostics.report(_usage(error), as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        return diagnostics.INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # the reader of our output has gone, which is its right (click makes an exit of it)
        _say_no_more()
        return diagnostics.OK
    except OSError as error:
        if _takes_output():
            return diagnostics.report_fault(error, as_json=as_json)
        _say_no_more()
        return diagnostics.report(_output_refused(error), as_json=as_json)
    except Exception as error:  # noqa: BLE001 - no traceback for people; MLOPS_TUI_DEBUG=1 shows it
        return diagnostics.report_fault(error, as_json=as_json)
    finally:
        session.close()


def _say_no_more() -> None:
    """What is left to print is for nobody: Python would try it again at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _takes_output() -> bool:
    """Whether standard output takes anything: what it did not take may wait in a buffer, or (PYTHONUNBUFFERED) nowhere."""
    try:
        sys.stdout.flush()
        os.write(1, b"\n")
    except OSError:
        return False
    return True


def _output_refused(error: OSError) -> Problem:
    return Problem("output_refused", f"standard output takes nothing more: {error.strerror or error}",
                   "what was asked for may be done: make room where the output goes, then look")  # fmt: skip


def _default() -> list[str]:
    """Without a command: the app where there is a terminal to draw on, else what there is to type."""
    return ["tui"] if sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty() else ["--help"]


def _open_streams() -> None:
    """Started with `>&-`, Python has no stream at all; what is printed is for nobody then."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _no_command(error: click.exceptions.NoArgsIsHelpError, *, as_json: bool) -> int:
    """A noun alone: people get its help, a script an error of one line."""
    path = error.ctx.command_path if error.ctx is not None else "mlops-tui"
    if as_json:
        problem = Problem("usage", f"`{path}` needs a command", f"`{path} --help`", status=2)
        return diagnostics.report(problem, as_json=True)
    diagnostics.say(error.format_message())
    return diagnostics.USAGE


def _place(session: Session, problem: Problem) -> str:
    """Where in a filter a problem is, for people."""
    if problem.code != "bad_filter" or session.asked is None or session.json:
        return ""
    from mlops_tui.cli.caret import pointed

    return pointed(*session.asked)


def _usage(error: click.ClickException) -> Problem:
    import click

    from mlops_tui.commandline.mistakes import usage_problem
    from mlops_tui.verbs import find

    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx is not None else ""
    try:
        return usage_problem(error, find(path.removeprefix("mlops-tui").strip()))
    except KeyError:  # of a noun alone, or of the whole
        return usage_problem(error, None)


if __name__ == "__main__":
    sys.exit(main())
