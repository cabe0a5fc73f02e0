"""Curves as text: exact sizes, nothing of the data lost, nothing raised, whatever the data."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_tui.tui.plot.canvas import Canvas, Grid, trace
from mlops_tui.tui.plot.chart import View, chart_text, draw
from mlops_tui.tui.plot.curve import Curve, Series, next_x
from mlops_tui.tui.plot.glyphs import MODES, Mode, glyphs
from mlops_tui.tui.plot.lines import changed, plain
from mlops_tui.tui.plot.scale import x_scale, y_scale

GOLDEN = Path(__file__).parent / "golden"

anything = st.floats(allow_nan=True, allow_infinity=True)
buckets = st.lists(
    st.tuples(st.integers(-(10**12), 10**12) | anything, anything, anything, anything), max_size=30
)
sizes = st.tuples(st.integers(1, 120), st.integers(1, 40))
views = st.builds(
    View,
    mode=st.sampled_from(MODES),
    log_y=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.6, 0.99]),
    x_kind=st.sampled_from(["step", "time"]),
    crosshair=st.none() | st.floats(-1e9, 1e9),
    line=st.booleans(),
    y_label=st.text(max_size=20),
    x_label=st.text(max_size=20),
)


def learning(name: str, top: float, **more: object) -> Series:
    """Sixty buckets of a curve that rises to `top`, without chance."""
    points = []
    for i in range(60):
        middle = top * (1 - math.exp(-i / 12)) + 0.01 * math.sin(i * 1.7)
        points.append((float(i * 10), middle - 0.02, middle + 0.02, middle))
    return Series(name, points, **more)  # type: ignore[arg-type]


FRAMES: dict[str, tuple[list[Series], tuple[int, int], View]] = {
    "two_smoothed": ([learning("bright-fern-12", 0.9, goal="max"), learning("calm-otter-07", 0.8, goal="max")], (80, 20), View(y_label="roc_auc", smoothing=0.6)),
    "crosshair": ([learning("a", 0.9), learning("b", 0.8, pinned=True)], (60, 14), View(y_label="auc", crosshair=300.0)),
    "block": ([learning("a", 0.9, nonfinite=3)], (60, 12), View(mode="block", y_label="auc")),
    "ascii": ([learning("a", 0.9), learning("b", 0.6)], (60, 16), View(mode="ascii", y_label="auc")),
    "log": ([Series("loss", [(i, -1.0 if i == 3 else 10.0**-i, 10.0**-i, 10.0**-i) for i in range(8)])], (60, 14), View(log_y=True, y_label="loss")),
    "time": ([Series("rss", [(1_790_000_000_000 + i * 60_000, i, i, i) for i in range(200)])], (70, 12), View(x_kind="time")),
    "one_point": ([Series("a", [(7, 3.0, 3.0, 3.0)])], (40, 10), View()),
    "constant": ([Series("a", [(i, 0.5, 0.5, 0.5) for i in range(9)])], (40, 10), View()),
    "empty": ([], (40, 7), View(y_label="auc", empty="no metrics yet: r refreshes")),
    "tiny": ([learning("a", 0.9)], (20, 5), View(y_label="auc")),
    "twelve": ([learning(f"run-{i}", i / 12) for i in range(12)], (80, 18), View(y_label="auc")),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_frames_look_as_they_did(name: str) -> None:
    series, (width, height), view = FRAMES[name]
    found = plain(draw([Curve(one) for one in series], width, height, view).lines) + "\n"
    kept = GOLDEN / f"{name}.txt"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(found)
        pytest.fail(f"{kept} was missing and has been written: look at it")
    assert found == kept.read_text()


@settings(max_examples=150, deadline=None)
@given(
    points=st.lists(buckets, max_size=10),
    size=sizes,
    view=views,
    names=st.lists(st.text(max_size=60), min_size=10, max_size=10),
)
@example([[(0, 1e-300, 1e300, 1e300), (1, -1e300, 1e300, 0.0)]], (20, 5), View(), ["x"] * 10)
@example([[(0, -1.7e308, 1.7e308, 0.0)]], (80, 24), View(smoothing=0.6), ["x"] * 10)
@example([[(0, 5e-324, 5e-324, 5e-324), (1, 1e-323, 1e-323, 1e-323)]], (80, 24), View(log_y=True), ["x"] * 10)
def test_any_data_gives_exactly_the_size(
    points: list, size: tuple[int, int], view: View, names: list[str]
) -> None:  # type: ignore[type-arg]
    series = [
        Series(name, one, pinned=i == 1) for i, (name, one) in enumerate(zip(names, points, strict=False))
    ]
    drawing = draw([Curve(one) for one in series], *size, view)
    assert len(drawing.lines) == size[1]
    for line in drawing.lines:
        assert sum(cell_len(text) for text, _ in line) == size[0]
        for text, _ in line:
            assert "\x1b" not in text and "\n" not in text


@pytest.mark.parametrize("size", [(20, 5), (80, 24), (120, 36), (300, 100)])
@pytest.mark.parametrize("mode", MODES)
def test_every_sign_of_the_plot_is_one_cell(size: tuple[int, int], mode: Mode) -> None:
    text = chart_text(
        [learning(f"s{i}", i / 8) for i in range(8)],
        *size,
        mode,
        View(smoothing=0.6, crosshair=200.0, line=True),
    )
    assert all(cell_len(sign) == 1 for sign in set(text) - {"\n"})
    assert mode != "ascii" or text.isascii()


ordinary = st.floats(-1e6, 1e6, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5000), ordinary, ordinary), min_size=1, max_size=60, unique_by=lambda p: p[0]
    ),
    st.sampled_from(MODES),
    st.sampled_from([0.0, 0.9]),
)
def test_least_and_greatest_of_every_bucket_are_seen(
    points: list[tuple[int, float, float]], mode: Mode, smoothing: float
) -> None:
    curve = Curve(Series("a", [(float(x), min(a, b), max(a, b), b) for x, a, b in sorted(points)]))
    signs = glyphs(mode)
    canvas = Canvas(60, 15, signs)
    grid = Grid.over(
        canvas.width,
        canvas.height,
        x_scale(curve.xs[0], curve.xs[-1]),
        y_scale(min(curve.lows), max(curve.highs)),
    )
    raw, smooth = trace(curve, grid, smoothing)
    canvas.paint(raw, 0, faint=smoothing > 0)
    canvas.paint(smooth, 0)
    lines = plain(canvas.lines()).split("\n")
    assert [column for column, *_ in raw] == sorted({column for column, *_ in raw})
    for x, low, high in zip(curve.xs, curve.lows, curve.highs, strict=True):
        column = grid.column(x) // signs.across
        for row in grid.rows([low, high]):
            # a value between two dots may be rounded to either
            near = [
                lines[row // signs.down][c : c + 1].strip() for c in (column, max(column - 1, 0), column + 1)
            ]
            assert any(near), (x, low, high)


def test_the_moving_average_is_debiased() -> None:
    curve = Curve(Series("a", [(i, 4.0, 4.0, 4.0) for i in range(5)]))
    assert curve.smoothed(0.9) == pytest.approx([4.0] * 5)
    curve = Curve(Series("a", [(0, 1.0, 1.0, 1.0), (1, 2.0, 2.0, 2.0)]))
    assert curve.smoothed(0.5) == pytest.approx([1.0, (0.25 * 1 + 0.5 * 2) / 0.75])


def test_what_is_not_drawn_is_said() -> None:
    points = [(0, math.nan, 1.0, 1.0), (1, -1.0, 2.0, 2.0), (2, 1.0, 3.0, 2.0)]
    text = chart_text([Series("a", points, nonfinite=2)], 80, 12, view=View(log_y=True))
    assert "3 not finite" in text and "1 not above 0" in text and "log" in text
    assert "4 more not drawn" in chart_text([learning(str(i), 1.0) for i in range(12)], 80, 20)
    assert "nothing above 0" in chart_text(
        [Series("a", [(0, -1.0, -1.0, -1.0)])], 80, 12, view=View(log_y=True)
    )
    assert "no value is finite" in chart_text([Series("a", [], nonfinite=3)], 80, 12)


def test_hostile_names_are_shown_and_harmless() -> None:
    text = chart_text([Series("[/red] 🦊 \x1b[31m \u202e", [(0, 1.0, 1.0, 1.0)])], 80, 12)
    assert "[/red] 🦊 \\x1b[31m \\u202e" in text and "\x1b" not in text
    long = chart_text([Series("x" * 4000, [(0, 1.0, 1.0, 1.0)])], 80, 12)
    assert max(map(len, long.split("\n"))) <= 80 and "…" in long


def test_series_are_told_apart_without_colour() -> None:
    series = [learning(f"s{i}", 0.2 + i / 8) for i in range(8)]
    for mode in MODES:
        text = chart_text(series, 120, 36, mode)
        plot = "\n".join(text.split("\n")[:-8])
        assert all(plot.count(marker) >= 3 for marker in glyphs(mode).markers)


def test_pinned_first_and_the_colour_stays() -> None:
    curves = [Curve(learning("a", 0.5)), Curve(learning("b", 0.9, pinned=True))]
    legend = draw(curves, 80, 20, View()).lines[-1]
    assert legend[0][1] == "s1" and "b" in legend[1][0]


def test_the_crosshair_reads_every_series_at_its_x() -> None:
    first = Series("a", [(0, 0.0, 2.0, 1.0), (10, 3.0, 5.0, 4.0)])
    second = Series("b", [(8, 7.0, 7.0, 7.0), (9, 7.0, 7.0, 7.0)])
    text = chart_text([first, second], 80, 12, view=View(crosshair=9.0))
    assert "step 9" in text and "● 1 (0..2)" in text and "▲ 7" in text
    # the second ended long before
    assert Curve(second).at(30.0) is None and Curve(second).at(7.0) is None
    assert "▲ -" in chart_text([first, second], 80, 12, view=View(crosshair=7.0))
    assert next_x([Curve(first), Curve(second)], 0.0, 1) == 8 and next_x([Curve(first)], 10.0, -1) == 0


def test_moving_the_crosshair_touches_the_header_and_the_axis_only() -> None:
    curves = [Curve(learning(f"s{i}", i / 8)) for i in range(8)]
    before, after = (draw(curves, 80, 24, View(crosshair=x)).lines for x in (300.0, 310.0))
    assert len(changed(before, after)) == 2
    assert changed(before, before) == []


def test_changed_spans_hold_all_differences() -> None:
    assert changed([[("abc", ""), ("d", "s0")]], [[("abx", ""), ("d", "s0")]]) == [(0, 2, 3)]
    assert changed([[("ab", "")]], [[("ab", "s0")]]) == [(0, 0, 2)]
    assert changed([[("aab", "")]], [[("abb", "")]]) == [(0, 1, 2)]
