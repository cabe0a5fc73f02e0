"""The connection to the daemon of a home: standard library and msgspec only, since every command pays for it."""

from __future__ import annotations

from mlops_tui.client.client import Client, connect

__all__ = ["Client", "connect"]
