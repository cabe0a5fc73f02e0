"""What keys do in a chart."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import VIEW, Action

ACTIONS = [
    Action("chart.log", "Log scale", "Values by their logarithm, and back.", "L", "chart", reason=VIEW),
    Action(
        "chart.smoother",
        "Smoother",
        "Stronger smoothing, over the faint raw values.",
        ")",
        "chart",
        reason=VIEW,
    ),
    Action("chart.rougher", "Rougher", "Weaker smoothing.", "(", "chart", reason=VIEW),
    Action("chart.axis", "Steps or time", "What x is.", "X", "chart", reason=VIEW),
    Action(
        "chart.signs",
        "Signs",
        "What curves are drawn with: braille, blocks or ASCII.",
        "#",
        "chart",
        reason=VIEW,
    ),
    Action(
        "chart.line",
        "Crosshair's line",
        "The crosshair goes up through the plot, or only points.",
        "|",
        "chart",
        reason=VIEW,
    ),
    Action("chart.left", "Left", "The crosshair, to the bucket before.", "left", "chart", reason=VIEW),
    Action("chart.right", "Right", "The crosshair, to the next bucket.", "right", "chart", reason=VIEW),
    Action("chart.closer", "Closer", "Half as much of x, around the crosshair.", "{", "chart", reason=VIEW),
    Action("chart.wider", "Wider", "Twice as much of x.", "}", "chart", reason=VIEW),
    Action("chart.reset", "Reset", "All of x, without crosshair.", "0", "chart", reason=VIEW),
    Action("chart.pin", "Pin", "The next series on top and first in the legend.", "P", "chart", reason=VIEW),
]
