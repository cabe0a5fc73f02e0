"""Identifiers that sort by time, and the clock they come from."""

from __future__ import annotations

import os
import re
import time

from mlops_store.errors import Problem

NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,62}$")
RUN_ID = re.compile(r"^[0-9a-f]{32}$")


def now_ms() -> int:
    """The wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def new_run_id(now: int | None = None) -> str:
    """32 hexadecimal characters: 48 bits of milliseconds, then 80 random bits."""
    stamp = now_ms() if now is None else now
    return f"{stamp:012x}{os.urandom(10).hex()}"


def run_time(run_id: str) -> int:
    """The milliseconds inside a run id."""
    return int(run_id[:12], 16)


def run_month(run_id: str) -> str:
    """`yyyy-mm` (UTC) of a run id: the folder that a run lies in."""
    return time.strftime("%Y-%m", time.gmtime(run_time(run_id) / 1000))


def new_id(prefix: str) -> str:
    """A short time-sortable id such as `prop-0199f3c2a1b4-7d2e91`."""
    return f"{prefix}-{now_ms():012x}-{os.urandom(3).hex()}"


def check_run_id(text: str) -> str:
    """`text` where it is a run id, else a Problem: run ids become paths."""
    if not RUN_ID.match(text):
        raise Problem(
            "bad_run_id", f"{text!r} is not a run id", "a run id is 32 hexadecimal characters", status=2
        )
    return text


def check_name(text: str, what: str) -> str:
    """`text` where it is a safe name, else a Problem: names become paths."""
    if not NAME.match(text) or ".." in text:
        raise Problem(
            "bad_name",
            f"{text!r} cannot be the name of {'an' if what[:1] in 'aeiou' else 'a'} {what}",
            "use 1 to 63 of a-z 0-9 _ . - and start with a letter or digit",
            status=2,
        )
    return text
