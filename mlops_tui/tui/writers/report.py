"""The evidence of an evaluation, drawn: slices, confusion, calibration, curves, residuals; both sides in one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from rich.text import Text

from mlops_tui.tui.formats import measured, number, plain, short, sign, when
from mlops_tui.tui.plot.bars import histogram, matrix
from mlops_tui.tui.plot.chart import View, draw
from mlops_tui.tui.plot.curve import Curve, Series
from mlops_tui.tui.plot.intervals import Interval, intervals
from mlops_tui.tui.plot.lines import Line, cut, fit, name
from mlops_tui.tui.plot.scale import number as brief
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.writers.drawing import beside, mode, put
from mlops_tui.verbs._report import CalibrationBin, CurvePoints, Report, Side

SIDES: tuple[Side, ...] = ("candidate", "champion")
_CLASSES = 6
"""how many classes get a picture of their own"""
_QUANTILES = (1, 5, 25, 50, 75, 95, 99)

Part = Callable[[Report, int], Text]


def merged(a: Report, b: Report) -> Report:
    """Two evaluations as one, `b` as the candidate: each side on its own rows."""

    def of(report: Report, side: Side, field: str) -> list[object]:
        return [
            msgspec.structs.replace(one, side=side)
            for one in getattr(report, field)
            if one.side == "candidate"
        ]

    both = {
        field: [*of(b, "candidate", field), *of(a, "champion", field)]
        for field in (
            "sides",
            "confusion",
            "roc",
            "pr",
            "calibration",
            "residuals",
            "residual_quantiles",
            "residuals_by_prediction",
        )
    }
    values = {one.slice: one.value for one in a.slices}
    slices = [msgspec.structs.replace(one, champion=values.get(one.slice)) for one in b.slices]
    return msgspec.structs.replace(
        b, **both, slices=slices, difference=None, missing=[*b.missing, *a.missing]
    )


def names(found: Report) -> dict[str, str]:
    """What the sides are called."""
    versions = {side.side: side.version for side in found.sides}
    return {side: f"v{version}" if version is not None else side for side, version in versions.items()}


def _head(found: Report, width: int, title: str = "") -> Sheet:
    """Who was judged beside whom, on what; the metric of both."""
    sheet = Sheet(width)
    sides = names(found)
    both = " and ".join(sides[side] for side in SIDES if side in sides)
    by = "the gate" if found.kind == "gate" else "model evaluate"
    rows = f"{number(found.rows)} rows" if found.rows is not None else "rows that were not counted"
    sheet.line(
        Text.assemble(
            (f"{both}", "bold"),
            f" by {by} on {rows}, {when(found.time)[:16]}",
            ("  " + title, "bright_black"),
        )
    )
    return sheet


def _nothing(found: Report, width: int, what: str, task: str) -> Text:
    """Why a part is empty."""
    sheet = _head(found, width).line()
    if found.task and task and found.task != task:
        other = "residuals" if found.task == "regression" else "confusion, calibration and curves"
        return sheet.line(f"{what}: there is none in a {found.task}; see {other}", "bright_black").text
    if found.missing:
        return sheet.line(
            f"{what}: files of the evidence are gone: {short(', '.join(found.missing), 300)}", "yellow"
        ).text
    return sheet.line(f"{what}: run {found.run_id[:12]} recorded none", "bright_black").text


# --- slices -----------------------------------------------------------------------------------------------------


def slices(found: Report, width: int) -> Text:
    """The metric on parts of the rows, with intervals; the line is the metric on all rows."""
    if not found.slices:
        return _nothing(found, width, "slices (mlops.toml's [model.*] slices name them)", "")
    sheet = _head(found, width)
    sides = names(found)
    own = next((side for side in found.sides if side.side == "candidate"), None)
    whole = (own.metrics.get(found.metric) or {}) if own is not None else {}
    everything = Interval("all rows", whole.get("value"), whole.get("low"), whole.get("high"))
    rows = [everything, *(Interval(one.slice, one.value, one.low, one.high) for one in found.slices)]
    sheet.line().line(
        Text.assemble(
            plain(f"{found.metric} of {sides.get('candidate', 'the version')}", "bold underline"),
            "; the line is that of all rows",
        )
    )
    put(
        sheet,
        intervals(rows, sheet.width, whole.get("value"), mode(), higher_is_better=found.direction != "min"),
    )
    sheet.line()
    beat = [
        (one.slice, number(one.rows), brief(one.value) if one.value is not None else None, brief(one.champion) if one.champion is not None else None,
         _beside(one.value, one.champion, found.direction), brief(one.naive) if one.naive is not None else None)
        for one in found.slices
    ]  # fmt: skip
    titles = (
        "slice",
        "rows",
        sides.get("candidate", "version"),
        sides.get("champion", "champion"),
        "difference",
        "naive",
    )
    sheet.table(titles, beat, right=range(1, 6))
    return sheet.line("the intervals are corrected for the number of slices", "bright_black").text


def _beside(value: float | None, other: float | None, direction: str) -> Text | None:
    if value is None or other is None:
        return None
    better = value < other if direction == "min" else value > other
    return Text(sign(value - other), style="" if value == other else "green" if better else "yellow")


# --- confusion --------------------------------------------------------------------------------------------------


def confusion(found: Report, width: int) -> Text:
    """What was said of what: a matrix of counts for each side, and how many of each class were found."""
    if not found.confusion:
        return _nothing(found, width, "confusion", "classification")
    sheet = _head(found, width).line("rows: what was; columns: what was said", "bright_black").line()
    sides = [side for side in SIDES if side in names(found)]
    half = (sheet.width - 4) // 2
    if len(sides) == 2 and 9 * len(_labels(found)) + 16 <= half:
        return put(
            sheet, beside(_matrix(found, sides[0], half), _matrix(found, sides[1], half), half, gap=4)
        ).text
    for side in sides:
        put(sheet, _matrix(found, side, sheet.width)).line()
    return sheet.text


def _labels(found: Report) -> list[str]:
    return found.classes or sorted(
        {name for cell in found.confusion for name in (cell.actual, cell.predicted)}
    )


def _matrix(found: Report, side: Side, width: int) -> list[Line]:
    cells = {(cell.actual, cell.predicted): cell.rows for cell in found.confusion if cell.side == side}
    classes = _labels(found)
    counts = [[float(cells.get((actual, said), 0)) for said in classes] for actual in classes]
    right, total = sum(row[place] for place, row in enumerate(counts)), sum(map(sum, counts))
    said_right = (
        f"{names(found)[side]}: {right / total:.1%} right" if total else f"{names(found)[side]}: no rows"
    )
    lines: list[Line] = [[(said_right, "title")], *matrix(classes, counts, width, mode()), []]
    for place, label in enumerate(classes):
        actual, said = sum(counts[place]), sum(row[place] for row in counts)
        recall = f"recall {counts[place][place] / actual:.1%}" if actual else "none there"
        precision = f"precision {counts[place][place] / said:.1%}" if said else "never said"
        lines.append(fit([(f"{name(label, 12)}: ", "label"), (f"{recall}, {precision}", "")], width))
    return lines


# --- calibration ------------------------------------------------------------------------------------------------


def calibration(found: Report, width: int) -> Text:
    """Scores beside what came true: on the diagonal what was said is what came."""
    if not found.calibration:
        return _nothing(found, width, "calibration", "classification")
    sheet = _head(found, width)
    sides = names(found)
    for cls in _classes(found.calibration):
        bins = [one for one in found.calibration if one.cls == cls]
        if cls is not None:
            sheet.heading(f"class {cls}")
        series = [
            Series(sides[side], [_point(one.mean_score, one.positive_rate) for one in bins if one.side == side and one.mean_score is not None and one.positive_rate is not None])
            for side in SIDES if side in sides
        ]  # fmt: skip
        sheet.line("what came true (up) over what was said, %", "bright_black")
        put(sheet, _chart([*series, _diagonal("as said")], sheet.width, _tall(sheet.width)))
        _bins(sheet, bins, sides)
    return _rest(sheet, found.calibration)


def _bins(sheet: Sheet, bins: Sequence[CalibrationBin], sides: dict[str, str]) -> None:
    table = []
    for low, high in sorted({(one.low, one.high) for one in bins}):
        row: list[object] = [f"{100 * low:.0f} to {100 * high:.0f}%"]
        for side in SIDES:
            one = next((b for b in bins if (b.low, b.high, b.side) == (low, high, side)), None)
            if side in sides:
                row += (
                    [number(one.rows), _share(one.mean_score), _share(one.positive_rate)]
                    if one is not None
                    else [None] * 3
                )
        table.append(row)
    titles = [
        "scores",
        *(title for side in SIDES if side in sides for title in (f"{sides[side]} rows", "said", "came")),
    ]
    sheet.line().table(titles, table, right=range(1, len(titles)))


def _share(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f}%"


# --- curves -----------------------------------------------------------------------------------------------------


def curves(found: Report, width: int) -> Text:
    """ROC, and precision over recall, both sides overlaid."""
    if not found.roc and not found.pr:
        return _nothing(found, width, "ROC and precision over recall", "classification")
    sheet = _head(found, width)
    for cls in _classes([*found.roc, *found.pr]):
        if cls is not None:
            sheet.heading(f"class {cls} against the rest")
        roc = _overlaid(found, [one for one in found.roc if one.cls == cls])
        pr = _overlaid(found, [one for one in found.pr if one.cls == cls])
        half, tall = (sheet.width - 3) // 2, _tall(sheet.width)
        titles = (cut("ROC: true over false positives, %", half), cut("precision over recall, %", half))
        left = [[(titles[0], "label")], *_chart([*roc, _diagonal("chance")], half, tall)]
        right = [[(titles[1], "label")], *_chart(pr, half, tall)]
        put(sheet, beside(left, right, half, gap=3))
    _rest(sheet, [*found.roc, *found.pr])
    _areas(sheet, found)
    return sheet.text


def _areas(sheet: Sheet, found: Report) -> None:
    sides = names(found)
    rows = [
        (area, *(measured(side.metrics[area]) if area in side.metrics else None for side in found.sides))
        for area in ("roc_auc", "average_precision")
        if any(area in side.metrics for side in found.sides)
    ]
    if rows:
        sheet.table(("area", *(sides[side.side] for side in found.sides)), rows)


def _overlaid(found: Report, curves: Sequence[CurvePoints]) -> list[Series]:
    sides = names(found)
    return [
        Series(sides.get(one.side, one.side), [_point(x, y) for x, y in zip(one.x, one.y, strict=False) if x is not None and y is not None])
        for side in SIDES for one in curves if one.side == side
    ]  # fmt: skip


def _point(x: float | None, y: float | None) -> tuple[float, float, float, float]:
    """Shares as percents."""
    return (100 * (x or 0.0), 100 * (y or 0.0), 100 * (y or 0.0), 100 * (y or 0.0))


def _diagonal(name: str) -> Series:
    return Series(name, [(0.0, 0.0, 0.0, 0.0), (100.0, 100.0, 100.0, 100.0)])


def _tall(width: int) -> int:
    """Lines of a chart where the height of the screen is not known: of a shape that fits 80x24, 120x36 and 200x50."""
    return min(34, max(15, width * 2 // 11))


def _chart(series: Sequence[Series], width: int, height: int, x: str = "%") -> list[Line]:
    view = View(mode=mode(), x_label=x, empty="no points", values=False)
    lines = draw([Curve(one) for one in series], max(width, 20), height + 1, view).lines
    # the header is empty where no value is left out
    return lines if "".join(text for text, _ in lines[0]).strip() else lines[1:]


def _classes(parts: Sequence[CalibrationBin | CurvePoints]) -> list[str | None]:
    return list(dict.fromkeys(one.cls for one in parts))[:_CLASSES]


def _rest(sheet: Sheet, parts: Sequence[CalibrationBin | CurvePoints]) -> Text:
    more = len({one.cls for one in parts}) - _CLASSES
    if more > 0:
        sheet.line().line(f"and {more} more classes: `mlops-tui model report --json` has all", "bright_black")
    return sheet.text


# --- residuals --------------------------------------------------------------------------------------------------


def residuals(found: Report, width: int) -> Text:
    """Truth less prediction: how many of which size, and the quantiles of both sides."""
    if not found.residuals and not found.residual_quantiles:
        return _nothing(found, width, "residuals", "regression")
    sheet = _head(found, width, "residual: truth less prediction")
    sides = names(found)
    bins = {side: [one for one in found.residuals if one.side == side] for side in SIDES}
    same = [(one.low, one.high) for one in bins["candidate"]] == [
        (one.low, one.high) for one in bins["champion"]
    ]
    for side in SIDES:
        if not bins[side] or (side == "champion" and same):
            continue
        both = side == "candidate" and same
        title = f"{sides.get(side, side)}" + (f", below it {sides.get('champion', '')}" if both else "")
        labelled = [(f"{brief(one.low, 3)} to {brief(one.high, 3)}", float(one.rows)) for one in bins[side]]
        reference = [float(one.rows) for one in bins["champion"]] if both else []
        put(sheet.heading(title), histogram(labelled, sheet.width, mode(), reference))
    _by_prediction(sheet, found, sides)
    _quantiles(sheet, found, sides)
    return sheet.text


def _by_prediction(sheet: Sheet, found: Report, sides: dict[str, str]) -> None:
    """Whether what is left depends on what was said: the medians, and between what most of it lies."""
    if not found.residuals_by_prediction:
        return
    of = {
        side: [one for one in found.residuals_by_prediction if one.side == side]
        for side in SIDES
        if side in sides
    }
    ends = [one.mean_prediction for bins in of.values() for one in bins]
    series = [
        *(Series(sides[side], [(one.mean_prediction, one.median, one.median, one.median) for one in bins]) for side, bins in of.items()),
        Series("0", [(at, 0.0, 0.0, 0.0) for at in (min(ends), max(ends))]),
    ]  # fmt: skip
    sheet.heading("median residual (up) over prediction; on 0 where predictions are right on the whole")
    put(sheet, _chart(series, sheet.width, 14, "prediction"))
    rows = [
        (sides[side], f"{brief(one.low, 3)} to {brief(one.high, 3)}", number(one.rows), brief(one.p10, 3), brief(one.median, 3), brief(one.p90, 3))
        for side, bins in of.items() for one in bins
    ]  # fmt: skip
    sheet.line().table(("", "predicted", "rows", "10% below", "median", "90% below"), rows, right=range(2, 6))


def _quantiles(sheet: Sheet, found: Report, sides: dict[str, str]) -> None:
    if not found.residual_quantiles:
        return
    series = [
        Series(sides[side], [(one.normal_score, one.residual, one.residual, one.residual) for one in found.residual_quantiles
                             if one.side == side and one.normal_score is not None and one.residual is not None])
        for side in SIDES if side in sides
    ]  # fmt: skip
    sheet.heading("residual (up) over normal score; a straight line is what normal residuals would give")
    put(sheet, _chart(series, sheet.width, 14, "normal score"))
    kept: dict[int, dict[str, float | None]] = {}
    for one in found.residual_quantiles:
        place = round(100 * one.quantile)
        if place in _QUANTILES:
            kept.setdefault(place, {})[one.side] = one.residual
    rows = [
        (f"{place}%", *(brief(value) if (value := of.get(side)) is not None else None for side in SIDES if side in sides))
        for place, of in sorted(kept.items())
    ]  # fmt: skip
    sheet.line().table(("quantile", *(sides[side] for side in SIDES if side in sides)), rows, right=(1, 2))


PARTS: dict[str, Part] = {
    "slices": slices,
    "confusion": confusion,
    "calibration": calibration,
    "curves": curves,
    "residuals": residuals,
}
"""tab → what writes it"""


def without(task: str) -> tuple[str, ...]:
    """The tabs that a task has nothing for; none where the task is not known."""
    return _WITHOUT.get(task, ("residuals",) if task else ())


_WITHOUT = {"regression": ("confusion", "calibration", "curves")}
