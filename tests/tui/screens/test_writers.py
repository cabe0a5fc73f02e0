"""What the detail screens show is golden text at 80 and 120 columns; text from data stays text."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import screen_answers as answers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.text import Text

from mlops_tui.pages.monitor import timeline
from mlops_tui.tui.formats import use_ascii
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.writers import card, data, feature, health, home, monitor, report
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.monitor import ChampionMove

GOLDEN = Path(__file__).parent / "golden"
PLAN = Plan(
    title="Train late", steps=["train late on flights@3", "judge it"], undo="`mlops-tui run stop` stops it"
)
Writer = Callable[[int], Text]


def _cells(columns: list[object], rows: list[object], width: int) -> Text:
    """All cells of a list, without a terminal."""
    titles = [column.title for column in columns]  # type: ignore[attr-defined]
    return Sheet(width).table(titles, [[column.cell(row) for column in columns] for row in rows]).text  # type: ignore[attr-defined]


def _board(write: Callable[[int], list[home.Row]]) -> Writer:
    return lambda width: Text("\n").join(row.text for row in write(width))


def _part(write: report.Part, name: str) -> Writer:
    return lambda width: write(answers.report(name), width)


WRITERS: dict[str, Callable[[str], Writer]] = {
    "monitor-performance": lambda name: lambda width: monitor.performance(answers.monitoring(name), width),
    "monitor-quality": lambda name: lambda width: monitor.quality(answers.monitoring(name), width),
    "monitor-feature": lambda name: lambda width: monitor.feature(
        answers.monitoring(name), monitor.worst_first(answers.monitoring(name))[0], width
    ),
    "monitor-features": lambda name: lambda width: _cells(
        monitor.drift_columns(), monitor.worst_first(answers.monitoring(name)), width  # type: ignore[arg-type]
    ),
    "monitor-look": lambda name: lambda width: monitor.look(answers.monitoring(name).looks[1], width),
    "monitor-looks": lambda name: lambda width: _cells(
        monitor.look_columns(answers.monitoring(name)), timeline(answers.monitoring(name)), width  # type: ignore[arg-type]
    ),
    **{f"report-{part}": partial(_part, write) for part, write in report.PARTS.items()},
    "report-regression": lambda name: lambda width: report.residuals(answers.report(name, task="regression"), width),
    "data-schema": lambda name: lambda width: data.schema(answers.data(name), width),
    "data-expectations": lambda name: lambda width: data.expectations(answers.data(name), width),
    "data-files": lambda name: lambda width: data.files(answers.data(name), width),
    "data-profile": lambda name: lambda width: _cells(data.profile_columns(), answers.data(name).profile, width),  # type: ignore[arg-type]
    "data-text": lambda name: lambda width: data.column(answers.data(name).profile[0], width),
    "data-number": lambda name: lambda width: data.column(answers.data(name).profile[1], width),
    "data-refused": lambda name: lambda width: data.refused(answers.refused(name), width),
    "feature-view": lambda name: lambda width: feature.definition(answers.view(name), width),
    "feature-freshness": lambda name: lambda width: feature.freshness(
        answers.view(name), answers.fresh(), answers.NOW + 86_400_000, width
    ),
    "feature-lookup": lambda name: lambda width: feature.lookup(
        answers.view("weather"), answers.looked_up(name), {"origin": name}, width
    ),
    "card-open": lambda name: lambda width: card.review(answers.card(name), PLAN, answers.NOW, width),
    "card-done": lambda name: lambda width: card.review(answers.card(name, state="DONE"), None, answers.NOW, width),
    "home-decisions": lambda name: _board(lambda width: home.decisions(answers.status(name), width)),
    "home-machine": lambda name: _board(lambda width: home.machine(answers.status(name), width)),
    "home-queue": lambda name: _board(lambda width: home.machine(answers.status(name), width, queue=6)),
    "home-batches": lambda name: _board(lambda width: health.over(answers.months(name), width, 30)),
    "home-line": lambda name: _board(lambda width: health.over(answers.months(name), width, 4)),
    "home-runs": lambda name: _board(lambda width: health.latest(answers.runs(name), width, 8, answers.NOW)),
    "home-ledger": lambda name: _board(lambda width: health.happened(answers.entries(name), width, 20, answers.NOW)),
}  # fmt: skip
NAMES = {"home": "late", "data": "origin", "report": "origin = 'JFK'", "card": "dest", "feature": "weather", "monitor": "weather__gust"}  # fmt: skip


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
    use_ascii(False)


def shown(text: Text) -> str:
    return "\n".join(line.rstrip() for line in text.plain.split("\n")) + "\n"


@pytest.mark.parametrize("width", (77, 117))
@pytest.mark.parametrize("name", WRITERS)
def test_screens_look_as_they_did(name: str, width: int) -> None:
    """77 and 117 cells are what a screen of 80 and 120 columns leaves."""
    found = shown(WRITERS[name](NAMES[name.split("-")[0]])(width))
    kept = GOLDEN / f"{name}-{width}.txt"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(found)
        pytest.fail(f"{kept} was missing and has been written: look at it")
    assert found == kept.read_text()


@pytest.mark.parametrize("name", WRITERS)
def test_ascii_terminals_get_ascii(name: str) -> None:
    use_ascii(True)
    text = WRITERS[name](NAMES[name.split("-")[0]])(77).plain
    assert not {char for char in text if ord(char) > 126} - {"…"}, text


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(WRITERS)), text=st.text(max_size=60), width=st.integers(10, 200))
@example("card-open", "[red]\x1b[31m' OR 1=1 --\u202e\n\x00", 77)
@example("home-decisions", "\x1b]0;title\x07[/]\r\n", 77)
@example("data-refused", "🦊" * 40, 40)
def test_text_from_data_stays_text(name: str, text: str, width: int) -> None:
    """Whatever names hold: nothing is an order to the terminal, nothing is markup, nothing fails."""
    found = WRITERS[name](text)(width)
    assert not {
        char
        for char in found.plain
        if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }


def test_a_part_without_data_says_why() -> None:
    regression = answers.report(task="regression")
    assert "there is none in a regression; see residuals" in report.confusion(regression, 77).plain
    assert "there is none in a classification" in report.residuals(answers.report(), 77).plain
    gone = answers.report()
    gone.confusion, gone.missing = [], ["confusion.json"]
    assert "files of the evidence are gone: confusion.json" in report.confusion(gone, 77).plain


def test_two_evaluations_become_one() -> None:
    """The older one is the side that is beside; its slices are the ones to compare with."""
    older, newer = answers.report(), answers.report()
    older.sides[0].version, newer.sides[0].version = 4, 5
    older.slices[0].value = 0.6
    both = report.merged(older, newer)
    assert report.names(both) == {"candidate": "v5", "champion": "v4"}
    assert both.slices[0].champion == 0.6 and len(both.roc) == 2
    assert "v5 and v4" in report.curves(both, 77).plain


def test_what_alarms_comes_first() -> None:
    assert [row.name for row in monitor.worst_first(answers.monitoring())] == ["weather__gust", "dest"]


def test_after_a_rollback_every_line_says_its_version_and_which_one_serves() -> None:
    found = answers.monitoring()
    found.champion = 1
    found.moves.append(
        ChampionMove(seq=12, time=answers.JULY, actor="bob", before=2, to=1, back=True, why="worse in June")
    )
    text = monitor.performance(found, 117).plain
    assert "v1, champion now" in text and "v2, does not serve" in text and "judged over" in text
    assert (
        text.index("rolled back from v2 to v1")
        < text.index("v2 promoted over v1")
        < text.index("v1 promoted")
    )
    line = next(line for line in text.splitlines() if line.startswith("weather__gust") and "DRIFT" in line)
    assert "v2" in line and "serves" not in line
    gust = next(row for row in monitor.worst_first(found) if row.name == "weather__gust")
    assert monitor.newest(gust).champion == 1, "the look beside v2 says nothing of v1"
    whole = monitor.feature(found, gust, 117).plain
    assert "v2" in whole and "v1 serves" in whole and "1 of 2 looks" in whole
    assert [type(row).__name__ for row in timeline(found)] == [
        "ChampionMove",
        "Look",
        "ChampionMove",
        "Look",
        "ChampionMove",
    ]
    columns = {column.key: column.cell for column in monitor.look_columns(found)}
    shown = [str(columns["champion"](row)) for row in timeline(found)]
    assert shown == ["v1 serves", "v1 serves", "v2", "v2", "v1 serves"]
    assert "worse in June" in monitor.look_or_move(found)(found.moves[-1], 80).plain


def test_evidence_of_any_shape_is_a_card() -> None:
    for evidence in (
        {},
        {"drift": 3, "files": "x", "champion": [], "cost": None, "performance": []},
        {"champion": 1, "drift": {"columns": [{}]}},
    ):
        assert "Retrain late?" in card.review(_with(evidence), None, answers.NOW, 77).plain


def _with(evidence: dict[str, object]) -> card.Proposal:
    found = answers.card()
    found.evidence = evidence
    return found
