"""Reading ledger payloads: what each verb must carry, and helpers that take a wrong value as absent instead of failing.

`check` runs before an entry is written. The helpers run when it is applied, also years later by another version, and never raise.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from mlops_store.errors import Problem

Data = dict[str, Any]

_INT64 = 1 << 63

# field → type; a trailing ? allows null or absence
REQUIRED: dict[str, dict[str, str]] = {
    "project.add": {"name": "str", "dir": "str"},
    "project.remove": {"name": "str"},
    "data.admit": {
        "project": "str",
        "source": "str",
        "version": "int",
        "snapshot": "str",
        "rows": "int",
        "files": "list",
    },
    "data.quarantine": {"project": "str", "source": "str", "path": "str", "sha256": "str", "reason": "str"},
    "data.redrive": {"project": "str", "source": "str", "sha256": "str"},
    "data.drop": {"project": "str", "source": "str", "sha256": "str"},
    "schema.version": {"project": "str", "source": "str", "version": "int"},
    "run.submit": {"run_id": "str", "kind": "str", "project": "str"},
    "run.stop": {"run_id": "str"},
    "run.resume": {"run_id": "str", "attempt": "int"},
    "run.settle": {"run_id": "str"},
    "run.tag": {"run_id": "str"},
    "run.note": {"run_id": "str", "text": "str"},
    "gate.look": {"project": "str", "model": "str", "evaluation_key": "str", "look": "int"},
    "view.define": {"project": "str", "view": "str", "version": "int", "definition": "str"},
    "model.register": {"project": "str", "model": "str", "version": "int", "run_id": "str"},
    "gate.verdict": {"project": "str", "model": "str", "verdict_id": "str", "verdict": "str"},
    "gate.waive": {
        "project": "str",
        "model": "str",
        "version": "int",
        "verdict_id": "str",
        "check": "str",
        "name": "str",
        "reason": "str",
        "expires": "int",
    },
    "gate.unwaive": {"seq": "int"},
    "alias.move": {"project": "str", "model": "str", "alias": "str", "to": "int?"},
    "proposal.open": {"id": "str", "project": "str", "model": "str"},
    "firing.add": {"firing_id": "str", "project": "str", "model": "str", "rule": "str", "kind": "str"},
    "proposal.update": {"id": "str", "revision": "int"},
    "proposal.decide": {"id": "str", "decision": "str"},
    "proposal.state": {"id": "str", "state": "str"},
    "proposal.reopen": {"id": "str"},
    "policy.set": {"project": "str", "model": "str"},
    "prediction.record": {"run_id": "str", "model": "str", "version": "int"},
    "run.archive": {"run_id": "str"},
    "run.unarchive": {"run_id": "str"},
    "run.delete": {"run_id": "str", "kind": "str", "state": "str"},
    "run.restore": {"run_id": "str"},
    "run.purge": {"run_id": "str"},
    "run.adopt": {"run_id": "str", "kind": "str"},
    "setting.set": {"name": "str"},
}

_TYPES: dict[str, type] = {"str": str, "int": int, "list": list}


def check(verb: str, data: Data) -> None:
    """Raises Problem `bad_entry` where a known verb lacks what applying it needs. Unknown verbs pass: they are only recorded."""
    for field, wanted in REQUIRED.get(verb, {}).items():
        optional = wanted.endswith("?")
        value = data.get(field)
        if optional and value is None:
            continue
        kind = _TYPES[wanted.rstrip("?")]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Problem(
                "bad_entry",
                f"ledger entry {verb}: {field} must be a {wanted.rstrip('?')}, not {value!r}",
                "this is an error in the program: nothing was changed",
            )


def text(data: Data, field: str, default: str = "") -> str:
    """A text field; `default` where it is absent or something else."""
    value = data.get(field)
    return value if isinstance(value, str) else default


def maybe_text(data: Data, field: str) -> str | None:
    value = data.get(field)
    return value if isinstance(value, str) else None


def integer(data: Data, field: str) -> int | None:
    """A 64-bit integer field, or None."""
    value = data.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        return None
    return value


def number(data: Data, field: str) -> float | None:
    """A finite number field, or None."""
    value = data.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def flag(data: Data, field: str) -> bool | None:
    value = data.get(field)
    return value if isinstance(value, bool) else None


def listed(data: Data, field: str) -> list[Any]:
    value = data.get(field)
    return value if isinstance(value, list) else []


def mapping(data: Data, field: str) -> Data:
    value = data.get(field)
    return value if isinstance(value, dict) else {}


def json_text(value: Any) -> str:
    """A value as JSON text, keys sorted, so that equal values are equal text."""
    return msgspec.json.encode(value, order="deterministic").decode()


def json_field(data: Data, field: str) -> str | None:
    """A field as JSON text; None where it is absent or null."""
    value = data.get(field)
    return None if value is None else json_text(value)
