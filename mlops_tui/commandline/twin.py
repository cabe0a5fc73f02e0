"""The command line that says the same as a question of the app."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from mlops_tui.commandline.params import Parameter, parameters
from mlops_tui.verbs import find


def command(key: str, fields: Mapping[str, Any] | None = None, *, project: str | None = None) -> str:
    """`mlops-tui model promote late-departure@2 --expected-from 1`; what is at its default is left out.

    `fields` are those of the verb's input, times and durations in milliseconds as there.
    """
    words = ["mlops-tui", *key.split()]
    if project is not None:
        words += ["--project", project]
    given = dict(fields or {})
    found = [parameter for parameter in parameters(find(key).input) if not parameter.fill]
    arguments = [word for parameter in found if parameter.argument for word in _argument(parameter, given)]
    options = [word for parameter in found if not parameter.argument for word in _option(parameter, given)]
    if any(word.startswith("-") for word in arguments):  # they are no options
        return shlex.join([*words, *options, "--", *arguments])
    return shlex.join([*words, *arguments, *options])


def _argument(parameter: Parameter, given: Mapping[str, Any]) -> list[str]:
    value = given.get(parameter.name, parameter.default)
    if value is None or value == parameter.default:
        return []
    if parameter.is_map:
        return [f"{key}={_text(each, parameter)}" for key, each in value.items()]
    return [str(each) for each in value] if parameter.is_list else [str(value)]


def _option(parameter: Parameter, given: Mapping[str, Any]) -> list[str]:
    value = given.get(parameter.name)
    if value is None or value == parameter.default or value in ([], {}):
        return []
    if value is True:
        return [parameter.option]
    if parameter.is_map:
        texts = [f"{key}={_text(each, parameter)}" for key, each in value.items()]
    elif parameter.is_list:
        texts = [_text(each, parameter) for each in value]
    else:
        texts = [_text(value, parameter)]
    return [word for text in texts for word in _pair(parameter.option, text)]


def _pair(option: str, text: str) -> list[str]:
    """A value that looks like an option is joined to its own."""
    return [f"{option}={text}"] if text.startswith("-") else [option, text]


def _text(value: Any, parameter: Parameter) -> str:
    if parameter.kind == "duration":
        return f"{value}ms" if value % 1000 else f"{value // 1000}s"
    if parameter.kind == "time":
        return _moment(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _moment(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
