"""Fault tests stand on the boxes of their neighbours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for neighbour in ("runs", "store", "data", "registry", "daemon"):
    sys.path.append(str(Path(__file__).parents[1] / neighbour))

from run_box import Shims  # noqa: E402

from mlops_store.home import Home  # noqa: E402


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


@pytest.fixture
def shims(home: Home) -> Iterator[Shims]:
    made = Shims(home)
    yield made
    made.clean()
