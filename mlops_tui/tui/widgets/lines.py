"""The single lines around every screen: crumbs above; status and key hints below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.text import Text
from textual.app import RenderResult
from textual.binding import Binding
from textual.geometry import Size
from textual.widget import Widget

from mlops_tui.tui.actions import ACTIONS, NO_KEY, PREFIXES, shown_key
from mlops_tui.tui.chords import known, meaning
from mlops_tui.tui.formats import clean, glyphs
from mlops_tui.tui.own_keys import key_of


class Line(Widget):
    """One row with text at both ends; repainted only when one of them has changed."""

    DEFAULT_CSS = "Line { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._left = Text()
        self._right = Text()
        self._between = Text()

    def show(self, left: Text, right: Text | None = None, between: Text | None = None) -> None:
        """Replaces all texts; the one between the ends is there where all of it finds room."""
        shown = left, right if right is not None else Text(), between if between is not None else Text()
        before = self._left, self._right, self._between
        if [(text, text.spans) for text in shown] != [(text, text.spans) for text in before]:
            self._left, self._right, self._between = shown
            self.refresh()

    def render(self) -> RenderResult:
        room = self.size.width
        right = self._right.copy()
        right.truncate(room)
        left = self._left.copy()
        left.truncate(max(0, room - right.cell_len - 1), overflow="ellipsis")
        gap = max(0, room - left.cell_len - right.cell_len)
        spare = gap - self._between.cell_len
        margin = 3 if left else 0
        if self._between and spare >= margin + 3:
            return Text.assemble(
                left, " " * margin, self._between, " " * (spare - margin), right, no_wrap=True, end=""
            )
        return Text.assemble(left, " " * gap, right, no_wrap=True, end="")


class Status(Line):
    """What the screen shows; while the app has something to say, its words instead. For more than one line of them the body gives rows, so
    that no row of it is ever covered."""

    DEFAULT_CSS = "Status { height: auto; }"
    MOST = 5
    """Lines of words at once; the message log has all of them."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._said: list[Text] = []

    def say(self, said: Sequence[Text]) -> None:
        """Shows these messages, the newest last; none: what the screen shows."""
        if list(map(id, said)) != list(map(id, self._said)):
            before = len(self._words(self.size.width))
            self._said = list(said)
            self.refresh(layout=len(self._words(self.size.width)) != before)

    def _words(self, width: int) -> list[Text]:
        """The lines of the messages, at least an empty one; of what is too much the oldest goes, and the end of the newest."""
        shown: list[Text] = []
        for said in reversed(self._said):
            lines = list(said.wrap(self.app.console, max(1, width)))
            if len(lines) > self.MOST:
                more = f" {glyphs().ellipsis} {key_of('app.messages')} shows all"
                lines = lines[: self.MOST]
                lines[-1].truncate(max(0, width - len(more)))
                lines[-1].append(more, "bright_black")
            if len(lines) + len(shown) > self.MOST:
                break
            shown = [*lines, *shown]
        return shown or [Text()]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._words(width))

    def render(self) -> RenderResult:
        return Text("\n", end="").join(self._words(self.size.width)) if self._said else super().render()


class Crumbs(Line):
    """Where one is."""

    def trail(self, names: Iterable[str], right: Text) -> None:
        """Names from the outermost inwards."""
        shown = Text(no_wrap=True)
        for place, name in enumerate(names):
            if place:
                shown.append(f" {glyphs().crumb} ", style="bright_black")
            shown.append(clean(name), style="bold")
        self.show(shown, right)


class Hints(Widget):
    """The keys of the moment: those that the registry marks for the active contexts, or the choices of a prefix."""

    DEFAULT_CSS = "Hints { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._prefix = ""
        self._pairs: list[tuple[str, str, bool]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.update())
        self.update()

    def update(self, prefix: str | None = None) -> None:
        """Shows the hints; of a prefix that waits for its second key, its choices, until it is said to wait no more ("")."""
        prefix = self._prefix if prefix is None else prefix
        pairs = self._choices(prefix) if prefix else self._hints()
        if (prefix, pairs) != (self._prefix, self._pairs):
            before = len(self._rows(self.size.width))
            self._prefix, self._pairs = prefix, pairs
            self.refresh(layout=len(self._rows(self.size.width)) != before)

    def _rows(self, width: int) -> list[Text]:
        """Whole hints: as many as fit in one line; the choices of a prefix all, in as many lines as it takes."""
        rows = [Text(no_wrap=True)]
        if self._prefix:
            rows[0].append(f"{self._prefix} {PREFIXES[self._prefix]}: ", style="bold yellow")
        for key, title, can in self._pairs:
            if rows[-1].cell_len + len(key) + len(title) + 1 > width and rows[-1]:
                if not self._prefix:
                    rows[-1].append(glyphs().ellipsis, style="bright_black")
                    break
                rows.append(Text(no_wrap=True))
            rows[-1].append(key, style="bold cyan" if can else "bright_black")
            rows[-1].append(f" {title}  ", style="" if can else "bright_black")
        return rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows(width))

    def render(self) -> RenderResult:
        rows = self._rows(self.size.width)
        for row in rows:
            row.truncate(self.size.width)
        return Text("\n", end="").join(rows)

    def _hints(self) -> list[tuple[str, str, bool]]:
        """Keys, titles, and whether the screen would do it now."""
        found: dict[str, tuple[str, Binding]] = {}
        for key, active in self.screen.active_bindings.items():
            if active.binding.show and active.enabled and active.binding.id in ACTIONS:
                id = active.binding.id or ""
                found.setdefault(id, (self._chord(id) if key.startswith(NO_KEY) else key, active.binding))
        if "app.help" in found:  # never cut off: it leads to all others
            found = {"app.help": found["app.help"], **found}
        refusal: Callable[[str], str] = getattr(self.screen, "refusal", lambda _id: "")
        return [
            (shown_key(key), binding.description, not refusal(id)) for id, (key, binding) in found.items()
        ]

    def _chord(self, id: str) -> str:
        """The first two keys of an action that has no single one."""
        every = (chord for each in known(self.screen).values() for chord in each)
        return next((chord.prefix + chord.key for chord in every if chord.action.id == id), "palette")

    def _choices(self, prefix: str) -> list[tuple[str, str, bool]]:
        """What the second key may be here; the nine screens first, by their letters."""
        if prefix in ("m", "'"):
            return [("a…z", "the letter of the view", True)]
        found = [meaning(self.screen, prefix, key) for (first, key) in known(self.screen) if first == prefix]
        return [(chord.key, chord.action.title, True) for _, chord in filter(None, found)]
