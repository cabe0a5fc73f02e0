"""How everything is: asked once for each change, whoever wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.tui.link import Link


class Counted(Link):
    """Counts what reaches the daemon, which takes its time."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, ("flights", None))
        self.questions: list[Any] = []
        self.refuses = False

    async def _in_thread(self, question: Callable[..., Any], request: Any) -> Any:
        self.questions.append(request)
        number = len(self.questions)
        await asyncio.sleep(0.01)
        if self.refuses:
            raise Problem("busy", "not now")
        return number


def played(tmp_path: Path, steps: Callable[[Counted], Awaitable[None]]) -> None:
    async def run() -> None:
        link = Counted(Home(tmp_path))
        await steps(link)
        link.close()

    asyncio.run(run())


def test_all_who_ask_share_one_answer_until_something_has_changed(tmp_path: Path) -> None:
    async def steps(link: Counted) -> None:
        for news in range(1, 4):
            assert await asyncio.gather(*(link.ask("status") for _ in range(5))) == [news] * 5
            assert await link.ask("status") == news
            link.changed()
        assert len(link.questions) == 3

    played(tmp_path, steps)


def test_news_while_the_answer_is_on_its_way_ask_anew(tmp_path: Path) -> None:
    async def steps(link: Counted) -> None:
        early = asyncio.ensure_future(link.ask("status"))
        await asyncio.sleep(0)
        link.changed()
        assert (await link.ask("status"), await early) == (2, 1)
        assert await link.ask("status") == 2

    played(tmp_path, steps)


@pytest.mark.parametrize("why", ["another project", "a deed", "a wish to see"])
def test_what_may_have_changed_it_asks_anew(tmp_path: Path, why: str) -> None:
    async def steps(link: Counted) -> None:
        before = await link.ask("status")
        if why == "another project":
            link.project = (None, None)
        elif why == "a deed":
            await link.ask("ledger undo", {"seq": 1})
        else:
            link.wake()
        assert await link.ask("status") > before

    played(tmp_path, steps)


def test_a_refusal_and_a_caller_who_leaves_are_nobody_elses(tmp_path: Path) -> None:
    async def steps(link: Counted) -> None:
        link.refuses = True
        with pytest.raises(Problem):
            await link.ask("status")
        link.refuses = False
        leaves = asyncio.ensure_future(link.ask("status"))
        stays = asyncio.ensure_future(link.ask("status"))
        await asyncio.sleep(0)
        leaves.cancel()
        assert await stays == 2 and await link.ask("status") == 2

    played(tmp_path, steps)
