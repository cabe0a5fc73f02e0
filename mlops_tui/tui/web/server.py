"""A web server that lets in who has the token, and starts one app for each visitor.

The token comes once in the address, is exchanged for a cookie that scripts cannot read, and vanishes from the address line. Every
request needs the cookie, names this server as its host (against DNS rebinding), and a WebSocket comes from a page of this server.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import WSMessage, WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.server import Server

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LIMITS = {"width": (80, 500), "height": (24, 200)}
"""Cells of a visitor's terminal: the usual number, and the greatest."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def new_token() -> str:
    """32 random bytes as text; only its digest is kept."""
    return secrets.token_urlsafe(32)


class WebServer(Server):  # type: ignore[misc]
    """Serves `command` on `address`, a loopback address, at `port` (0: any free one)."""

    def __init__(
        self, command: str, token: str, *, address: str = "127.0.0.1", port: int = 0, title: str = "mlops-tui"
    ) -> None:
        self._socket = socket.create_server(
            (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET
        )
        number = self._socket.getsockname()[1]
        shown = f"[{address}]" if ":" in address else address
        super().__init__(command, host=shown, port=number, title=title, public_url=f"http://{shown}:{number}")
        self._digest = hashlib.sha256(token.encode()).digest()
        self._hosts = {f"{shown}:{number}", f"localhost:{number}"}
        self._name = f"mlops-tui-{number}"  # browsers do not keep the cookies of two ports apart
        self._cookie = secrets.token_urlsafe(32)
        self.templates_path = Path(__file__).parent

    def run(self) -> None:
        """Serves until it is interrupted."""
        web.run_app(self.application(), sock=self._socket, print=None, handle_signals=True)

    def application(self) -> web.Application:
        """The routes behind the guard."""
        app = web.Application(middlewares=[self._guard])
        aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(self.templates_path), autoescape=True)
        app.add_routes([
            web.get("/", self.handle_index, name="index"), web.get("/ws", self.handle_websocket, name="websocket"),
            web.get("/download/{key}", self.handle_download, name="download"),
            web.static("/own", Path(__file__).parent / "static", name="own"),
            web.static("/static", self.statics_path, name="static"),
        ])  # fmt: skip
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host not in self._hosts:
            return _refused(421, "this address is not served here")
        if request.path == "/" and "token" in request.query:
            return self._welcome(request)
        if not hmac.compare_digest(
            request.cookies.get(self._name, "").encode(errors="replace"), self._cookie.encode()
        ):
            return _refused(403, "open the address that `mlops-tui web` printed: it carries the token")
        if (
            request.path == "/ws"
            and request.headers.get("Origin", "").removeprefix("http://") not in self._hosts
        ):
            return _refused(403, "only pages of this server may connect")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _welcome(self, request: web.Request) -> web.StreamResponse:
        """The right token becomes a cookie; either way it leaves the address line."""
        given = hashlib.sha256(request.query["token"].encode(errors="replace")).digest()
        if not hmac.compare_digest(given, self._digest):
            return _refused(403, "that is not the token")
        response = web.Response(status=303, headers={"Location": "/", **_HEADERS})
        response.set_cookie(self._name, self._cookie, httponly=True, samesite="Strict", path="/")
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """An app for a visitor, of a size that a screen has: a million columns would be gigabytes."""
        clamped = {name: str(_within(request.query.get(name, ""), *LIMITS[name])) for name in LIMITS}
        found: web.WebSocketResponse = await super().handle_websocket(
            request.clone(rel_url=request.rel_url.update_query(clamped))
        )
        return found

    async def _process_messages(self, websocket: web.WebSocketResponse, app_service: AppService) -> None:
        await super()._process_messages(_Clamped(websocket), app_service)

    @aiohttp_jinja2.template("page.html")
    async def handle_index(self, request: web.Request) -> dict[str, Any]:
        size = request.query.get("fontsize", "16")
        return {
            "title": self.title,
            "font_size": min(max(int(size), 8), 40) if size.isdecimal() and len(size) < 4 else 16,
            "websocket": f"ws://{request.host}/ws",
        }


class _Clamped:
    """The messages of a visitor, with sizes that a screen has."""

    def __init__(self, websocket: web.WebSocketResponse) -> None:
        self._websocket = websocket

    def __getattr__(self, name: str) -> Any:
        return getattr(self._websocket, name)

    async def __aiter__(self) -> AsyncIterator[WSMessage]:
        async for message in self._websocket:
            if message.type == WSMsgType.TEXT and message.data.startswith('["resize"'):
                kind, size = json.loads(message.data)
                size = {name: _within(str(size.get(name, "")), *LIMITS[name]) for name in LIMITS}
                message = message._replace(data=json.dumps([kind, size]))
            yield message


def _within(text: str, usual: int, most: int) -> int:
    """A whole number from 1 to `most`, `usual` where it is none."""
    return min(max(int(text), 1), most) if text.isdecimal() and len(text) < 9 else usual


def _refused(status: int, why: str) -> web.Response:
    return web.Response(status=status, text=why + "\n", headers=_HEADERS)
