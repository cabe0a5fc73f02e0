"""Sparks, histograms, matrices, intervals: exact sizes, numbers always there."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_tui.tui.plot.bars import histogram, matrix, sparkbar
from mlops_tui.tui.plot.glyphs import MODES
from mlops_tui.tui.plot.intervals import Banded, Interval, bands, intervals
from mlops_tui.tui.plot.lines import Line, plain

modes = st.sampled_from(MODES)
anything = st.floats()
widths = st.integers(1, 140)
maybe = st.none() | anything


def exact(lines: list[Line], width: int) -> None:
    for line in lines:
        assert sum(cell_len(text) for text, _ in line) == width


@settings(deadline=None)
@given(st.lists(maybe, max_size=40), st.integers(0, 20), modes)
def test_sparks_of_anything(values: list[float | None], width: int, mode) -> None:  # type: ignore[no-untyped-def]
    assert cell_len(sparkbar(values, width, mode)) == min(len(values), width)


def test_sparks() -> None:
    assert sparkbar([1, 2, 3, None, 8], 8) == "▁▂▃ █"
    assert sparkbar([5, 5, 5], 8) == "▄▄▄"
    assert sparkbar([sys.float_info.max] * 3, 1) == "▄"
    assert sparkbar([0, 0, 4, 4], 2, "ascii") == ".@"


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=30), st.floats(0, 1e12)), max_size=6), widths, modes, st.booleans()
)
def test_histograms_of_anything(bins: list[tuple[str, float]], width: int, mode, two: bool) -> None:  # type: ignore[no-untyped-def]
    lines = histogram(bins, width, mode, [count * 2 for _, count in bins] if two else ())
    assert len(lines) == len(bins) * (1 + (two and bool(bins)))
    exact(lines, width)


@settings(deadline=None)
@given(st.integers(1, 6), st.floats(0, 1e9), widths, modes)
def test_matrices_of_any_width(size: int, count: float, width: int, mode) -> None:  # type: ignore[no-untyped-def]
    exact(matrix([f"class {i}" for i in range(size)], [[count] * size] * size, width, mode), width)


def test_a_matrix_has_its_numbers_and_says_what_is_cut() -> None:
    text = plain(matrix(["on time", "late"], [[9120, 310], [402, 1200]], 60))
    assert all(number in text for number in ("9120", "310", "402", "1200")) and "late" in text
    assert "more columns" in plain(matrix([str(i) for i in range(30)], [[1] * 30] * 30, 60))


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), maybe, maybe, maybe), max_size=5), maybe, widths, modes)
def test_intervals_of_anything(rows, reference, width: int, mode) -> None:  # type: ignore[no-untyped-def]
    exact(intervals([Interval(*row) for row in rows], width, reference, mode), width)
    exact(bands([Banded(n, v, low or 0.0, high or 0.0) for n, v, low, high in rows], width, mode), width)


def test_intervals_say_in_words_what_colour_says() -> None:
    rows = [
        Interval("v2", 0.0056, 0.0029, 0.0085),
        Interval("v3", 0.001, -0.002, 0.004),
        Interval("v4", -0.2, -0.3, -0.1),
    ]
    better, neither, worse, _ = plain(intervals(rows, 100, 0.0)).split("\n")
    assert (
        better.endswith("0.0056 [0.0029, 0.0085] better")
        and worse.endswith("worse")
        and neither.endswith("0.004]")
    )
    assert plain(intervals(rows, 100, 0.0, higher_is_better=False)).split("\n")[2].endswith("better")
    low, high, _ = plain(bands([Banded("a", 0.02, 0.0, 0.05), Banded("b", 0.2, 0.0, 0.05)], 80)).split("\n")
    assert low.endswith("0.02 of 0..0.05") and high.endswith("above")


def test_drawing_needs_no_screen_library() -> None:
    code = (
        "import sys; from mlops_tui.tui.plot.chart import chart_text; from mlops_tui.tui.plot.curve import Series;"
        "import mlops_tui.tui.plot.bars, mlops_tui.tui.plot.intervals, mlops_tui.tui.plot.colours;"
        "chart_text([Series('a', [(0, 1, 2, 1), (1, 2, 3, 2)])], 80, 20);"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'textual', 'rich', 'numpy', 'polars', 'duckdb'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() in ("[]", "['rich']")
