"""`command = "python train.py --lr {lr}"`: words first, values after, so that no value is ever more than one word."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_tui.project.parameters import OF_RUN, PLACE


def argv_of(command: str, params: Mapping[str, Any]) -> list[str]:
    """The words of a command with parameters filled in; no shell sees them. `{run_dir}` and `{attempt}` are left to the shim.

    Raises Problem `bad_command` (quotes that do not close, nothing to run), `param_missing`.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise Problem(
            "bad_command",
            f"the command cannot be split into words: {error}",
            "check its quotes in mlops.toml",
            status=2,
        ) from error
    if not words:
        raise Problem("bad_command", "the command is empty", 'write command = "python train.py"', status=2)
    missing = sorted({name for word in words for name in PLACE.findall(word)} - set(params) - OF_RUN)
    if missing:
        raise Problem(
            "param_missing",
            f"the command needs {', '.join('{' + name + '}' for name in missing)}, and nothing gives a value",
            " ".join(f"--set {name}=VALUE" for name in missing) + ", or a default in the model's params",
            status=2,
        )
    return [PLACE.sub(lambda match: _fill(match, params), word) for word in words]


def _fill(match: re.Match[str], params: Mapping[str, Any]) -> str:
    name = match[1]
    return match[0] if name in OF_RUN else as_text(params[name])


def as_text(value: Any) -> str:
    """A value as one word: text as it is, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
