"""The daemon's log: lines on standard error, which is `daemon.log` unless it runs in the foreground."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

from mlops_store.redact import redact_text

LIMIT = 5 << 20


class _OneLine(logging.Formatter):
    """UTC times; what looks like a secret is masked; control characters of a message are escaped, so that no text from data can forge a line."""

    converter = staticmethod(time.gmtime)

    def formatMessage(self, record: logging.LogRecord) -> str:
        text = super().formatMessage(record)
        return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)

    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))  # tracebacks too


def setup() -> None:
    """Sends all logging to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def rotate(path: Path, foreground: bool) -> None:
    """Keeps one older log of 5 MB; standard output and error follow to the new file."""
    if foreground:
        return
    try:
        if os.fstat(2).st_size < LIMIT:
            return
        os.replace(path, path.with_suffix(".log.1"))
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        logging.getLogger("mlops_tui.daemon").warning("the log cannot be rotated: %s", error)
        return
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
