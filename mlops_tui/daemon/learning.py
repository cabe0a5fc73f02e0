"""What msgspec knows of a type it builds when the type is first used, and two threads that do so at once can bring the process down."""

from __future__ import annotations

import contextlib

import msgspec

_OURS = ("mlops_store.", "mlops_tui.services.", "mlops_tui.daemon.")


def learn_types(base: type[msgspec.Struct] = msgspec.Struct) -> None:
    """Has it built for each record of ours that is imported, before threads do."""
    for kind in base.__subclasses__():
        learn_types(kind)
        if kind.__module__.startswith(_OURS):
            with contextlib.suppress(TypeError):  # one that cannot be read from JSON is read by nobody
                msgspec.json.Decoder(kind)
