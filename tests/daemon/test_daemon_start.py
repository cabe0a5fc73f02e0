"""What a daemon loads before it answers, and what it loads after."""

from __future__ import annotations

import json
import subprocess
import sys

CODE = """
import json, sys
import msgspec
from mlops_tui.daemon import server
from mlops_tui.daemon.dispatch import load_handlers

def records(base):
    return {kind for each in base.__subclasses__() for kind in (each, *records(each))}

def heavy():
    return [name for name in ("pydantic", "watchdog", "polars", "sklearn", "scipy", "textual", "rich") if name in sys.modules]

load_handlers({})
before, known = heavy(), records(msgspec.Struct)
for name in server._LATER:
    __import__(name)
new = [kind.__qualname__ for kind in records(msgspec.Struct) - known if kind.__module__.startswith("mlops_")]
print(json.dumps([before, heavy(), new]))
"""


def test_a_daemon_answers_before_it_has_loaded_what_projects_need() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    before, after, new = json.loads(done.stdout)
    assert before == []
    assert after == ["pydantic", "watchdog"]
    assert new == [], "msgspec must know of each record before there are threads"
