"""Frames of the terminal as golden text: what differs from day to day and from run to run is made equal first.

`UPDATE_GOLDEN=1` writes them anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"

_VARIES = (
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "#"),  # ids and digests
    (re.compile(r"\b[0-9a-f]{9,}…"), "#…"),
    (re.compile(r"/story-\w{8}/"), "/story/"),
    (re.compile(r"\bprop-#?-?[0-9a-f-]+"), "prop-#"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?"), "DATE"),
    (re.compile(r"\d\d:\d\d:\d\d|\d\d-\d\d \d\d:\d\d"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)?(ms|s|m|h|d)\b"), "0s"),
    (re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]\d+)?(…)?"), "0"),
    (re.compile(r"[▁▂▃▄▅▆▇█▔]"), " "),  # the ends of scroll bars
)


def normal(frame: str) -> str:
    """A frame without times, ids and numbers, and with single spaces: what must be the same every time."""
    for what, sign in _VARIES:
        frame = what.sub(sign, frame)
    return "\n".join(re.sub(r" +", " ", line).strip() for line in frame.splitlines()).rstrip() + "\n"


def same_as_golden(name: str, frame: str) -> str:
    """Compares with `golden/<name>.txt`, which keeps the frame as it was seen; gives what differs, "" where nothing does."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(line.rstrip() for line in frame.splitlines()) + "\n", encoding="utf-8")
        return ""
    if normal(path.read_text(encoding="utf-8")) == normal(frame):
        return ""
    return f"{path.name} differs (UPDATE_GOLDEN=1 writes it anew):\n{frame}\n"
