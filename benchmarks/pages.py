"""The pages of figures in docs: the text is written by hand, the figures by the program that measured them."""

from __future__ import annotations

from pathlib import Path

FIGURES = "## Figures\n"
"""The heading after which a page belongs to its program."""


def write_figures(page: Path, figures: str) -> None:
    """Replaces what stands below the heading; raises ValueError where the page has none, so that no text is lost."""
    text, heading, _ = page.read_text(encoding="utf-8").partition(FIGURES)
    if not heading:
        raise ValueError(f"{page} has no heading {FIGURES.strip()!r}: nothing was written")
    page.write_text(f"{text}{heading}\n{figures}", encoding="utf-8")
