"""What an entry of the ledger is about. Entries about different things can be told, left out and merged apart from each other."""

from __future__ import annotations

from typing import Any

from mlops_store.records import LedgerEntry

Scope = tuple[str, ...]
"""("run", id) · ("project", name) · ("source", project, source) · ("view", project, view) · ("model", project, model) · ("home",)"""

HOME: Scope = ("home",)


class Scopes:
    """Told all entries in their order: some name only a card or a run, and earlier ones say whose."""

    def __init__(self) -> None:
        self._cards: dict[str, Scope] = {}
        self._projects: dict[str, str] = {}

    def of(self, entry: LedgerEntry) -> Scope:
        """The scope of the next entry."""
        data, noun = entry.data, entry.verb.split(".", 1)[0]
        project = _text(data, "project")
        if noun in ("run", "prediction"):
            run_id = _text(data, "run_id")
            if project:
                self._projects.setdefault(run_id, project)
            return ("run", run_id)
        if noun == "project":
            return ("project", _text(data, "name"))
        if noun in ("data", "schema"):
            return ("source", project, _text(data, "source"))
        if noun == "view":
            return ("view", project, _text(data, "view"))
        if data.get("model"):
            scope: Scope = ("model", project, _text(data, "model"))
            if entry.verb == "proposal.open":
                self._cards[_text(data, "id")] = scope
            return scope
        return self._cards.get(_text(data, "id"), HOME) if noun == "proposal" else HOME

    def project(self, scope: Scope) -> str:
        """The project that a scope belongs to; '' where it is not known."""
        if scope[0] == "run":
            return self._projects.get(scope[1], "")
        return scope[1] if len(scope) > 1 else ""


def _text(data: dict[str, Any], field: str) -> str:
    value = data.get(field)
    return value if isinstance(value, str) else ""
