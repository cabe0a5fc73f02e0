"""Fixtures of the run tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from run_box import Box, Shims

from mlops_store.home import Home
from mlops_store.run_folder import RunFolder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


@pytest.fixture
def shims(home: Home) -> Iterator[Shims]:
    made = Shims(home)
    yield made
    made.clean()


@pytest.fixture
def box(home: Home, shims: Shims) -> Iterator[Box]:
    made = Box(home, limit=2)
    yield made
    made.close()
    shims.folders += [RunFolder(path) for path in home.runs.glob("*/*") if path.is_dir()]
