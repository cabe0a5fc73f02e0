"""Who is at the other end of a connection: no one but the owner of the home is answered."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlops_store.errors import Problem
from mlops_tui.daemon.http_status import error_body

LOG = logging.getLogger("mlops_tui.daemon")
LONGEST_HEAD = 64 << 10
"""Bytes that may come one after the other without being body: the parser itself would gather headers without end."""
DEAF = 30.0
"""Seconds that a client may take nothing at all of what is written to it, once the buffers are full."""


def peer_uid(connection: socket.socket) -> int | None:
    """The uid of the process at the other end of a Unix socket; None where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    return None


class OwnerOnly(HttpToolsProtocol):
    """HTTP for the owner; anyone else's connection is closed unread. (The folder's mode already keeps them out.)

    One who asks and does not read is cut off: what waits for it is bounded, but it would keep the daemon awake for ever.
    """

    refused = False
    _head = 0
    _look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        connection = cast(Any, transport.get_extra_info("socket"))
        uid = peer_uid(connection) if connection is not None else None
        if uid is not None and uid != os.getuid():
            LOG.warning("a connection of uid %d was refused", uid)
            self.refused = True
            transport.abort()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._look_no_more()
        if not self.refused:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def send_400_response(self, msg: str) -> None:
        """As uvicorn's own, in the form of all our errors."""
        body = error_body(Problem("bad_request", msg, "send HTTP/1.1", status=2))
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nx-exit-code: 2\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def on_headers_complete(self) -> None:
        self._head = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        self._look_no_more()
        super().resume_writing()

    def _look_again(self) -> None:
        self._look = self.loop.call_later(DEAF, self._cut_off, self.transport.get_write_buffer_size())

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _cut_off(self, before: int) -> None:
        """Slow is not deaf: whoever took anything since is waited for."""
        if self.transport.get_write_buffer_size() < before:
            self._look_again()
            return
        LOG.warning("a client that took nothing for %g s is cut off; it may ask again", DEAF)
        self.transport.abort()
