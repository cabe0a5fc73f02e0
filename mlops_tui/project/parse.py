"""What an mlops.toml says: everything that is wrong, at once, each with its line and its fix."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlops_store.errors import did_you_mean
from mlops_tui.project import schema
from mlops_tui.project.checks import cross_check
from mlops_tui.project.lines import key_lines, line_of
from mlops_tui.project.load import MAX_BYTES, ConfigError
from mlops_tui.project.partial import place, rest

_QUOTED = re.compile("'([^']*)'")
_WRITE = {
    "bool": "write true or false", "int": "write a whole number", "float": "write a number", "str": "write a text in quotes",
    "string": "write a text in quotes", "date": "write a date", "datetime": "write a time", "list": "write a list in brackets",
    "dict": "write a table", "model": "write a table", "too": "write something into it",
}  # fmt: skip
"""By the beginning of pydantic's name of an error, and of a type that was tried."""
_TABLES: dict[tuple[str, ...], type[schema.Table]] = {
    (): schema.ProjectConfig,
    ("project",): schema.ProjectTable,
    ("project", "notify"): schema.NotifyConfig,
    ("notify",): schema.NotifyConfig,
    ("source", "*"): schema.SourceConfig,
    ("source", "*", "expect", "*"): schema.Expectation,
    ("model", "*"): schema.ModelConfig,
    ("model", "*", "search"): schema.SearchConfig,
    ("model", "*", "split"): schema.SplitConfig,
    ("model", "*", "gate"): schema.GateConfig,
    ("model", "*", "retrain"): schema.RetrainConfig,
    ("model", "*", "retrain", "on_new_data"): schema.NewDataRule,
    ("model", "*", "retrain", "on_drift"): schema.DriftRule,
    ("model", "*", "retrain", "on_decay"): schema.DecayRule,
}


def parse(raw: bytes, folder: Path) -> schema.ProjectConfig:
    """The project of a file's bytes. Raises ConfigError."""
    if len(raw) > MAX_BYTES:
        raise ConfigError(
            [_finding(1, "", "the file is larger than 1 MB", "a project file is small: is this it?")]
        )
    text, document = _decode(raw)
    lines = key_lines(text)
    try:
        config = schema.ProjectConfig.model_validate(document)
    except ValidationError as error:
        findings = _of_pydantic(error, lines)
        more = [
            _finding(line_of(lines, path), ".".join(path), message, fix)
            for path, message, fix in rest(document, error, folder)
        ]
        raise ConfigError(_sorted([*findings, *more])) from None
    config._directory = folder
    found = [
        _finding(line_of(lines, path), ".".join(path), message, fix)
        for path, message, fix in cross_check(config, folder)
    ]
    if found:
        raise ConfigError(_sorted(found))
    return config


def _decode(raw: bytes) -> tuple[str, dict[str, Any]]:
    try:
        text = raw.decode("utf-8-sig")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError([_finding(line, "", "the file is not UTF-8 text", "save it as UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"at line (\d+), column (\d+)", str(error))
        what = re.sub(r"\s*\(at .*\)$", "", str(error))
        there = text.splitlines()
        line = int(match[1]) if match else len(there)
        said = there[line - 1].strip()[:80] if 0 < line <= len(there) else ""
        where = f" at column {match[2]}" if match else " at the end of the file"
        raise ConfigError(
            [
                _finding(
                    line,
                    "",
                    f"not TOML: {what[:1].lower()}{what[1:]}{where}: {said}",
                    "text needs quotes, tables [brackets]",
                )
            ]
        ) from None


def _of_pydantic(error: ValidationError, lines: dict[tuple[str, ...], int]) -> list[dict[str, Any]]:
    """One finding for each key, whatever types it could have had."""
    details = error.errors(include_url=False)
    tried: dict[tuple[str, ...], list[str]] = {}
    for detail in details:
        path, full = place(detail), tuple(str(part) for part in detail["loc"] if part != "[key]")
        tried.setdefault(path, []).extend(full[len(path) :])
    return [_from_pydantic(detail, tried[place(detail)], lines) for detail in details]


def _from_pydantic(
    detail: ErrorDetails, tried: list[str], lines: dict[tuple[str, ...], int]
) -> dict[str, Any]:
    """`tried` are the types that a value could have had."""
    path = place(detail)
    kind, message, fix = detail["type"], detail["msg"], _WRITE.get(detail["type"].split("_")[0], "")
    if tried:
        wanted = " or ".join(dict.fromkeys(_WRITE[name].removeprefix("write ") for name in tried))
        return _finding(
            line_of(lines, path), ".".join(path), f"{detail['input']!r} has the wrong type", f"write {wanted}"
        )
    if kind == "extra_forbidden":
        message = f"unknown key {path[-1]!r}"
        fix = did_you_mean(path[-1], _allowed(path[:-1]))
    elif kind == "missing":
        message, fix = "is required", f"write {path[-1]} = …"
    elif kind == "value_error":
        message, _, fix = str(detail["ctx"]["error"]).partition("; ")
    elif kind == "literal_error":
        allowed = [word for word in _QUOTED.findall(detail["ctx"]["expected"]) if word]
        message = f"{detail['input']!r} is not one of {', '.join(allowed)}"
        fix = did_you_mean(str(detail["input"]), allowed, otherwise="")
    else:
        message = f"{message[:1].lower()}{message[1:]}, found {detail['input']!r}"[:300]
    return _finding(line_of(lines, path), ".".join(path), message, fix)


def _allowed(path: tuple[str, ...]) -> list[str]:
    for pattern, table in _TABLES.items():
        if len(pattern) == len(path) and all(p in ("*", part) for p, part in zip(pattern, path, strict=True)):
            return [field.alias or name for name, field in table.model_fields.items()]
    return []


def _finding(line: int, key: str, message: str, fix: str) -> dict[str, Any]:
    return {"line": line, "key": key, "message": message, "fix": fix}


def _sorted(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    unique = {(f["line"], f["key"], f["message"]): f for f in findings}
    return [unique[place] for place in sorted(unique)]
