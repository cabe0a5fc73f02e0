"""A filter that is wrong, as two lines: what was typed, and a mark below the place."""

from __future__ import annotations

from typing import Any

from mlops_store.filter_fields import NOUNS
from mlops_tui.client.filtering import check
from mlops_tui.pages.layout import cells
from mlops_tui.text import clean
from mlops_tui.verbs import Verb

_BEFORE, _AFTER = 50, 25
"""Characters that are shown on either side of the place."""


def pointed(verb: Verb, request: Any) -> str:
    """The filter of a question with a mark below what is wrong with it; empty where nothing is found to be."""
    text = getattr(request, "filter", None) or ""
    list_ = verb.key.removesuffix(" list")
    problem = check(list_ if list_ in NOUNS else verb.noun, text)
    if problem is None:
        return ""
    start = max(problem.at - _BEFORE, 0)
    before = ("…" if start else "") + clean(text[start : problem.at])
    after = clean(text[problem.at : problem.at + _AFTER]) + ("…" if problem.at + _AFTER < len(text) else "")
    return f"  {before}{after}\n  {' ' * cells(before)}^"
