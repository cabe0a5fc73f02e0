"""The fields of a form for the parameters that a model takes, and what their texts mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_store.errors import Problem
from mlops_tui.commandline.values import json_or_text
from mlops_tui.pages.model import present
from mlops_tui.project.sweeps import Range, axis_of
from mlops_tui.tui.dialogs.form import Field, Values
from mlops_tui.tui.formats import short
from mlops_tui.tui.pairs import pairs_text, pairs_wrong, read_pairs, split_pairs, text_of
from mlops_tui.verbs.model import Parameter, Parameters

SET = "set:"
"""What the name of a field for a parameter begins with: a parameter may be called as any other field of the form."""
OTHERS = "others"
"""The field for parameters that have none of their own."""


# --- one value each, for one run ---


def fields_of(found: Parameters, given: Mapping[str, Any]) -> list[Field]:
    """One for each parameter, with its value: of `given` (a run that is done again), else of mlops.toml. The last one takes what has none."""
    fields = [_field(one, given) for one in found.parameters]
    left = {key: value for key, value in given.items() if key not in {one.name for one in found.parameters}}
    if found.others or left:
        fields.append(
            Field(OTHERS, "others", pairs_text(left), hint="name=value …", check=pairs_wrong, help="parameters that have no field of their own")
        )  # fmt: skip
    return fields


def _field(one: Parameter, given: Mapping[str, Any]) -> Field:
    # the search itself takes one; mlops.toml may name more
    several = one.group == "search" and isinstance(one.value, list)
    value = text_of(given.get(one.name, None if several else one.value))
    if one.name == "family":
        listed = ("", *one.takes.choices) if several or one.value is None else one.takes.choices
        return Field(
            SET + one.name, one.name, value, choices=listed, hint=_asis(one), help=_help(one), leads=True
        )
    return Field(
        SET + one.name, one.name, value, hint=_asis(one), help=_help(one), offers=one.takes.choices,
        check=lambda text: _wrong(one, text),
    )  # fmt: skip


def _asis(one: Parameter) -> str:
    """What holds where nothing is typed."""
    now = present(one)
    return f"as in mlops.toml: {now}" if one.value is not None else f"drawn: {now}" if one.drawn else now


def _help(one: Parameter) -> str:
    more = f"; the search draws {present(one)}" if one.drawn and one.value is None else ""
    if one.name == "family":
        return one.help
    words = f"{one.help}: takes {one.takes.words}"
    if one.value is not None:
        words += f"; {present(one)} in mlops.toml"
    return f"{words}{more}"


def _wrong(one: Parameter, text: str) -> str:
    """What is wrong with a value. A list of values is searched over, where the search draws the parameter."""
    if not text:
        return f"{one.name} needs a value" if one.required else ""
    value = json_or_text(text)
    values = value if isinstance(value, list) and one.group == "estimator" else [value]
    if values and all(one.takes.fits(each) for each in values):
        return ""
    return f"{one.name} cannot be {short(text, 40)}: it takes {one.takes.words}"


def parameters_of(found: Parameters, values: Values, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a run is asked for: the values that differ from mlops.toml, and those that it was `given`."""
    asked: dict[str, Any] = {}
    for one in found.parameters:
        text = values.get(SET + one.name, "")
        if not text:
            continue
        value = json_or_text(text)
        if one.name in given or text != text_of(one.value):
            asked[one.name] = given[one.name] if text == text_of(given.get(one.name)) else value
    return asked | read_pairs(values.get(OTHERS, ""))


# --- a space of values, for many runs ---


def space_fields(found: Parameters) -> list[Field]:
    """One for each parameter: a range or a list is searched over, one value holds for all runs, nothing leaves it as it is."""
    fields = [_space_field(one) for one in found.parameters]
    if found.others:
        fields.append(
            Field(
                OTHERS,
                "others",
                hint="name=low..high …",
                check=pairs_wrong,
                help="parameters that have no field of their own",
            )
        )
    return fields


def _space_field(one: Parameter) -> Field:
    offers = tuple(
        dict.fromkeys(
            f"{each.low:g}..{each.high:g}{':log' * each.log}"
            for each in one.drawn
            if each.low is not None and each.high is not None
        )
    )
    every = (",".join(one.takes.choices),) if len(one.takes.choices) > 1 else ()
    offers = (*offers, *every, *one.takes.choices)
    return Field(
        SET + one.name, one.name, offers=offers, hint=_asis(one), leads=one.name == "family",
        help=f"{one.help}: takes {one.takes.words}; low..high, low..high:log or a,b,c is searched",
        check=lambda text: _space_wrong(one, text),
    )  # fmt: skip


def _space_wrong(one: Parameter, text: str) -> str:
    """What is wrong with a range, a list or a value; the ends of a range are judged, and what is between them fits, too."""
    if not text:
        return ""
    try:
        axis = axis_of(one.name, text)
    except Problem as problem:
        return f"{problem.message}: {problem.hint}"
    values = axis.ends if isinstance(axis, Range) else axis
    unfit = next((value for value in values if not one.takes.fits(value)), None)
    return "" if unfit is None else f"{one.name} cannot be {short(unfit, 40)}: it takes {one.takes.words}"


def space_of(found: Parameters, values: Values) -> tuple[dict[str, str], dict[str, Any]]:
    """What is searched over, as texts, and what holds for all runs."""
    texts = {one.name: values.get(SET + one.name, "") for one in found.parameters} | split_pairs(
        values.get(OTHERS, "")
    )
    space = {
        name: text
        for name, text in texts.items()
        if ".." in text or ("," in text and not text.startswith("["))
    }
    fixed = {name: json_or_text(text) for name, text in texts.items() if text and name not in space}
    return space, fixed


def common(found: Sequence[Parameters]) -> Parameters:
    """What several families all take: the parameters of each that the others have too."""
    shared = set.intersection(*({one.name for one in each.parameters} for each in found))
    first = found[0]
    return Parameters(
        project=first.project, model=first.model, families=first.families, others=first.others,
        parameters=[one for one in first.parameters if one.name in shared],
    )  # fmt: skip
