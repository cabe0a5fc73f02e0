"""Keys on the boards of the first screen and on lists with a preview."""

from __future__ import annotations

import asyncio

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll

from mlops_tui.tui.widgets.board import Board, Row, Target
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.query_table import Column, QueryTable
from mlops_tui.tui.widgets.split import Split


def rows(*names: str) -> list[Row]:
    return [
        Row(Text("title")),
        *(Row(Text(f"[red]{name}"), ("run", name)) if name else Row(Text()) for name in names),
    ]


class Boards(App[None]):
    """One board."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Target] = []
        self.passed: list[int] = []

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Board()

    @on(Board.Opened)
    def _opened(self, event: Board.Opened) -> None:
        self.opened.append(event.target)

    @on(Board.Passed)
    def _passed(self, event: Board.Passed) -> None:
        self.passed.append(event.step)


def text_of(app: App[None]) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def test_the_cursor_goes_over_lines_that_can_be_opened() -> None:
    async def run() -> None:
        app = Boards()
        async with app.run_test(size=(40, 6)) as pilot:
            board = app.query_one(Board)
            board.write(lambda _width, _room: rows("a", "", "b", *"cdefgh"))
            board.focus()
            await pilot.pause()
            assert board.cursor == ("run", "a") and "▸[red]a" in text_of(app)
            await pilot.press("j", "enter")
            assert app.opened == [("run", "b")]
            await pilot.click(Board, offset=(3, 4))
            assert app.opened.pop() == ("run", "c") == board.cursor
            await pilot.press("k")
            await pilot.press("G")
            await pilot.pause()
            assert board.cursor == ("run", "h") and "▸[red]h" in text_of(app), "it scrolls along"
            await pilot.press("j")
            assert app.passed == [1]
            board.write(lambda _width, _room: rows("x", "h", "y"))
            await pilot.pause()
            assert board.cursor == ("run", "h"), "the cursor stays on its own"
            board.write(lambda _width, _room: rows("x"))
            await pilot.pause()
            assert board.cursor == ("run", "x"), "what is gone gives it up"

    asyncio.run(run())


class Splits(App[None]):
    """One list with a preview."""

    def compose(self) -> ComposeResult:
        yield Split(row_key=str, empty="nothing here")


def test_a_list_shows_what_there_is_to_say_of_its_row() -> None:
    async def run() -> None:
        app = Splits()
        async with app.run_test(size=(60, 20)) as pilot:
            split = app.query_one(Split)
            columns = [Column("name", "name", 10, str, flex=True)]
            split.show(columns, ["one", "two", "three"], lambda row, width: Text(f"about {row} in {width}"))
            split.table.focus()
            await pilot.pause()
            await pilot.pause()
            assert "about one" in text_of(app)
            await pilot.press("j", "j")
            while "about three" not in text_of(app):  # once the cursor rests
                await pilot.pause(0.01)
            split.show(columns, ["zero", "three"], lambda row, width: Text(f"again {row}"))
            await pilot.pause()
            await pilot.pause()
            assert "again three" in text_of(app), "the cursor stays on its row"
            split.show(columns, [], lambda row, width: Text("never"))
            await pilot.pause()
            await pilot.pause()
            assert "nothing here" in text_of(app) and "never" not in text_of(app)
            assert isinstance(split.query_one(Doc), Doc) and isinstance(split.table, QueryTable)

    asyncio.run(run())
