"""The contract for scripts: every verb has its command, its service, its route and its line in the docs."""

from __future__ import annotations

import importlib
from typing import Any, get_args, get_origin

import click
import msgspec
import pytest

from mlops_tui.cli import docs
from mlops_tui.cli.tree import root
from mlops_tui.commandline.params import parameters
from mlops_tui.daemon.dispatch import find_service
from mlops_tui.verbs import NOUNS, SCHEMA, TOP, Verb, all_verbs, find
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._openapi import document

PROMISED = {
    "run": "start list show stop logs why compare metrics archive unarchive delete restore adopt",
    "model": "list show evaluate compare promote rollback history card",
    "proposal": "list show approve reject snooze",
    "data": "list show add diff quarantine",
    "feature": "list show get",
    "project": "add list remove",
    "daemon": "start stop status logs enable openapi",
    "home": "show budget gc restore export import backup",
    "ledger": "list verify",
    "": "init demo predict wait events sql doctor rebuild",
}
RUN = "run_id kind name project experiment state params tags metrics created started ended exit_code signal attempts"
SHAPES = {
    "run list": RUN,
    "run show": RUN,
    "model list": "name aliases versions",
    "proposal list": "id model state reasons evidence created run_id verdict",
    "data list": "source version snapshot rows files min_event_time max_event_time created",
    "demo": "project model champion previous interval proposals scored_rows stages",
    "daemon status": "pid",
}


def command(verb: Verb) -> click.Command:
    """The click command, as typing it finds it."""
    found: Any = root()
    for word in verb.key.split():
        found = found.get_command(click.Context(found), word)
    assert isinstance(found, click.Command)
    return found


def fields(kind: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_every_promised_name_is_there() -> None:
    for noun, names in PROMISED.items():
        for name in names.split():
            assert find(f"{noun} {name}".strip()).summary
    assert {verb.name for verb in all_verbs() if not verb.noun} == set(TOP)
    assert {verb.noun for verb in all_verbs()} == {"", *NOUNS}


@pytest.mark.parametrize("key", SHAPES)
def test_promised_fields_are_there(key: str) -> None:
    output = find(key).output
    kind = get_args(output)[0] if get_origin(output) is Page else output
    assert set(SHAPES[key].split()) <= fields(kind)
    assert fields(find("demo").output.__annotations__ and importlib.import_module("mlops_tui.verbs.top").VersionValue) == {
        "version", "metric", "value",
    }  # fmt: skip


def test_metrics_have_the_promised_summary() -> None:
    from mlops_tui.verbs._shapes import MetricSummary

    assert fields(MetricSummary) == {"last", "best", "min", "max", "count"}


@pytest.mark.parametrize("verb", all_verbs(), ids=lambda verb: verb.key)
def test_every_verb_is_whole(verb: Verb) -> None:
    made = command(verb)
    assert made.get_short_help_str(200) == verb.summary.rstrip(".") or made.short_help == verb.summary
    assert verb.summary.endswith(".")
    for parameter in parameters(verb.input):
        assert parameter.description, f"{verb.key}: {parameter.name} has no description"
    if verb.name == "list":
        assert get_origin(verb.output) is Page
        assert {"limit", "page"} <= fields(verb.input)
    if verb.service and verb.key != "daemon status":
        assert find_service(verb) is not None, f"{verb.key} has no service"
    assert (
        (find_service(verb, "plan_") is not None) == verb.plans
        if verb.service and verb.key != "daemon status"
        else True
    )
    if verb.local:
        module = importlib.import_module(f"mlops_tui.cli.commands.{verb.module}")
        assert callable(getattr(module, verb.function if verb.noun else "run"))
    if verb.waits != "no":
        assert "run_id" in fields(verb.output)
        assert verb.writes


def test_the_description_of_the_protocol_has_every_route() -> None:
    described = document()
    assert set(described["paths"]) == {f"/v1/{verb.path}" for verb in all_verbs() if verb.service}
    start = described["paths"]["/v1/run/start"]["post"]
    assert {parameter["name"] for parameter in start["parameters"]} == {
        "Idempotency-Key",
        "X-Actor",
        "dry_run",
    }
    text = msgspec.json.encode(described).decode()
    names = set(described["components"]["schemas"])
    assert all(reference.split('"')[0] in names for reference in text.split("#/components/schemas/")[1:])


def test_the_description_names_the_schema() -> None:
    assert document()["info"]["x-schema"] == SCHEMA


def test_the_page_of_commands_is_current() -> None:
    assert docs.main(["--check"]) == 0, "run `python -m mlops_tui.cli.docs`"


def test_whoever_does_something_dangerous_may_say_why() -> None:
    silent = {
        verb.key
        for verb in all_verbs()
        if verb.danger and verb.service and "reason" not in verb.input.__struct_fields__
    }
    assert silent == {"home import"}  # what it brings has reasons of its own
