"""The sample projects that come with the product."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlops_store.errors import Problem

FIRST_MONTHS = ("2013-01", "2013-02", "2013-03", "2013-04")
"""What the flights sample begins with; the months after them arrive one by one."""


def sample(name: str) -> Path:
    """A sample project, beside the package in a checkout or inside it in a wheel. Raises Problem."""
    package = Path(__file__).resolve().parent
    for folder in (package / "_samples" / name, package.parent / "sample_projects" / name):
        if (folder / "mlops.toml").is_file():
            return folder
    raise Problem(
        "sample_missing", f"the sample project {name!r} is not in this installation", "reinstall mlops-tui"
    )


def prepare(folder: Path, months: tuple[str, ...]) -> None:
    """Copies the flights sample with these months only; what is not monthly is copied whole."""
    source = sample("flight_delays")
    shutil.copytree(
        source, folder / "flight_delays", ignore=shutil.ignore_patterns("data", "__pycache__", "make_data.py")
    )
    for part in sorted((source / "data").rglob("*.parquet")):
        if part.stem.startswith("2013-") and part.stem not in months:
            continue
        target = folder / "flight_delays" / part.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(part, target)
