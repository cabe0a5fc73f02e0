"""A terminal that is gone takes the app with it, and keeps nobody waiting."""

from __future__ import annotations

import errno
import io
import threading

from textual.drivers._writer_thread import MAX_QUEUED_WRITES

from mlops_tui.tui.terminal import Output


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "the terminal is gone")


def test_what_is_written_to_a_terminal_that_is_gone_is_forgotten() -> None:
    output = Output(Gone())
    output.start()

    def writes() -> None:
        for _ in range(3 * MAX_QUEUED_WRITES):
            output.write("frame")
        output.stop()

    writer = threading.Thread(target=writes, daemon=True)
    writer.start()
    writer.join(20)
    assert not writer.is_alive() and not output.is_alive()
