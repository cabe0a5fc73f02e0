"""A terminal that goes away: Textual's writing thread ends at the first error, and who writes to it then would wait for ever."""

from __future__ import annotations

from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread


class Output(WriterThread):
    """Writes until the terminal is gone; then takes what comes and forgets it, until it is stopped."""

    def run(self) -> None:
        try:
            super().run()
        except OSError:
            while self._queue.get() is not None:
                pass


def outlive_terminals() -> None:
    """From now on Textual's driver writes through `Output`."""
    linux_driver.WriterThread = Output  # type: ignore[attr-defined]
