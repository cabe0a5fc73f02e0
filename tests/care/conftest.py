"""Fixtures of the tests of care."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from care_box import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "home")
    yield made
    made.close()
