"""The copy of a project's code that a run works from: taken at submit, so that editing goes on meanwhile."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mlops_store.atomic import fsync_dir
from mlops_store.errors import Problem
from mlops_tui.project.code_files import code_files

MAX_BYTES = 20 << 20
MAX_FILES = 2000


def copy_code(project_dir: Path, target: Path) -> int:
    """Copies the code below `project_dir` to `target`; returns the number of files. A finished copy is left as it is.

    Raises Problem `project_dir_missing`, `code_too_large` (over 2000 files or 20 MB), `code_unreadable`.
    """
    if target.is_dir():
        return 0
    if not project_dir.is_dir():
        raise Problem(
            "project_dir_missing",
            f"the project's folder {project_dir} is gone",
            "move it back, or `mlops-tui project add` it where it is now",
        )
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    temporary.mkdir(parents=True, mode=0o700)
    try:
        count = _copy(project_dir, temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise Problem(
            "code_unreadable",
            f"the code in {project_dir} cannot be copied: {error}",
            "check its permissions and free space",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    fsync_dir(target.parent)
    return count


def _copy(source: Path, target: Path) -> int:
    count = size = 0
    for path, relative in code_files(source):
        try:
            data = path.read_bytes()
        except PermissionError:
            continue  # not readable for us is not importable for the run
        count, size = count + 1, size + len(data)
        if count > MAX_FILES or size > MAX_BYTES:
            raise Problem(
                "code_too_large",
                f"{source} holds more than {MAX_FILES} code files or {MAX_BYTES >> 20} MB of code",
                "give the project a folder of its own, with data below data/",
                status=2,
            )
        place = target / relative
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(place, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.access(path, os.X_OK):
            place.chmod(0o700)
    return count
