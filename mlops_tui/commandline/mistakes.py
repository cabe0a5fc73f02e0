"""What is wrong with a command line, in our words: what it was, what there is, and what to type."""

from __future__ import annotations

import click

from mlops_store.errors import Problem, did_you_mean
from mlops_tui.commandline.params import usage_line
from mlops_tui.verbs import Verb

_EXTRA = "Got unexpected extra argument"


def usage_problem(error: click.ClickException, verb: Verb | None) -> Problem:
    """`verb` is the command that was typed, where there is one."""
    help_ = f"`mlops-tui{f' {verb.key}' if verb else ''} --help`"
    usage = f"`{usage_line(verb)}`; {help_} says more" if verb else help_
    if isinstance(error, click.NoSuchOption):
        name = error.option_name
        return _problem(
            f"there is no option {name!r}", did_you_mean(name, error.possibilities or [], otherwise=help_)
        )
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return _problem(f"{_shown(error.param)} is missing", usage)
    if (said := error.format_message()).startswith(_EXTRA):
        return _problem(f"too many words: {said.partition('(')[2].removesuffix(')')}", usage)
    if isinstance(error, click.BadParameter) and error.param is not None:
        kind = error.param.type
        if isinstance(kind, click.Choice):
            given, choices = _given(error.message), [str(choice) for choice in kind.choices]
            return _problem(
                f"{_shown(error.param)} is one of {', '.join(choices)}, not {given}",
                did_you_mean(given, choices, otherwise=help_),
            )
        return _problem(f"{_shown(error.param)}: {error.message}", help_)
    return _problem(said, help_)


def _problem(message: str, hint: str) -> Problem:
    return Problem("usage", message, hint, status=2)


def _shown(parameter: click.Parameter) -> str:
    """As it is typed: an option by its longest name, an argument as the usage calls it."""
    if isinstance(parameter, click.Argument):
        name = parameter.metavar or parameter.name or ""
        return (name[1:-1] if name.startswith("[") else name).removesuffix("...")
    return max(parameter.opts, key=len)


def _given(message: str) -> str:
    """Click quotes it at the beginning, and keeps it nowhere else."""
    return message.partition("' is not one of")[0].strip("'")
