"""The pure parts of the table and the log: layout, pages, marks, lines, folding."""

from __future__ import annotations

import re
from itertools import pairwise
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from mlops_tui.text import clean
from mlops_tui.tui.widgets import log_text
from mlops_tui.tui.widgets.log_text import LogBuffer, folded
from mlops_tui.tui.widgets.table import line
from mlops_tui.tui.widgets.table.layout import Column, arrange
from mlops_tui.tui.widgets.table.marks import ALL, NONE, Selection
from mlops_tui.tui.widgets.table.rows import PAGE, Rows, Window

columns = st.lists(
    st.builds(
        lambda width, flex, priority: Column("k", "t", width, str, flex=flex, priority=priority),
        st.integers(1, 40),
        st.booleans(),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=12,
)
hostile = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from("\x1b[31m\u202e\r\n\t漢🦊é\u0301\u200d[/]")
    ),
    max_size=80,
)


@given(columns, st.integers(1, 220), st.integers(0, 11), st.integers(1, 2))
def test_columns_never_exceed_the_width_and_flexible_ones_fill_it(
    given: list[Column], width: int, cursor: int, gap: int
) -> None:
    placed = arrange(given, width, cursor, gap)
    used = sum(each.width for each in placed) + gap * (len(placed) - 1)
    assert used <= width
    assert min(cursor, len(given) - 1) in [each.index for each in placed]
    assert [each.index for each in placed] == sorted(each.index for each in placed)
    if any(given[each.index].flex for each in placed):
        assert used == width


def test_the_highest_priority_leaves_first_and_the_cursor_brings_a_column_back() -> None:
    made = [Column(key, key, 10, str, priority=order) for key, order in (("a", 0), ("b", 2), ("c", 1))]
    assert [each.index for each in arrange(made, 21)] == [0, 2]
    assert [each.index for each in arrange(made, 21, cursor=1)] == [0, 1]
    fixed = [replace(column, priority=0) for column in made]
    assert [each.index for each in arrange(fixed, 21, cursor=2)] == [0, 2], (
        "the first stays, the others scroll"
    )


# --- pages --------------------------------------------------------------------------------------------------------


def _answer(rows: Rows, total: int, asked: tuple[int, int]) -> None:
    offset, count = asked
    window = Window(total, offset, [f"r{i}" for i in range(offset, min(total, offset + count))])
    assert rows.put(window, rows.generation)


@given(st.integers(1, 5_000), st.lists(st.integers(0, 4_999), min_size=1, max_size=30))
def test_what_is_visible_comes_and_the_cache_stays_bounded(total: int, visits: list[int]) -> None:
    rows = Rows(str, pages=4)
    for visit in visits:
        first = min(visit, total - 1)
        for _ in range(10):
            asked = rows.ask(first, first + 30)
            if asked is None:
                break
            _answer(rows, total, asked)
        assert all(rows.get(index) == f"r{index}" for index in range(first, min(total, first + 31)))
        assert sum(1 for _ in rows.loaded()) <= 4 * PAGE
        assert all(rows.index_of(row) == index for index, row in rows.loaded())


def test_only_answers_to_the_question_that_stands_count() -> None:
    rows = Rows(str)
    asked = rows.ask(0, 20)
    assert asked == (0, PAGE)
    assert rows.ask(0, 20) is None, "under way"
    rows.restart()
    assert not rows.put(Window(1, 0, ["old"]), 0)
    assert rows.put(Window(1, 0, ["new"]), 1) and rows.get(0) == "new"


def test_short_answers_are_continued_and_empty_ones_not_asked_for_for_ever() -> None:
    rows = Rows(str)
    rows.ask(0, 20)
    rows.put(Window(100, 0, ["a", "b"]), 0)
    assert rows.ask(0, 20) == (2, PAGE - 2)
    rows.put(Window(100, 2, []), 0)
    assert rows.ask(0, 20) is None


def test_rows_of_the_last_question_stay_until_the_answer() -> None:
    rows = Rows(str)
    _answer(rows, 300, (0, PAGE))
    rows.restart()
    assert rows.get(5) == "r5"
    rows.put(Window(2, 0, ["x", "y"]), rows.generation)
    assert rows.get(5) is None and rows.index_of("r5") is None


def test_the_next_page_is_fetched_in_the_direction_of_travel() -> None:
    rows = Rows(str)
    _answer(rows, 1000, (128, 128))
    assert rows.ask(150, 170, 0) is None
    assert rows.ask(220, 240, 1) == (256, 128)
    assert rows.ask(140, 160, -1) == (0, 128)


# --- marks --------------------------------------------------------------------------------------------------------


