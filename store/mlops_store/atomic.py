"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_CHUNK = 1 << 20
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""What a disk says that takes nothing more: the same again fails too, until somebody has made room."""


class NotRegular(OSError):
    """A pipe, a device, a folder where a file should be."""


def fsync_dir(path: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def private_folder(path: Path) -> None:
    """The folder, and those above it that are missing, 0700 whatever the umask is (`mkdir -p` has a mode for the last one only)."""
    try:
        path.mkdir(mode=0o700)
    except FileNotFoundError:
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        if not path.is_dir():
            raise


def private(path: str, flags: int) -> int:
    """An `opener` for files that are made: 0600 whatever the umask is."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def write_atomic(
    path: Path, data: bytes, mode: int = 0o600, scratch: Path | None = None, *, named: bool = True
) -> None:
    """Writes beside the target, syncs, renames, syncs the folder. A reader sees the old file or the new one.

    `scratch`: a folder of the same file system for what a process that is killed leaves half-written, where the target's is one
    that others list. Without `named` the folder is left to the next file that is written there: a power cut before may cost
    the file, and never leaves a part of it.
    """
    private_folder(path.parent)
    temporary = (scratch or path.parent) / f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    except BaseException:
        os.close(fd)
        temporary.unlink(missing_ok=True)
        raise
    os.close(fd)
    os.replace(temporary, path)
    if named:
        fsync_dir(path.parent)


def reserve(path: Path, room: int) -> None:
    """Takes `room` bytes for what `write_reserved` will write there: a disk that fills up meanwhile shall not cost it. Raises OSError."""
    private_folder(path.parent)
    with open(_reserved(path), "wb", opener=private) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, room)
            return
        file.write(b" " * room)
        file.flush()
        os.fsync(file.fileno())


def write_reserved(path: Path, data: bytes, room: int) -> None:
    """Like `write_atomic`, into the room that was taken (blanks fill it up). Raises OSError."""
    fd = os.open(_reserved(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, data.ljust(room - 1) + b"\n", 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(_reserved(path), path)
    fsync_dir(path.parent)


def _reserved(path: Path) -> Path:
    return path.with_name(f"{path.name}.tmp")


def write_json(
    path: Path, value: Any, mode: int = 0o600, scratch: Path | None = None, *, named: bool = True
) -> None:
    """`value` (structs included) as one JSON document, as `write_atomic` does it."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
    write_atomic(path, text, mode, scratch, named=named)


def read_regular(path: Path, limit: int) -> bytes:
    """At most `limit` bytes (-1: all) of a file that someone else wrote. A pipe or device raises NotRegular, and nothing waits for it."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotRegular(errno.EINVAL, "it is not a regular file", str(path))
    with open(fd, "rb") as file:
        return file.read(limit)


def read_json(path: Path, kind: type[T]) -> T:
    """A JSON document as `kind`. Raises FileNotFoundError, or msgspec.DecodeError with the reason."""
    try:
        return msgspec.json.decode(read_regular(path, -1), type=kind)
    except (RecursionError, UnicodeDecodeError, NotRegular) as error:
        raise msgspec.DecodeError(str(error)) from error


def read_json_if(path: Path, kind: type[T]) -> T | None:
    """Like `read_json`; None where there is no file."""
    try:
        return read_json(path, kind)
    except (FileNotFoundError, NotADirectoryError):
        return None


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: keys sorted, no spaces. What is hashed is this."""
    return msgspec.json.encode(value, order="deterministic")


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def touch(path: Path) -> bool:
    """Marks what is there as used now; False where it is not. A collection looks at this time before it takes a thing, and again after."""
    try:
        os.utime(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return path.exists()  # a read-only disk: nothing is collected there either
    return True


def copy_file(source: Path, target: Path) -> None:
    """A copy of the bytes, a reflink where the file system can; whole or not at all, durable."""
    private_folder(target.parent)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        with open(source, "rb") as reader, open(temporary, "xb", opener=private) as writer:
            if not _reflink(reader.fileno(), writer.fileno()):
                while chunk := reader.read(_CHUNK):
                    writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_dir(target.parent)


def _reflink(source: int, target: int) -> bool:
    """Shares the blocks (Linux FICLONE); False where the file system cannot."""
    try:
        import fcntl

        fcntl.ioctl(target, 0x40049409, source)
    except (ImportError, OSError):
        return False
    return True
