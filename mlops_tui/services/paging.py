"""Pages of lists: `next` is the place of the last item, not a count, so new items shift nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from mlops_store.errors import Problem
from mlops_tui.verbs._declare import Page

T = TypeVar("T")
P = TypeVar("P")


def page_of(found: Sequence[T], limit: int, place: Callable[[T], Any]) -> Page[T]:
    """A page of what a query for `limit + 1` items found; `place(item)` is JSON data, a number, text or a list of them."""
    items = list(found[:limit])
    more = len(found) > limit
    return Page(items=items, next=_token(place(items[-1])) if more and items else None)


def start_of(token: str | None, kind: type[P], default: P) -> P:
    """The place after which a page starts; `default` for the first page. Raises Problem `bad_page`."""
    if token is None:
        return default
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        return msgspec.json.decode(raw, type=kind)
    except (binascii.Error, UnicodeError, RecursionError, msgspec.DecodeError) as error:
        raise Problem("bad_page", f"{token[:40]!r} is not the `next` of a page", "", status=2) from error


def _token(place: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode("ascii").rstrip("=")
