"""What is left of an app that has failed: a report in a file of the home, without the values of variables, which may be secret."""

from __future__ import annotations

import os
import platform
import time
import traceback
from pathlib import Path

import textual

import mlops_tui
from mlops_store.atomic import write_atomic
from mlops_store.home import Home
from mlops_store.redact import redact_text


def report(home: Home, error: BaseException | None, screen: str) -> Path | None:
    """Writes it; None where the disk does not take it."""
    text = "".join(traceback.format_exception(error)) if error is not None else "no exception is known\n"
    head = f"mlops-tui {mlops_tui.__version__}, textual {textual.__version__}, Python {platform.python_version()}, screen {screen}\n\n"
    path = home.path / "tui" / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomic(path, redact_text(head + text).encode(errors="replace"))
    except OSError:
        return None
    return path


def words(error: BaseException | None, path: Path | None) -> str:
    """What the terminal is told."""
    what = (
        "".join(traceback.format_exception_only(error)).strip() if error is not None else "an unknown error"
    )
    where = f"the report is in {path}" if path is not None else "no report could be written"
    return f"The app has failed; what runs goes on. This is an error in mlops-tui: {what[:300]}\n{where}"
