"""The socket: bound by us alone, at 0600, while the lock is held."""

from __future__ import annotations

import contextlib
import os
import socket

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.address import check_folders

BACKLOG = 256


def answers(home: Home) -> bool:
    """Whether something accepts connections at the home's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(home.socket))
        except OSError:
            return False
    return True


class BoundSocket:
    """The listening socket and its name. Only for whoever holds the daemon's lock."""

    def __init__(self, home: Home) -> None:
        self._path = home.socket
        check_folders(home, create=True)
        self._path.unlink(missing_ok=True)  # left by a daemon that was killed: the lock says that it is gone
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # the folder lets no one else in meanwhile; a umask would hold for all threads
            self.socket.bind(str(self._path))
            os.chmod(self._path, 0o600)
        except OSError as error:
            self.socket.close()
            raise Problem(
                "socket_bind",
                f"{self._path} cannot be bound: {error.strerror or error}",
                "check /tmp",
                status=2,
            ) from error
        self._inode = os.lstat(self._path).st_ino
        self.socket.listen(BACKLOG)
        self.socket.setblocking(False)

    def unlink(self) -> None:
        """Takes the name away, so that no one new comes in; a socket of another daemon is left alone."""
        try:
            if os.lstat(self._path).st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            return

    def leave(self) -> None:
        """The last act before the lock is given up: takes the name away, and the folder that held nothing else."""
        self.unlink()
        with contextlib.suppress(OSError):  # something else lies in it, or it is gone: both are fine
            self._path.parent.rmdir()
