"""Where a bundle is written to: a folder, or a tar file."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from mlops_store.atomic import fsync_dir, read_json_if, write_json
from mlops_store.bundle import BUNDLE_FILE, Bundle, BundleFile, read_bundle
from mlops_store.errors import Problem

_CHUNK = 1 << 20


class Sink(Protocol):
    """`put` a file, or learn that it is `known` already; `finish` with the list of files, or `abandon`."""

    def known(self, name: str, path: Path) -> BundleFile | None: ...
    def put(self, name: str, file: BinaryIO, size: int, changed: int) -> BundleFile: ...
    def forget(self, name: str) -> None: ...
    def finish(self, bundle: Bundle) -> None: ...
    def abandon(self) -> None: ...


class Folder:
    """A folder, new or an earlier bundle of the same home: what has not changed since is left as it is."""

    def __init__(self, path: Path, home: str) -> None:
        self._path = path
        self._before: dict[str, BundleFile] = {}
        if path.is_dir() and any(path.iterdir()):
            if (
                read_json_if(path / BUNDLE_FILE, dict[str, object]) is None
                and not (path / ".bundle").exists()
            ):
                raise Problem("bad_target", f"{path} holds other things", "name a new folder, or an earlier backup of this home", status=2)  # fmt: skip
            if (path / BUNDLE_FILE).exists():
                before = read_bundle(path / BUNDLE_FILE)
                if before.home != home:
                    raise Problem("bad_target", f"{path} is a bundle of the home {before.home}", "name another folder", status=2)  # fmt: skip
                self._before = before.files
        path.mkdir(exist_ok=True, mode=0o700)
        (path / ".bundle").write_text("unfinished where bundle.json is missing\n")

    def known(self, name: str, path: Path) -> BundleFile | None:
        before = self._before.get(name)
        if before is None:
            return None
        status = path.stat()
        there = self._path / name
        same = (status.st_size, status.st_mtime_ns) == (before.size, before.changed) or name.startswith(
            "objects/"
        )
        return before if same and there.is_file() and there.stat().st_size == before.size else None

    def put(self, name: str, file: BinaryIO, size: int, changed: int) -> BundleFile:
        target = self._path / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = target.with_name(f".{os.getpid()}.{os.urandom(4).hex()}.tmp")
        digest, count = hashlib.sha256(), 0
        try:
            with open(temporary, "xb") as writer:
                while count < size and (chunk := file.read(min(_CHUNK, size - count))):
                    digest.update(chunk)
                    writer.write(chunk)
                    count += len(chunk)
                writer.flush()
                os.fsync(writer.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return BundleFile(count, digest.hexdigest(), changed if count == size else 0)

    def forget(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)

    def finish(self, bundle: Bundle) -> None:
        """The list of files last; then what the earlier bundle had and this one has not goes."""
        write_json(self._path / BUNDLE_FILE, bundle)
        for name in self._before.keys() - bundle.files.keys():
            (self._path / name).unlink(missing_ok=True)

    def abandon(self) -> None:
        """What is there stays: the next attempt goes on from it."""


class Tar:
    """One tar file, uncompressed; there under its name when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._file = open(self._temporary, "xb")  # noqa: SIM115 - closed by finish or abandon
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)

    def known(self, name: str, path: Path) -> BundleFile | None:
        return None

    def put(self, name: str, file: BinaryIO, size: int, changed: int) -> BundleFile:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, changed // 1_000_000_000
        reader = _Hashing(file, size)
        self._tar.addfile(info, reader)
        return BundleFile(size, reader.digest.hexdigest(), changed)

    def forget(self, name: str) -> None:
        """It stays in the file, without being listed: whoever reads the bundle leaves it out."""

    def finish(self, bundle: Bundle) -> None:
        data = msgspec.json.encode(bundle)
        self.put(BUNDLE_FILE, io.BytesIO(data), len(data), 0)
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self._path)
        fsync_dir(self._path.parent)

    def abandon(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class _Hashing(io.RawIOBase):
    """Gives just `size` bytes and hashes what it gives; a file that got shorter meanwhile is filled up with zeros, as the header is written."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        data += b"\0" * (wanted - len(data))
        self._left -= len(data)
        self.digest.update(data)
        return data
