"""A typed line into a verb and the fields of its input, and what a beginning may become."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import click

from mlops_store.errors import Problem
from mlops_tui.commandline.mistakes import usage_problem
from mlops_tui.commandline.params import click_parameter, collect, manners, parameters
from mlops_tui.verbs import NOUNS, Verb, all_verbs, find

_VALUED = ("--project", "--home")
_GENERAL: list[click.Parameter] = [
    click.Option(["--project", "cli_project"], metavar="NAME", help="project to act on"),
    click.Option(["--json", "cli_json"], is_flag=True, help="of no effect here: answers are shown"),
    click.Option(["--home", "cli_home"], metavar="DIR", hidden=True),
]
"""Options of every command; of no effect here is, besides, how a command is carried out: a plan is shown first, and the end is told, anyway."""


def parse(line: str) -> tuple[Verb, dict[str, Any]]:
    """`model promote churn@2 --expected-from 1` as its verb and fields, with what `--project` names as `project`.
    Raises Problem `usage`, `unknown_command`, `another_home`."""
    words = split(line)
    general: list[str] = []
    while words and words[0].startswith("-"):  # they may stand in front, too
        count = 2 if words[0] in _VALUED else 1
        general, words = [*general, *words[:count]], words[count:]
    verb = _verb(words)
    found = parameters(verb.input)
    command = _command(verb)
    try:
        context = command.make_context(verb.key, [*general, *words[2 if verb.noun else 1 :]])
        fields = collect(found, context.params)
    except click.ClickException as error:
        raise usage_problem(error, verb) from error
    if context.params["cli_home"] is not None:
        raise Problem(
            "another_home",
            "this app shows one home, and --home may name another",
            "leave with q, then: mlops-tui --home DIR",
        )
    project = context.params["cli_project"]
    if project is not None and any(each.fill == "project" for each in found):
        fields["project"] = project
    return verb, fields


def usage(line: str) -> tuple[str, str] | None:
    """What is asked for with `--help`: a command and what it takes; None where a line does not ask. Raises Problem."""
    words = split(line)
    if not {"--help", "-h"} & set(words):
        return None
    verb = _verb([word for word in words if not word.startswith("-")])
    command = _command(verb)
    return verb.key, command.get_help(click.Context(command, info_name=verb.key, terminal_width=70))


def _command(verb: Verb) -> click.Command:
    typed = [click_parameter(each) for each in parameters(verb.input) if not each.fill]
    help = "\n\n".join(part for part in (verb.summary, verb.help) if part)
    return click.Command(
        verb.key, params=[*typed, *manners(verb), *_GENERAL], help=help, add_help_option=False
    )


def split(line: str) -> list[str]:
    """The words of a line; a leading `mlops-tui` may stand there. Raises Problem `usage`."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise Problem("usage", f"the line cannot be read: {error}", "close the quote", status=2) from error
    return words[1:] if words[:1] == ["mlops-tui"] else words


def _verb(words: Sequence[str]) -> Verb:
    for count in (2, 1):
        try:
            return find(" ".join(words[:count]))
        except KeyError:
            continue
    typed = " ".join(words[:2])
    raise Problem(
        "unknown_command", f"there is no command {typed!r}", "Tab completes; ? lists the keys", status=2
    )


def completions(line: str) -> list[tuple[str, str]]:
    """Whole lines that a beginning may become, with what each does: nouns, verbs, then options."""
    if " " not in line.strip() and not line.endswith(" "):
        tops = [(verb.name, verb.summary) for verb in all_verbs() if not verb.noun and verb.service]
        nouns = [(f"{noun} ", summary) for noun, summary in NOUNS.items()]
        return sorted(pair for pair in [*tops, *nouns] if pair[0].startswith(line.strip()))
    matching = [
        (verb.key, verb.summary)
        for verb in all_verbs()
        if verb.noun and verb.key.startswith(line) and verb.service
    ]
    if matching:
        return matching
    return _options(line)


def _options(line: str) -> list[tuple[str, str]]:
    """Options of the verb of a line, where the word at its end begins with a dash or has not begun."""
    head, _, last = line.rpartition(" ")
    try:
        verb = _verb(split(head))
    except Problem:
        return []
    if last and not last.startswith("-"):
        return []
    return [
        (f"{head} {option.opts[0]}", option.help or "")
        for option in _command(verb).params
        if isinstance(option, click.Option) and not option.hidden and option.opts[0].startswith(last)
    ]