@given(st.sets(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef")), st.booleans())
def test_marking_a_row_twice_changes_nothing(keys: set[str], toggles: list[str], everything: bool) -> None:
    start = ALL if everything else Selection(frozenset(keys))
    now = start
    for key in toggles + toggles[::-1]:
        assert (key in now.toggled(key)) != (key in now)
        now = now.toggled(key)
    assert now == start
    assert now.count(6) == sum(key in now for key in "abcdef")


def test_all_is_a_flag() -> None:
    assert ALL.words(1204) == "all 1,204" and ALL.toggled("a").words(1204) == "all but 1 of 1,204"
    assert NONE.words(5) == "" and NONE.added("ab").words(5) == "2 marked"
    assert ALL.toggled("a").added(["a"]) == ALL


# --- lines --------------------------------------------------------------------------------------------------------


@given(hostile, st.integers(1, 40), st.booleans())
def test_a_cell_is_exactly_as_wide_as_its_column(text: str, width: int, right: bool) -> None:
    styled = Text(text)
    styled.stylize("red", 1, 4)
    for content in (text, styled):
        pieces = line.fit(line.fragments(content, width, Style.parse), width, right)
        shown = "".join(piece for piece, _ in pieces)
        assert cell_len(shown) == width
        assert clean(shown) == shown
        assert line.strip(pieces, Style(), width).cell_length == width


@given(hostile, st.text("abc漢", min_size=1, max_size=3))
def test_highlighting_changes_no_text(text: str, needle: str) -> None:
    pieces = [(clean(text), None), (needle, Style(bold=True))]
    marked = line.highlighted(pieces, re.compile(re.escape(needle), re.I), Style(reverse=True))
    assert "".join(piece for piece, _ in marked) == clean(text) + needle
    assert any(style == Style(reverse=True) for _, style in marked)


# --- logs ---------------------------------------------------------------------------------------------------------


def test_a_log_line_is_what_a_terminal_would_have_left() -> None:
    assert folded("\x1b[1;31mred\x1b[0m \x1b]0;title\x07x") == "red x"
    assert folded(" 10%\r 50%\r100% done") == "100% done"
    assert folded("long text\rab") == "abng text"
    assert folded("long text\r\x1b[Kab") == "ab"
    assert folded("windows\r") == "windows"
    assert folded("spin|\b/\b-") == "spin-"
    assert folded("\x1b[2J\x1b[Hhome\u202e") == "home\\u202e"
    assert folded("x" * 200_000).endswith(" more characters]")


@given(hostile)
def test_nothing_of_a_log_commands_the_terminal(text: str) -> None:
    shown = folded(text.replace("\n", ""))
    assert shown == clean(shown)


LOG = st.lists(
    st.sampled_from(["a", "bc", "漢", "\n", "\n", "\r", "\b", "\t", "\x1b[31m", "\x1b[K", "\x1b]0;t\x07", "\x1b[2"]), max_size=40
).map("".join)  # fmt: skip


@given(LOG, st.lists(st.integers(0, 60), max_size=6), st.integers(0, 60), st.integers(1, 6))
def test_a_log_read_in_pieces_is_the_log(whole: str, cuts: list[int], middle: int, limit: int) -> None:
    """Whatever the cuts, whatever end they come at; also when lines had to be dropped and came back."""
    expected = [folded(raw) for raw in whole.split("\n")]
    expected = expected if whole.split("\n")[-1] else expected[:-1]
    places = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    spans = list(pairwise(places))

    def at(place: int) -> int:
        return len(whole[:place].encode())

    buffer = LogBuffer()
    for low, high in spans:
        buffer.append(whole[low:high], at(low))
    assert buffer.lines == expected and buffer.stop == at(len(whole))
    buffer = LogBuffer()
    middle = min(middle, len(spans))
    if whole:
        buffer.clear(at(spans[middle][0] if middle < len(spans) else len(whole)))
    for low, high in spans[middle:]:
        buffer.append(whole[low:high], at(low))
    for low, high in reversed(spans[:middle]):
        buffer.prepend(whole[low : min(high + 2, len(whole))], at(low))
    assert buffer.lines == expected and (buffer.start, buffer.stop) == (0, at(len(whole)))
    with mock.patch.object(log_text, "PIECE", 0):
        buffer = LogBuffer(limit)
        for low, high in spans:
            buffer.append(whole[low:high], at(low))
        assert buffer.lines == expected[len(expected) - len(buffer.lines) :]
        for low, high in reversed([span for span in spans if at(span[1]) <= buffer.start]):
            buffer.prepend(whole[low:high], at(low))
        assert buffer.lines == expected[: len(buffer.lines)] and buffer.start == 0
        for low, high in [span for span in spans if at(span[0]) >= buffer.stop]:
            buffer.append(whole[low:high], at(low))
        assert buffer.lines == expected[len(expected) - len(buffer.lines) :]


def test_a_log_whose_text_is_not_as_long_as_its_bytes_goes_on() -> None:
    """A masked secret is shorter or longer than what it stands for."""
    buffer = LogBuffer()
    buffer.append("key=****\nhal", 100, 140)
    buffer.append("f\n", 140, 142)
    buffer.prepend("token ****\nmy ", 50, 100)
    assert buffer.lines == ["token ****", "my key=****", "half"] and (buffer.start, buffer.stop) == (50, 142)
    assert buffer.prepend("a gap", 0, 40) == 0


def test_a_progress_bar_is_kept_as_its_last_state() -> None:
    buffer = LogBuffer()
    buffer.append("head\n")
    for step in range(20_000):
        buffer.append(f"\r{step:5d} steps")
    assert buffer.lines == ["head", "19999 steps"] and len(buffer._open) < 100
