"""uvicorn, as the daemon uses it: on a socket that is there, ended by a word."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from mlops_tui.daemon.peer import OwnerOnly

_GRACE = 10


class Server(uvicorn.Server):
    """uvicorn on our socket; signals are ours, and so is the word that ends it: nothing looks for it ten times a second."""

    def __init__(self, application: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                application, http=OwnerOnly, ws="none", lifespan="off", access_log=False, log_config=None,
                server_header=False, date_header=False, proxy_headers=False, timeout_keep_alive=60, timeout_graceful_shutdown=_GRACE,
            )
        )  # fmt: skip
        self._ending = asyncio.Event()

    def end(self) -> None:
        """No new connections; what is under way is finished. From the event loop's thread."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._ending.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
