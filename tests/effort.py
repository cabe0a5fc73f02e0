"""How many examples the costly property tests take: few in the suite, more where MLOPS_TUI_FUZZ says by how much (`MLOPS_TUI_FUZZ=10 pytest tests/store`)."""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """`count`, times MLOPS_TUI_FUZZ."""
    return count * int(os.environ.get("MLOPS_TUI_FUZZ", "1"))
