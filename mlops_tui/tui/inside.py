"""What the app uses of Textual's inside, where its public names do not reach: each with its reason. Textual is pinned to one version for these names;
a test looks for every one of them in the installed version, and for any other in our code. `painting`, `terminal`, `css` and `web/server` extend classes by them;
everything else goes through the functions here.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.geometry import Size
from textual.screen import Screen
from textual.scroll_view import ScrollView

PRIVATE: dict[str, dict[str, str]] = {
    "textual.app:App": {
        "_driver": "orders to the terminal that are no text of a screen: the clipboard, a notice (the public `bell` writes one sign only)",
        "_fatal_error": "a crash without the traceback that shows the values of variables, which may be secret",
        "_exception": "the error that the report of a crash is about",
        "_css_update_count": "a new screen is made with the styles of now: else all styles are read twice more for it",
        "_batch_count": "nothing is drawn ahead of a batch of changes",
    },
    "textual.dom:DOMNode": {
        "_bindings": "what a key is bound to in one node, asked once for each key; the public `active_bindings` gathers those of all nodes",
    },
    "textual.screen:Screen": {
        "_compositor": "a lean one draws only the lines that have changed",
        "_compositor_refresh": "the moment at which a dialog goes to the terminal: keys from before do not answer it",
        "_css_update_count": "see App",
        "_dirty_widgets": "a widget that wants to be drawn is noted at once, not by a message in a queue",
        "_update_timer": "and the next frame is asked for",
    },
    "textual.widget:Widget": {
        "_layout_required": "what is to be laid out as well is drawn with the layout, in one frame",
        "_size_updated": "a widget that comes into being while its screen is laid out gets its size without an event",
    },
    "textual.message_pump:MessagePump": {"_closing": "a screen that ends draws nothing more"},
    "textual._compositor:Compositor": {
        "_get_renders": "only the lines that are drawn anew are asked for; the usual one asks every widget near them for all of its lines",
    },
    "textual._compositor:ChopsUpdate": {"render_segments": "the same to a terminal in fewer bytes"},
    "textual._compositor:LayoutUpdate": {"render_segments": "the same to a terminal in fewer bytes"},
    "textual._ansi_sequences:": {"SYNC_START": "where a frame begins", "SYNC_END": "where a frame ends"},
    "textual.driver:Driver": {
        "_app": "a key goes to the app without a future that nobody waits for",
        "_loop": "by the loop that the app runs in",
    },
    "textual.drivers._writer_thread:WriterThread": {"_queue": "what is written to a terminal that is gone is taken and forgotten"},
    "textual.drivers.linux_driver:": {"WriterThread": "the class that writes is another"},
    "textual.css.stylesheet:Stylesheet": {
        "_parse_cache": "room for all our sources, which are read once",
        "_variables": "a theme that changes no variable reads nothing anew",
    },
    "textual_serve.server:Server": {"_process_messages": "a browser cannot ask for a terminal of a million columns"},
}  # fmt: skip
"""Owner ("module:Class", or "module:") → name → why."""


def write(app: App[Any], orders: str) -> None:
    """Writes to the terminal, where there is one."""
    if app._driver is not None:
        app._driver.write(orders)


def bindings_of(node: DOMNode) -> dict[str, list[Binding]]:
    """Key → what it is bound to in this node; can be changed."""
    return node._bindings.key_to_bindings


def with_styles_of_now(screen: Screen[Any], app: App[Any]) -> Screen[Any]:
    """A screen that has just been made."""
    screen._css_update_count = app._css_update_count
    return screen


class Crashing(App[int]):
    """An app that says in its own words why it has failed."""

    def _fatal_error(self) -> None:
        self.crashed(self._exception)

    @abstractmethod
    def crashed(self, error: BaseException | None) -> None:
        """After an exception that nobody has caught: to call `panic`."""


class DrawnScreen(Screen[Any]):
    """A screen that is told when it goes to the terminal. What Textual calls after a refresh comes later, by as much as the machine is busy."""

    @abstractmethod
    def drawn(self) -> None:
        """About to be written."""

    def _compositor_refresh(self) -> None:
        self.drawn()
        super()._compositor_refresh()


class SizedView(ScrollView):
    """A view that is told of every new size, also of one that comes without an event."""

    @abstractmethod
    def sized(self) -> None:
        """The size is another."""

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        changed = super()._size_updated(size, virtual_size, container_size, layout)
        if changed:
            self.call_later(self.sized)
        return changed
