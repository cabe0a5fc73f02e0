"""The app's line to its terminal: keys come in one by one, frames go out whole, and a terminal that is gone holds nobody up."""

from __future__ import annotations

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread
from textual.message import Message


class Output(WriterThread):
    """Writes until the terminal is gone; then takes what comes and forgets it, until it is stopped. (Textual's ends at the first error, and who
    writes to it then would wait for ever.)"""

    def run(self) -> None:
        try:
            super().run()
        except OSError:
            while self._queue.get() is not None:
                pass


class Terminal(linux_driver.LinuxDriver):
    """Textual's driver, with less between a key and the app, and between a frame and the terminal."""

    _frame = ""
    _running = False
    """Whether the terminal is ours: it has been started, and neither left nor lent to the shell."""
    _lent = False

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._running = True

    def stop_application_mode(self) -> None:
        self._running = False
        super().stop_application_mode()

    def suspend_application_mode(self) -> None:
        super().suspend_application_mode()
        self._lent = True

    def resume_application_mode(self) -> None:
        """Also on SIGCONT, which a line that is dropped sends, too, and which may come at any moment. (Textual's would start a second thread that
        reads, which takes every other key, or nobody ends.)"""
        if self._lent:
            super().resume_application_mode()
            self._lent = False
            self._loop.call_soon_threadsafe(lambda: self._app.refresh(layout=True))
        elif self._running:
            self._loop.call_soon_threadsafe(self._take_again)

    def _take_again(self) -> None:
        """After a stop that nobody announced (SIGSTOP): the shell may have changed the terminal."""
        if self._running:
            self.stop_application_mode()
            self.start_application_mode()
            self._app.refresh(layout=True)

    def send_message(self, message: Message) -> None:
        """From the thread that reads. Textual makes a task for each message, and a future that nobody waits for."""
        self._loop.call_soon_threadsafe(self._app.post_message, message)

    def write(self, data: str) -> None:
        """A frame is one piece, from its begin to its end: each piece wakes the thread that writes."""
        self._frame += data
        if data == SYNC_END or not self._frame.startswith(SYNC_START):
            whole, self._frame = self._frame, ""
            super().write(whole)


def outlive_terminals() -> None:
    """From now on Textual's driver writes through `Output`."""
    linux_driver.WriterThread = Output  # type: ignore[attr-defined]
