"""Errors and narration: the only writer to standard error, and the owner of the exit codes."""

from __future__ import annotations

import os
import sys

from mlops_store.errors import Problem

OK, FAILED, USAGE, RETRY, GATE, INTERRUPTED = 0, 1, 2, 3, 4, 130


def say(text: str) -> None:
    """A line for people; standard output is for data."""
    from mlops_tui.text import clean  # here, as all of this module: most commands have nothing to say

    print(clean(text, keep="\n"), file=sys.stderr, flush=True)


def report(problem: Problem, *, as_json: bool, below: str = "") -> int:
    """Prints a problem, for people with lines that show its place; returns the exit code."""
    if as_json:
        import msgspec

        error = {"code": problem.code, "message": problem.message, "hint": problem.hint}
        print(msgspec.json.encode({"error": error}).decode(), file=sys.stderr, flush=True)
        return problem.status
    say(f"error: {problem.message}")
    if below:
        say(below)
    if problem.hint:
        say(f"hint: {problem.hint}")
    return problem.status


def report_fault(error: BaseException, *, as_json: bool) -> int:
    """Prints a fault of this program: one line, and all of it with MLOPS_TUI_DEBUG=1."""
    if os.environ.get("MLOPS_TUI_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return report(
        Problem("internal", f"this is an error in mlops-tui: {what}", "MLOPS_TUI_DEBUG=1 shows where"),
        as_json=as_json,
    )
