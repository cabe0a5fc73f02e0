"""Futures of other threads in the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from mlops_tui.daemon.awaited import Awaited


def test_a_group_that_ends_together_wakes_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        loop, awaited, woken = asyncio.get_running_loop(), Awaited(), []
        wake = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda call: (woken.append(call), wake(call)))
        futures: list[Future[int]] = [Future() for _ in range(8)]
        tasks = [asyncio.create_task(awaited.result(future, 5)) for future in futures]
        await asyncio.sleep(0)
        for number, future in enumerate(futures[:-1]):
            future.set_result(number)
        futures[-1].set_exception(KeyError("what it raised"))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[:-1] == list(range(7)) and isinstance(results[-1], KeyError)
        assert len(woken) == 1
        done: Future[int] = Future()
        done.set_result(9)
        assert await awaited.result(done, 5) == 9

    asyncio.run(body())


def test_one_that_takes_too_long_or_is_not_awaited_any_more_goes_on() -> None:
    async def body() -> None:
        awaited = Awaited()
        late: Future[int] = Future()
        with pytest.raises(TimeoutError):
            await awaited.result(late, 0.01)
        task = asyncio.create_task(awaited.result(late, 5))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not late.cancelled()
        late.set_result(1)
        await asyncio.sleep(0)

    asyncio.run(body())
