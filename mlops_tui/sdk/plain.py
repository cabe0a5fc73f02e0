"""Parameters as records hold them: whatever training code calls a parameter must not end its run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from mlops_store.journal import MAX_TEXT, cut


def plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, text, lists and tables as JSON has them (numpy's scalars too); all else as text, capped."""
    return {str(key): _plain(value) for key, value in params.items()}


def _plain(value: Any) -> Any:
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, int) and value.bit_length() > 63:
        return hex(value)[:MAX_TEXT]  # no reader has numbers so long, and their decimal form may be refused
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _text(value)
    return msgspec.json.decode(encoded) if len(encoded) <= MAX_TEXT else _text(value)


def _text(value: Any) -> str:
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 - code of the user's own, which may raise anything
        text = f"<{type(value).__name__}: {type(error).__name__}>"
    return cut(text).encode(errors="backslashreplace").decode()
