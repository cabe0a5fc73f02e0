"""The codes of errors: each has one exit code, and the table of docs/scripting.md says what it is and what HTTP makes of it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from mlops_store.errors import Problem
from mlops_tui.daemon.http_status import FAULTS, MOVED_ON, NOT_THERE, http_status

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = ("mlops_tui/services", "mlops_tui/daemon", "mlops_tui/client", "mlops_tui/cli", "store/mlops_store")
"""What commands fail by; a run has its own errors, of which its record tells."""
_ROW = re.compile(r"^\| (\d{3}) \| (\d) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


@cache
def raised() -> dict[str, set[int]]:
    """The exit codes of all codes, as far as they are written out."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for path in (path for folder in ANSWERS for path in (ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (
                isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Problem"
            ):
                continue
            named = {key.arg: key.value for key in call.keywords}
            status = call.args[3] if len(call.args) > 3 else named.get("status", ast.Constant(1))
            code = call.args[0] if call.args else named.get("code")
            for word in [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]:
                if isinstance(word, ast.Constant) and isinstance(status, ast.Constant):
                    found[str(word.value)].add(int(str(status.value)))
    return found


def test_each_code_has_one_exit_code() -> None:
    assert len(raised()) > 100
    assert {code: exits for code, exits in raised().items() if len(exits) > 1} == {}


def test_the_documented_table_holds() -> None:
    rows = _ROW.findall((ROOT / "docs" / "scripting.md").read_text(encoding="utf-8"))
    assert {status for status, _, _ in rows} == {"400", "404", "409", "412", "500", "503"}
    named: set[str] = set()
    for status, exits, codes in rows:
        for code in re.findall(r"`(\w+)`", codes):
            named.add(code)
            if code not in ("no_such_", "_damaged"):
                assert raised().get(code, {int(exits)}) == {int(exits)}, code
                assert http_status(Problem(code, "", status=int(exits))) == int(status), code
    assert named >= NOT_THERE | MOVED_ON | FAULTS


def test_what_is_not_there_is_404_whatever_its_name() -> None:
    for code, (exits, *_) in ((code, tuple(exits)) for code, exits in raised().items()):
        status = http_status(Problem(code, "", status=exits))
        if code.startswith("no_such_"):
            assert (exits, status) == (1, 404), code
        if exits == 1 and code.endswith("_damaged"):
            assert status == 500, code
        assert (status in (400, 404)) == (exits == 2 or code in NOT_THERE or code.startswith("no_such_")), (
            code
        )
