"""Where everything lies: one folder, the home."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.ids import check_name, check_run_id, new_id, run_month

FORMAT = 1

# statfs magic numbers of file systems on which flock, O_APPEND or DuckDB are not safe
_NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "lustre", "ceph", "glusterfs"}
)
# what a home holds before it has its marker
_OURS = frozenset(
    {"ledger", "runs", "data", "quarantine", "objects", "cache", "index", "aliases", "tmp", "trash", "notify.json",
     "daemon.lock", "daemon.json", "daemon.log"}
)  # fmt: skip


class HomeFile(msgspec.Struct):
    """`home.json`: marks a folder as a home."""

    format: int
    id: str


@dataclass(frozen=True)
class Home:
    """The paths of one home. Nothing is created until `create()`."""

    path: Path

    @staticmethod
    def locate(path: str | os.PathLike[str] | None = None) -> Home:
        """The home named, or `$MLOPS_TUI_HOME`, or the platform's user data folder. Raises Problem for a name that is none."""
        chosen = os.fspath(path) if path else os.environ.get("MLOPS_TUI_HOME")
        if path == "":
            raise Problem(
                "bad_home", "an empty name is no home", "name a folder, or leave --home away", status=2
            )
        if chosen:
            _refuse_bytes(chosen)
            return Home(Path(os.path.abspath(os.path.expanduser(chosen))))
        if sys.platform == "darwin":
            return Home(_user_folder() / "Library" / "Application Support" / "mlops-tui")
        data = os.environ.get("XDG_DATA_HOME")
        return Home(
            (Path(data) if data and os.path.isabs(data) else _user_folder() / ".local" / "share")
            / "mlops-tui"
        )

    # --- paths ---

    @property
    def marker(self) -> Path:
        return self.path / "home.json"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def inbox(self) -> Path:
        return self.path / "runs" / ".inbox"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def quarantine(self) -> Path:
        return self.path / "quarantine"

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def index(self) -> Path:
        return self.path / "index" / "metadata.duckdb"

    @property
    def aliases(self) -> Path:
        return self.path / "aliases"

    @property
    def tmp(self) -> Path:
        return self.path / "tmp"

    @property
    def trash(self) -> Path:
        return self.path / "trash"

    @property
    def lock_file(self) -> Path:
        return self.path / "daemon.lock"

    @property
    def daemon_file(self) -> Path:
        return self.path / "daemon.json"

    @property
    def log_file(self) -> Path:
        return self.path / "daemon.log"

    @property
    def socket(self) -> Path:
        """Derived from the home alone and short: a socket path may have no more than about 100 bytes."""
        name = hashlib.sha256(os.fsencode(os.path.realpath(self.path))).hexdigest()[:16]
        return Path("/tmp") / f"mlops-tui-{os.getuid()}" / name / "daemon.sock"

    def run_dir(self, run_id: str) -> Path:
        return self.runs / run_month(check_run_id(run_id)) / run_id

    def trashed_run(self, run_id: str) -> Path:
        """Where the folder of a deleted run lies until it is restored or collected."""
        return self.trash / "runs" / check_run_id(run_id)

    def alias_file(self, project: str, model: str) -> Path:
        return self.aliases / check_name(project, "project") / f"{check_name(model, 'model')}.json"

    def relative(self, path: Path) -> str:
        """A path inside the home as it is written into records."""
        return path.relative_to(self.path).as_posix()

    def resolve(self, relative: str) -> Path:
        """The path of a record. Raises Problem where it would leave the home."""
        target = Path(os.path.normpath(self.path / relative))
        if os.path.isabs(relative) or not target.is_relative_to(self.path):
            raise Problem(
                "path_escapes",
                f"{relative!r} leads out of the home {self.path}",
                "the record is damaged: run `mlops-tui doctor`",
            )
        return target

    # --- life ---

    def exists(self) -> bool:
        return self.marker.exists()

    def create(self) -> Home:
        """Makes the folders (0700) and the marker; harmless where they are there. Raises Problem."""
        self._refuse_network()
        self._refuse_foreign()
        try:
            for folder in (self.path, self.ledger, self.runs, self.inbox, self.data, self.quarantine, self.objects,
                           self.cache, self.index.parent, self.aliases, self.tmp):  # fmt: skip
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.marker.exists():
                write_json(self.marker, HomeFile(format=FORMAT, id=new_id("home")))
        except OSError as error:
            raise self.not_writable(error) from error
        self._check_owner_and_format()
        return self

    def not_writable(self, error: OSError) -> Problem:
        """For whoever cannot begin anything here."""
        return Problem(
            "home_not_writable",
            f"the home {self.path} cannot be written: {error.strerror or error}",
            "make room, or set MLOPS_TUI_HOME (or --home) to a folder that you own on a local disk",
            status=2,
        )

    def _check_owner_and_format(self) -> None:
        owner = self.path.stat().st_uid
        if owner != os.getuid():
            raise Problem("home_owner", f"the home {self.path} belongs to uid {owner}, you are uid {os.getuid()}",
                          "one Unix user per home: set MLOPS_TUI_HOME to a folder of yours", status=2)  # fmt: skip
        if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            os.chmod(self.path, 0o700)
        try:
            marker = msgspec.json.decode(self.marker.read_bytes(), type=HomeFile)
        except msgspec.DecodeError as error:
            raise Problem(
                "home_damaged",
                f"{self.marker} is not readable: {error}",
                "restore it from a backup",
                status=2,
            ) from error
        if marker.format > FORMAT:
            raise Problem("home_newer", f"the home {self.path} has format {marker.format}, this program knows {FORMAT}",
                          "upgrade mlops-tui", status=3)  # fmt: skip

    def _refuse_foreign(self) -> None:
        """A folder that holds anything else is not made into a home: it would be closed to everybody else."""
        if self.marker.exists() or not self.path.is_dir():
            return
        foreign = [
            name
            for name in sorted(os.listdir(self.path))
            if name not in _OURS and not name.startswith(".home.json.")
        ]
        if foreign and not self.marker.exists():  # nobody else made it one meanwhile
            raise Problem("home_not_empty", f"{self.path} is no home and holds other things, such as {foreign[0]!r}",
                          "set MLOPS_TUI_HOME (or --home) to a new folder", status=2)  # fmt: skip

    def _refuse_network(self) -> None:
        kind = filesystem_type(self.path)
        if kind in _NETWORK_TYPES:
            raise Problem(
                "home_on_network",
                f"the home {self.path} is on a network file system ({kind}), where locks and appends are not safe",
                "set MLOPS_TUI_HOME (or --home) to a folder on a local disk",
                status=2,
            )


def _user_folder() -> Path:
    """The user's own folder. A container may run as a uid that nobody has heard of, without $HOME: Problem."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise Problem("bad_home", f"uid {os.getuid()} has no home folder here, and $HOME is not set",
                      "set MLOPS_TUI_HOME (or --home) to a folder that lasts, such as a mounted volume", status=2) from error  # fmt: skip


def _refuse_bytes(chosen: str) -> None:
    """Records and the protocol are UTF-8, and both name the home."""
    try:
        chosen.encode()
    except UnicodeEncodeError as error:
        raise Problem("bad_home", f"the home {os.fsencode(chosen)!r} is not UTF-8",
                      "set MLOPS_TUI_HOME (or --home) to another folder", status=2) from error  # fmt: skip


def filesystem_type(path: Path) -> str:
    """The type of the file system that holds `path` (or its nearest existing parent); '' where unknown."""
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="replace")
    except OSError:
        return ""
    target = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].encode().decode("unicode_escape", errors="replace")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def scratch(home: Home, prefix: str) -> Path:
    """A new empty folder inside the home, so that a rename out of it stays on one file system."""
    import tempfile  # here: every command imports this module, and few make folders

    home.tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=home.tmp))
