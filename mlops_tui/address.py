"""Where client and daemon meet: a socket in a folder that only this user can enter."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mlops_store.errors import Problem
from mlops_store.home import Home


def check_folders(home: Home, *, create: bool) -> bool:
    """Makes sure that the socket's folders are ours alone (0700). False where they do not exist and `create` is not set.

    Anyone may write to /tmp: a folder that someone else made first could hold a socket that listens in.
    Raises Problem `socket_folder`.
    """
    folder = home.socket.parent
    for path in (folder.parent, folder):
        if create:
            _make(path)
        elif not os.path.lexists(path):
            return False
        _check(path)
    return True


def _make(path: Path) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except OSError as error:
        raise _problem(
            path, f"cannot be made: {error.strerror or error}", "check that /tmp is writable"
        ) from error


def _check(path: Path) -> None:
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise _problem(path, "is not a folder", f"remove it: `rm {path}`")
    if found.st_uid != os.getuid():
        raise _problem(
            path,
            f"belongs to uid {found.st_uid}, not to you",
            "ask its owner or an administrator to remove it",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        # ours, but others could enter: a umask or a copy did that, and it is ours to close
        os.chmod(path, 0o700)


def _problem(path: Path, what: str, hint: str) -> Problem:
    return Problem("socket_folder", f"{path}, where the daemon listens, {what}", hint, status=2)
