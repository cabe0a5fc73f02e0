"""The registry of actions: complete, documented, and one with the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_store.errors import Problem
from mlops_tui.tui import keymap, keys_page
from mlops_tui.tui.actions import ACTIONS
from mlops_tui.tui.actions.without import WITHOUT
from mlops_tui.verbs import all_verbs

VERBS = {verb.key for verb in all_verbs()}
PAGE = Path(__file__).parents[2] / "docs" / "keys.md"


def test_the_page_of_keys_is_of_today() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == keys_page.page(), "python -m mlops_tui.tui.keys_page > docs/keys.md"
    assert all(f"`{id}`" in written for id in ACTIONS)


def test_every_action_says_what_it_is() -> None:
    for action in ACTIONS.values():
        assert action.title and action.help.endswith(".") and action.contexts, action.id
        assert action.verb in VERBS if action.verb else action.reason, action.id


def test_every_verb_has_an_action_or_a_reason() -> None:
    done = {action.verb for action in ACTIONS.values()}
    assert VERBS - done == set(WITHOUT)
    assert all(WITHOUT.values())


@pytest.mark.parametrize(
    ("own", "names"),
    [
        ({"run.stop": "c"}, ["run.stop", "run.compare"]),
        ({"table.mark": "q"}, ["table.mark", "app.leave"]),
        ({"run.stopp": "f8"}, ["run.stopp", "run.stop"]),
        ({"run.stop": "g"}, ["run.stop", "go to"]),
    ],
)
def test_own_keys_that_cannot_be_are_refused_by_name(own: dict[str, str], names: list[str]) -> None:
    with pytest.raises(Problem) as found:
        keymap.check(own)
    assert all(name in f"{found.value.message} {found.value.hint}" for name in names)


def test_own_keys_may_change_places() -> None:
    keymap.check({"run.stop": "f8", "run.compare": "x", "model.rollback": "f8"})
