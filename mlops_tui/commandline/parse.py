"""A typed line into a verb and the fields of its input, and what a beginning may become."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import click

from mlops_store.errors import Problem
from mlops_tui.commandline.params import click_parameter, collect, parameters
from mlops_tui.verbs import NOUNS, Verb, all_verbs, find


def parse(line: str) -> tuple[Verb, dict[str, Any]]:
    """`model promote churn@2 --expected-from 1` as its verb and fields. Raises Problem `usage`, `unknown_command`."""
    words = split(line)
    verb = _verb(words)
    rest = words[2 if verb.noun else 1 :]
    found = parameters(verb.input)
    command = click.Command(
        verb.key, params=[click_parameter(each) for each in found if not each.fill], add_help_option=False
    )
    try:
        context = command.make_context(verb.key, rest, resilient_parsing=False)
        return verb, collect(found, context.params)
    except click.ClickException as error:
        raise Problem("usage", error.format_message(), f"`mlops-tui {verb.key} --help`", status=2) from error


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
        (f"{head} {each.option}", each.description)
        for each in parameters(verb.input)
        if not each.fill and not each.argument and each.option.startswith(last)
    ]
