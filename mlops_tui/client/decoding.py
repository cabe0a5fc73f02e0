"""Answers into structs, from several threads: msgspec builds what it knows of a type when the type is first used, and two threads that
do so at once can bring the process down. Here one builds at a time."""

from __future__ import annotations

import threading
from typing import Any

import msgspec

_LOCK = threading.Lock()
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """The decoder of a type, made once. Raises TypeError."""
    with _LOCK:
        found = _DECODERS.get(kind)
        if found is None:
            found = _DECODERS[kind] = msgspec.json.Decoder(kind)
    return found


def decode(body: bytes, kind: Any) -> Any:
    """A JSON document as that type. Raises msgspec.DecodeError."""
    return decoder(kind).decode(body)
