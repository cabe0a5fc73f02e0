"""The series' colours stay apart for all eyes, and from the background (Machado, Oliveira and Fernandes 2009, severity 1; distances in OKLab)."""

from __future__ import annotations

import math
from itertools import combinations

import pytest

from mlops_tui.tui.plot.colours import SERIES, styles
from mlops_tui.tui.plot.lines import FAINT_ROLES, ROLES, SERIES_ROLES

SIGHT = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}  # fmt: skip
Triple = tuple[float, float, float]


def linear(colour: str) -> Triple:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return red, green, blue


def seen(colour: str, sight: str) -> Triple:
    """OKLab of the colour as these eyes see it."""
    rgb = linear(colour)
    r, g, b = (min(max(sum(f * c for f, c in zip(row, rgb, strict=True)), 0), 1) for row in SIGHT[sight])
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    middle = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def light(colour: str) -> float:
    return sum(f * c for f, c in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(
    ("ground", "backgrounds"),
    [("dark", ["#11151a", "#1e1e1e", "#2e3440"]), ("light", ["#fbfbf9", "#e0e0e0"])],
)
def test_colours_stay_apart(ground, backgrounds: list[str], sight: str) -> None:  # type: ignore[no-untyped-def]
    colours = [seen(colour, sight) for colour in SERIES[ground]]
    # 0.02 is just noticeable
    assert math.dist(colours[0], colours[1]) > 0.2
    assert min(math.dist(a, b) for a, b in combinations(colours[:4], 2)) > 0.12
    assert min(math.dist(a, b) for a, b in combinations(colours, 2)) > 0.08
    for colour in SERIES[ground]:
        for background in backgrounds:
            low, high = sorted((light(colour), light(background)))
            assert (high + 0.05) / (low + 0.05) >= 3.0, (colour, background)


@pytest.mark.parametrize("ground", ["dark", "light", "ansi"])
def test_every_role_has_a_look(ground) -> None:  # type: ignore[no-untyped-def]
    assert set(styles(ground)) == {*ROLES, *SERIES_ROLES, *FAINT_ROLES}
    assert len(set(SERIES[ground])) == 8
