"""The pages that people read, letter by letter: golden files in `golden/`; UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.pages.layout import cells
from mlops_tui.verbs import find

GOLDEN = Path(__file__).with_name("golden")
PAGES = {
    "proposal_open": "proposal show", "proposal_done": "proposal show", "demo": "demo", "demo_inconclusive": "demo",
    "model_show": "model show", "model_compare": "model compare", "run_show": "run show", "run_failed": "run show",
}  # fmt: skip


def load(name: str) -> Any:
    """The answer of a page, as the daemon would give it."""
    return msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes(), type=find(PAGES[name]).output)


def page(
    name: str,
    width: int | None,
    capsys: pytest.CaptureFixture[str],
    value: Any = None,
    terminal: bool = False,
) -> str:
    render(find(PAGES[name]), load(name) if value is None else value, Screen(terminal, width))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("name", PAGES)
def test_golden(name: str, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    shown = page(name, width, capsys)
    file = GOLDEN / f"{name}.{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(shown)
    assert shown == file.read_text()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit(name: str, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is there to be copied, paths and commands, may be longer than a line."""
    for line in page(name, width, capsys).splitlines():
        copied = (
            line.startswith(("  mlops-tui ", "  cd ", "  export ")) or " " not in line.strip().split("  ")[-1]
        )
        assert cells(line) <= width or copied, line


@pytest.mark.parametrize("name", PAGES)
def test_a_terminal_shows_the_same_words(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    on_terminal = page(name, 80, capsys, terminal=True)
    assert "\x1b" not in on_terminal  # standard output is captured here: no terminal, no colour
    assert [line.rstrip() for line in on_terminal.splitlines()] == page(name, 80, capsys).splitlines()


def test_a_decision_shows_what_it_changed_and_not_the_whole_card(capsys: pytest.CaptureFixture[str]) -> None:
    render(find("proposal approve"), load("proposal_done"), Screen(False, 80))
    shown = capsys.readouterr().out
    assert "decision" in shown and "NEXT" in shown and "verdict" in shown
    assert "DRIFT" not in shown and len(shown.splitlines()) < 20 < len(
        page("proposal_done", 80, capsys).splitlines()
    )


def test_an_open_card_says_what_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = page("proposal_open", 80, capsys)
    for verb in ("approve", "snooze", "reject"):
        assert f"mlops-tui proposal {verb} prop-01a2084999c7-df3cd4" in shown
    assert "--revision 2 --wait" in shown and "expires" in shown
    drift = shown[shown.index("DRIFT") :].splitlines()
    assert drift[0].startswith("DRIFT  ALARM: 3 of 12 columns changed, 1 majorly")
    assert drift[2].startswith("!!") and "MAJOR" in drift[2] and "wind_dir" in drift[2]
    assert "worse now" in shown and "an estimate from the scores alone" in shown


def test_the_verdict_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.sub(r"\s+", " ", page("demo", 80, capsys))
    assert "version 2 is better than version 1 on May 2013: +0.0056 roc_auc [0.0029, 0.0085]" in shown
    assert "31 days, 27,263 rows that neither has seen" in shown
    shown = re.sub(r"\s+", " ", page("demo_inconclusive", 80, capsys))
    assert "INCONCLUSIVE: it is not shown that version 2 is better than version 1" in shown
    assert "Version 1 stays champion" in shown and "is better than version 1 on May 2013: +0.0006" in shown


def test_rows_that_the_card_does_not_prove_are_not_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    value = load("demo")
    value.proposals[0].evidence["performance"]["value"] = 0.1
    assert "27,263" not in page("demo", 80, capsys, value)


EVIL = "\x1b[2J\x07[red]<b>\u202eevil\u2066\x9b\r\n|" + "x" * 4096


def poisoned(value: Any) -> Any:
    """The same shape with every free text hostile; words of a closed list stay, as their types refuse others."""
    if isinstance(value, dict):
        return {
            key: item if key in ("state", "kind", "verdict") else poisoned(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return EVIL if isinstance(value, str) else value


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("width", [80, 160, None])
@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_is_shown_literally_and_cut(
    name: str, width: int | None, terminal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    value = poisoned(msgspec.to_builtins(load(name)))
    shown = page(name, width, capsys, msgspec.convert(value, find(PAGES[name]).output), terminal)
    assert set(shown).isdisjoint("\x1b\x07\u202e\u2066\x9b\r")
    assert "\\x1b[2J" in shown and "[red]" in shown
    assert "x" * 1300 not in shown


@pytest.mark.parametrize("junk", [None, "x", 7, [], {}, [1, None], {"a": [{}]}, float("nan"), [["x"]], True])
def test_evidence_may_hold_anything(junk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    value = load("proposal_open")
    for key in list(value.evidence):
        broken = {**value.evidence, key: junk}
        page("proposal_open", 80, capsys, msgspec.structs.replace(value, evidence=broken))
    page(
        "proposal_open",
        80,
        capsys,
        msgspec.structs.replace(value, evidence=dict.fromkeys(value.evidence, junk)),
    )
    deep = {
        key: dict.fromkeys(found, junk) if isinstance(found, dict) else found
        for key, found in value.evidence.items()
    }
    page("proposal_open", 80, capsys, msgspec.structs.replace(value, evidence=deep))


def test_a_command_that_cannot_be_copied_is_not_offered(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(False, 80).commands(
        [("mlops-tui a\x1bb", "evil"), ("x" * 999, "long"), ("mlops-tui run list", "good")]
    )
    assert capsys.readouterr().out == "  mlops-tui run list  # good\n"


def test_columns_give_way_in_order_and_numbers_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    columns, rows = (
        ("name", "score", "why"),
        [("view__" + "long_" * 8 + "end", "0.8040 [0.7848, 0.8201]", "because " * 9)],
    )
    for terminal in (True, False):
        Screen(terminal, 60).table(columns, rows, drop=("why",), middle=("name",))
        head, row = capsys.readouterr().out.splitlines()
        assert "why" not in head and "0.8040 [0.7848, 0.8201]" in row and "…" in row and "end  " in row
        Screen(terminal, 24).table(("a" * 12, "b" * 12, "c" * 12), [("x", "y", "z")])
        assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
            ["a" * 12, "x"],
            ["b" * 12, "y"],
            ["c" * 12, "z"],
        ]


def test_wide_letters_take_two_cells(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(False, 40).table(("city", "n"), [("東京", 1), ("Zu\u0308rich", 22)])
    assert capsys.readouterr().out == "city     n\n東京     1\nZu\u0308rich  22\n"
