"""A headless Chromium of a test's own, driven over its DevTools socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0", "--window-size=1000,700",
]  # fmt: skip


def program() -> str | None:
    """Where Chromium is."""
    return next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )


class Page:
    """One page: commands, and what its sockets have received."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.received = ""
        self.requested: list[str] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            data = message.json()
            if "id" in data:
                self._answers.pop(data["id"]).set_result(data)
            elif data["method"] == "Network.webSocketFrameReceived":
                frame = data["params"]["response"]
                text = frame["payloadData"]
                self.received += (
                    base64.b64decode(text).decode(errors="replace") if frame["opcode"] == 2 else text
                )
            elif data["method"] == "Network.requestWillBeSent":
                self.requested.append(data["params"]["request"]["url"])

    async def do(self, method: str, **params: Any) -> dict[str, Any]:
        """A DevTools command and its result."""
        number = next(self._ids)
        waiting = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(30):
            answer = await waiting
        assert "error" not in answer, answer
        return dict(answer.get("result", {}))

    async def see(self, text: str, seconds: float = 30) -> None:
        """Waits until the page's sockets have received a text."""
        async with asyncio.timeout(seconds):
            while text not in self.received:
                await asyncio.sleep(0.05)

    async def type(self, text: str) -> None:
        """Keys as a person types them."""
        for char in text:
            await self.do("Input.dispatchKeyEvent", type="keyDown", text=char, key=char)
            await self.do("Input.dispatchKeyEvent", type="keyUp", key=char)


@contextlib.asynccontextmanager
async def browser(folder: Path, url: str) -> AsyncIterator[Page]:
    """Chromium at an address; it ends with the block."""
    found = program()
    assert found is not None
    process = subprocess.Popen(
        [found, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            while (
                not (folder / "DevToolsActivePort").is_file()
                or not (folder / "DevToolsActivePort").read_text().strip()
            ):
                await asyncio.sleep(0.05)
        port = (folder / "DevToolsActivePort").read_text().split()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                target = next(each for each in await answer.json() if each["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                await page.do("Network.enable")
                await page.do("Page.enable")
                await page.do("Page.navigate", url=url)
                yield page
    finally:
        process.terminate()
        process.wait(20)
