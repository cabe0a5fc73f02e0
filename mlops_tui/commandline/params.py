"""The fields of a verb's input as parameters of a command."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click
import msgspec

from mlops_tui.commandline import values
from mlops_tui.verbs._declare import Input, Verb

T = TypeVar("T")

_KINDS: dict[str, Callable[[str], Any]] = {
    "time": values.moment, "duration": values.duration, "size": values.size, "path": values.path, "pairs": values.pair, "values": values.pair,
}  # fmt: skip
_METAVARS = {
    "time": "TIME",
    "duration": "DURATION",
    "size": "SIZE",
    "path": "PATH",
    "pairs": "K=V",
    "values": "K=V",
}


_LARGEST = 2**63 - 1


class Parameter(msgspec.Struct, frozen=True):
    """A field as the command line sees it. `fill` names what the client puts in by itself. A number is `least` to `most`, a list has at most
    `longest` items."""

    name: str
    base: Any
    description: str
    is_list: bool
    is_map: bool
    required: bool
    default: Any
    argument: bool
    flag: str
    kind: str
    metavar: str
    fill: str
    least: int | float | None
    most: int | float | None
    longest: int | None

    @property
    def option(self) -> str:
        return self.flag or "--" + self.name.replace("_", "-")

    @property
    def shown(self) -> str:
        """What the command line calls it in errors."""
        return (self.metavar or self.name.upper()) if self.argument else self.option

    @property
    def choices(self) -> list[str] | None:
        return [str(choice) for choice in get_args(self.base)] if get_origin(self.base) is Literal else None


class _Text(click.ParamType[Any]):
    """A value that one of our parsers reads."""

    def __init__(self, kind: str) -> None:
        self.name = kind
        self._parse = _KINDS[kind]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Within(click.ParamType[Any]):
    """A number that has bounds, or none but those of what holds it."""

    def __init__(self, parameter: Parameter, inner: click.ParamType[Any]) -> None:
        self.name = inner.name
        self._parameter = parameter
        self._inner = inner

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        least, most = self._parameter.least, self._parameter.most
        try:
            found = self._inner.convert(value, param, ctx)
        except click.BadParameter:
            if self._parameter.kind:
                raise
        else:
            if (
                (least is None or found >= least)
                and (most is None or found <= most)
                and abs(found) <= _LARGEST
            ):
                return found
        raise click.UsageError(f"{self._parameter.shown} is {self._allowed()}, not {value}", ctx)

    def _allowed(self) -> str:
        least, most = (
            None if bound is None else values.spelled(bound) if self._parameter.kind == "duration" else bound
            for bound in (self._parameter.least, self._parameter.most)
        )
        if least is not None:
            return f"{least} or more" if most is None else f"{least} to {most}"
        if most is not None:
            return f"{most} or less"
        return f"{'a whole number' if self._parameter.base is int else 'a number'} of at most 18 digits"


def parameters(kind: type[Input]) -> list[Parameter]:
    """The fields of an input, positional arguments first."""
    found = [_parameter(field) for field in msgspec.structs.fields(kind)]
    return sorted(found, key=lambda parameter: not parameter.argument)


def _parameter(field: msgspec.structs.FieldInfo) -> Parameter:
    base, metas = _unwrap(field.type)
    extra: dict[str, Any] = {key: value for meta in metas for key, value in (meta.extra or {}).items()}
    required = field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
    default = None if field.default is msgspec.NODEFAULT else field.default
    origin = get_origin(base)
    return Parameter(
        name=field.name,
        base=get_args(base)[0] if origin is list else base,
        description=_first(meta.description for meta in metas) or "",
        is_list=origin is list,
        is_map=origin is dict,
        required=required,
        default=default,
        argument=bool(extra.get("arg")),
        flag=str(extra.get("option", "")),
        kind=str(extra.get("kind", "")),
        metavar=str(extra.get("metavar", "")),
        fill=str(extra.get("fill", "")),
        least=_first(meta.ge for meta in metas),
        most=_first(meta.le for meta in metas),
        longest=_first(meta.max_length for meta in metas),
    )


def _first(found: Iterable[T | None]) -> T | None:
    return next((value for value in found if value is not None), None)


def _unwrap(annotation: Any) -> tuple[Any, list[msgspec.Meta]]:
    """The bare type below Annotated and `| None`, and what the declaration says beside it."""
    found: list[msgspec.Meta] = []
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *metas = get_args(annotation)
            found += [meta for meta in metas if isinstance(meta, msgspec.Meta)]
        elif origin in (Union, types.UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation, found


def click_parameter(parameter: Parameter) -> click.Parameter:
    """The click parameter for a field that people type."""
    kind = _type(parameter)
    if parameter.argument:
        return click.Argument(
            [parameter.name], type=kind, required=parameter.required,
            nargs=-1 if parameter.is_list or parameter.is_map else 1,
            metavar=_argument_metavar(parameter),
        )  # fmt: skip
    if parameter.base is bool:
        return click.Option(
            [parameter.option, parameter.name], is_flag=True, default=False, help=parameter.description
        )
    return click.Option(
        [parameter.option, parameter.name], type=kind, required=parameter.required, help=_help(parameter),
        multiple=parameter.is_list or parameter.is_map, metavar=parameter.metavar or _METAVARS.get(parameter.kind),
    )  # fmt: skip


def _type(parameter: Parameter) -> click.ParamType[Any]:
    if parameter.choices is not None:
        return click.Choice(parameter.choices, case_sensitive=False)
    if parameter.kind:
        inner: click.ParamType[Any] = _Text(parameter.kind)
    else:
        inner = (
            click.INT if parameter.base is int else click.FLOAT if parameter.base is float else click.STRING
        )
    return _Within(parameter, inner) if parameter.base in (int, float) else inner


def _argument_metavar(parameter: Parameter) -> str:
    name = parameter.metavar or parameter.name.upper()
    if parameter.is_list or parameter.is_map:
        return f"{name}..." if parameter.required else f"[{name}...]"
    return name if parameter.required else f"[{name}]"


def _help(parameter: Parameter) -> str:
    default = parameter.default
    if (
        default in (None, "", False)
        or parameter.kind in ("duration", "size")
        or parameter.is_list
        or parameter.is_map
    ):
        return parameter.description
    return f"{parameter.description} (default {default})"


def usage_line(verb: Verb) -> str:
    """The command with all that it cannot do without: `mlops-tui init [DIR] --target COLUMN`."""
    found = (_usage(parameter) for parameter in parameters(verb.input) if not parameter.fill)
    return " ".join(filter(None, ["mlops-tui", verb.key, *found]))


def _usage(parameter: Parameter) -> str:
    name = parameter.metavar or parameter.name.upper()
    if not parameter.argument:
        return f"{parameter.option} {name}" if parameter.required else ""
    name += "..." if parameter.is_list else ""
    return name if parameter.required else f"[{name}]"


def manners(verb: Verb) -> list[click.Parameter]:
    """The options of a command that are no fields of its verb's input: how it is carried out."""
    extra: list[click.Parameter] = []
    if verb.plans:
        extra.append(
            click.Option(["--dry-run", "cli_dry_run"], is_flag=True, help="only say what would be done")
        )
    if verb.waits == "option":
        extra.append(click.Option(["--wait", "cli_wait"], is_flag=True, help="wait for the run to end"))
    if verb.waits == "always":
        extra.append(
            click.Option(["--no-wait", "cli_no_wait"], is_flag=True, help="do not wait for the run to end")
        )
    if verb.key == "run logs":
        extra.append(
            click.Option(["--follow", "-f", "cli_follow"], is_flag=True, help="go on until the run ends")
        )
    return extra


def collect(found: list[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, as the fields of the input; what was not typed is left to the declaration's default."""
    fields: dict[str, Any] = {}
    for parameter in found:
        value = given.get(parameter.name)
        if value is None and parameter.kind == "path" and isinstance(parameter.default, str):
            value = values.path(
                parameter.default
            )  # a relative default is of this folder, not of the daemon's
        if parameter.fill or value is None or value == ():
            continue
        if parameter.is_map:
            fields[parameter.name] = {
                key: values.json_or_text(text) if parameter.kind == "pairs" else text for key, text in value
            }
        elif parameter.is_list:
            if parameter.longest is not None and len(value) > parameter.longest:
                raise click.UsageError(
                    f"at most {parameter.longest} of {parameter.shown} at once, not {len(value)}"
                )
            fields[parameter.name] = list(value)
        else:
            fields[parameter.name] = value
    return fields
