"""The connection to the daemon of a home: standard library and msgspec only, since every command pays for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_tui.client.client import Client, connect

__all__ = ["Client", "connect"]


def __getattr__(name: str) -> Any:
    """Imported when asked for: `--help` has no need of HTTP."""
    if name in __all__:
        from mlops_tui.client import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
