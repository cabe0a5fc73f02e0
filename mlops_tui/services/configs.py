"""mlops.toml of a project as the services see it: the newest one that was right."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_store.errors import Problem
from mlops_tui.project.load import FILE, load

if TYPE_CHECKING:
    from mlops_tui.project.schema import ProjectConfig

WAITING = "new files, looks at them and cards wait until mlops.toml is right, and go on by themselves then"
"""What a mlops.toml that is wrong holds up."""


@dataclass(frozen=True)
class Seen:
    """What was last read of a project's folder. `config` is the last good one, `problem` what is wrong now."""

    stamp: tuple[int, int, int]
    config: ProjectConfig | None
    problem: Problem | None


_seen: dict[str, Seen] = {}
"""By folder. Reading twice at once does no harm: both read the same file."""


def look(directory: str) -> Seen:
    """The project in a folder, read again only when mlops.toml has changed. Never raises for what the file says."""
    path = Path(directory) / FILE
    try:
        at = os.stat(path)
        stamp = (at.st_mtime_ns, at.st_size, at.st_ino)
    except OSError:
        stamp = (0, 0, 0)
    known = _seen.get(directory)
    if known is not None and known.stamp == stamp:
        return known
    last_good = known.config if known else None
    try:
        fresh = Seen(stamp, load(directory), None)
    except Problem as problem:
        fresh = Seen(stamp, last_good, problem)
    _seen[directory] = fresh
    return fresh


def config_of(directory: str) -> ProjectConfig | None:
    """The last good configuration of a folder; None where there was none since the program started."""
    return look(directory).config
