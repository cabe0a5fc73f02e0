"""`mlops-tui web`: who is let in, what the page loads, and the app itself in a real browser."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from chromium import browser, program

from mlops_store.home import Home


@pytest.fixture
def address(served_home: Home, tmp_path: Path) -> Iterator[str]:
    """The printed address of a server over an empty home."""
    command = [sys.executable, "-m", "mlops_tui", "--home", str(served_home.path), "web", "--json"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield str(json.loads(process.stdout.readline())["address"])
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def _get(url: str, *, cookie: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
    async def get() -> tuple[int, dict[str, str], str]:
        async with aiohttp.ClientSession() as session:
            sent = {**headers, **({"Cookie": cookie} if cookie else {})}
            async with session.get(url, headers=sent, allow_redirects=False) as answer:
                return answer.status, dict(answer.headers), await answer.text()

    return asyncio.run(get())


def _cookie(address: str) -> str:
    status, headers, _ = _get(address)
    assert status == 303 and headers["Location"] == "/"
    assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=Strict" in headers["Set-Cookie"]
    return headers["Set-Cookie"].split(";")[0]


def test_only_the_token_lets_in_and_only_this_host_is_served(address: str) -> None:
    base = f"http://{urlsplit(address).netloc}"
    for path in ("/", "/ws", "/static/js/textual.js", "/own/page.css", "/download/x", "/?token=wrong"):
        assert _get(base + path)[0] == 403, path
    cookie = _cookie(address)
    status, headers, text = _get(base + "/", cookie=cookie)
    assert status == 200 and 'id="terminal"' in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert _get(base + "/", cookie=cookie, Host="evil.example")[0] == 421
    assert _get(base + "/ws", cookie=cookie, Origin="http://evil.example")[0] == 403


def test_an_address_that_others_reach_is_refused(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mlops_tui",
        "--home",
        str(tmp_path / "h"),
        "web",
        "--address",
        "0.0.0.0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2 and "reached from elsewhere" in done.stderr


@pytest.mark.skipif(
    program() is None and not os.environ.get("CI"), reason="no Chromium here: apt-get install chromium"
)
def test_the_app_runs_in_a_browser_and_loads_nothing_from_elsewhere(address: str, tmp_path: Path) -> None:
    async def visit() -> None:
        async with browser(tmp_path / "profile", address) as page:
            await page.see("looks after no project yet")
            await page.do("Runtime.evaluate", expression="document.querySelector('textarea').focus()")
            await page.type("2")
            await page.see("no runs yet")
            base = f"http://{urlsplit(address).netloc}/"
            assert page.requested and all(url.startswith((base, "data:")) for url in page.requested), (
                page.requested
            )
            shown = await page.do("Runtime.evaluate", expression="location.href")
            assert shown["result"]["value"] == base, "the token stays in the address line"

    asyncio.run(visit())
