"""Tables that name a test or a finding name one that exists, and every finding of the store is in the table of faults."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLES = {"faults.md": 20, "security.md": 15}
"""Pages whose rows name tests, and how many different ones at least."""


@pytest.mark.parametrize("page", TABLES)
def test_tests_that_a_page_names_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z]+/test_\w+)(?:\.py)?`", text))
    assert len(named) >= TABLES[page]
    assert [name for name in sorted(named) if not (ROOT / "tests" / f"{name}.py").exists()] == []


def test_every_finding_of_the_store_is_in_the_table_of_faults() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    codes = {
        str(call.args[1].value)
        for path in (ROOT / "store").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Finding"
        if isinstance(call.args[1], ast.Constant)
    }
    assert len(codes) > 20
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []
