"""Who is at the other end of a connection: no one but the owner of the home is answered."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

LOG = logging.getLogger("mlops_tui.daemon")


def peer_uid(connection: socket.socket) -> int | None:
    """The uid of the process at the other end of a Unix socket; None where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    return None


class OwnerOnly(H11Protocol):
    """HTTP for the owner; anyone else's connection is closed unread. (The folder's mode already keeps them out.)"""

    refused = False

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
        if not self.refused:
            super().connection_lost(exc)
