"""The app's styles, read once."""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

SOURCES = 1000
"""More than there are classes of widgets."""


class Css(Stylesheet):
    """Reads a source again only when a variable has another value. Textual reads all of them three times before the first frame: once with
    the colours of its own theme, and once for each setting of the app's."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        self.parse()
