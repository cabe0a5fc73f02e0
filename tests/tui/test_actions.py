"""The registry of actions: complete, documented, and one with the commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widget import Widget

import mlops_tui.tui.actions
from mlops_store.errors import Problem
from mlops_tui.tui import keymap, keys_page
from mlops_tui.tui.actions import ACTIONS, PREFIXES
from mlops_tui.tui.actions.several import SEVERAL, meanings
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


def test_a_key_does_one_thing_or_says_what_its_deeds_have_in_common(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {key: titles for key, titles in meanings(ACTIONS.values(), PREFIXES).items() if len(titles) > 1}
    with capsys.disabled():
        print("", *(f"  {key}: {', '.join(titles)}" for key, titles in sorted(found.items())), sep="\n")
    assert set(found) == set(SEVERAL), (
        "unify these keys, or say in actions/several.py what they have in common"
    )
    assert all(len(why.split()) >= 3 for why in SEVERAL.values())
    assert {action.keys.split()[0] for action in ACTIONS.values() if action.danger > 1} == {"D"}


def test_every_binding_is_in_the_registry() -> None:
    """Only ^C, which is no action, the letters that begin a reason, and those to jump to are bound elsewhere."""
    tui = Path(mlops_tui.tui.actions.__file__).parents[1]
    bound = {
        path.relative_to(tui).as_posix(): count
        for path in tui.rglob("*.py")
        if path.parent.name != "actions"
        and (count := path.read_text().count(" Binding(") + path.read_text().count("[Binding("))
    }
    assert bound == {"screens/room.py": 1, "dialogs/plan.py": 1, "dialogs/jump.py": 1}
    widgets = [node for node in _classes(Widget) if node.__module__.startswith("mlops_tui.tui")]
    for node in widgets:
        for binding in node.__dict__.get("BINDINGS", ()):
            assert getattr(binding, "id", None) in ACTIONS or binding.key == "ctrl+c", (node, binding)


def _classes(base: type) -> list[type]:
    found = [base]
    child: type
    for child in base.__subclasses__():
        found += _classes(child)
    return found


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


def test_every_action_has_its_method() -> None:
    """In the code of the app, whoever carries it out."""
    tui = Path(mlops_tui.tui.actions.__file__).parents[1]
    code = "\n".join(path.read_text() for path in tui.rglob("*.py"))
    assert [id for id, action in ACTIONS.items() if f"def action_{action.method}(" not in code] == []


def test_own_keys_may_change_places() -> None:
    keymap.check({"run.stop": "f8", "run.compare": "x", "model.rollback": "f8"})
