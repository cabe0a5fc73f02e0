"""What an update of the screen renders."""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class LeanCompositor(Compositor):
    """Asks each widget only for the lines that are drawn anew; Textual's asks every widget near them for all of its lines: of two
    rows in which a cursor moved, that is nine widgets and the whole list, which took longer than everything else that a key sets off."""

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            if crop is not None:
                if not crop.overlaps(shown):
                    continue
                shown = shown.intersection(Region(shown.x, crop.y, shown.width, crop.height))
            if shown:
                yield region, shown, widget.render_lines(shown.translate((-region.x, -region.y)))
            if crop is not None and shown.contains_region(crop):
                break  # it covers the rest
