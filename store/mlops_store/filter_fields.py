"""What can be filtered: of each list its fields with their types. Errors, completion, SQL and docs/scripting.md go by this table.

A list has the name of its verb, without `list`: `run`, `proposal`, `data quarantine`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from mlops_store.records import ProposalState, RunKind, RunState, Verdict

Kind = Literal["text", "number", "time", "span", "param"]
"""What a field's values are; `param` compares as a number where both sides are numbers, else as text."""


class Column(msgspec.Struct, frozen=True):
    """A field of a list; `values` are all that it can have, where they are few."""

    kind: Kind = "text"
    hint: str = ""
    values: tuple[str, ...] = ()


class Noun(msgspec.Struct, frozen=True):
    """What one list shows.

    `order` is how it is sorted unless asked otherwise. A bare word looks for itself in the fields of `search`, and at the start of those of
    `begins`. `since` is the field from which the `age` counts. `tracked`: it has tags, params and metrics.
    """

    plural: str
    columns: Mapping[str, Column]
    order: str
    search: tuple[str, ...]
    begins: tuple[str, ...] = ()
    since: str = "created"
    synonyms: Mapping[str, str] = msgspec.field(default_factory=dict)
    tracked: bool = False

    def column(self, name: str) -> str | None:
        """The field that a name means, whatever its case; None where there is none."""
        low = name.lower()
        low = self.synonyms.get(low, low)
        return low if low in self.columns else None


def _text(hint: str = "", *values: str) -> Column:
    return Column("text", hint, values)


def _number(hint: str = "") -> Column:
    return Column("number", hint)


def _time(hint: str = "") -> Column:
    return Column("time", hint)


_AGE = Column("span", "how long ago")
_PROJECT = _text("name of the project")
_VERDICTS: tuple[str, ...] = get_args(Verdict)

NOUNS: Mapping[str, Noun] = {
    "run": Noun(
        "runs",
        {
            "id": _text("run id"), "name": _text("label"), "kind": _text("what it does", *get_args(RunKind)),
            "state": _text("where it stands", *get_args(RunState)), "project": _PROJECT, "experiment": _text("set of runs"),
            "model": _text("name of the model"), "actor": _text("who started it"), "created": _time("submitted"), "started": _time(),
            "ended": _time(), "age": _AGE, "duration": Column("span", "of the newest attempt"), "exit_code": _number(),
            "signal": _number(), "attempts": _number("how often it was started"), "note": _text("what people wrote on it"),
        },
        order="-created", search=("name", "experiment", "model", "note"), begins=("id",), synonyms={"run_id": "id"}, tracked=True,
    ),
    "model": Noun(
        "models",
        {
            "name": _text(), "project": _PROJECT, "metric": _text("what the gate judges by"),
            "direction": _text("which is better", "max", "min"), "version": _number("the newest version"),
            "champion": _number("the version that serves"), "verdict": _text("of the newest version", *_VERDICTS),
            "created": _time("first registered"), "updated": _time("newest version registered"), "age": _AGE,
        },
        order="project", search=("name", "project"), synonyms={"model": "name", "versions": "version"},
    ),
    "model history": Noun(
        "alias moves",
        {
            "alias": _text("champion, challenger, …"), "from": _number("version before"), "to": _number("version after"),
            "verdict": _text("that went with it", *_VERDICTS), "verdict_id": _text("run that was judged"), "why": _text("reason given"),
            "actor": _text("who moved it"), "time": _time(), "age": _AGE, "seq": _number("entry in the ledger"),
        },
        order="-seq", search=("alias", "why", "actor"), since="time", synonyms={"created": "time"},
    ),
    "proposal": Noun(
        "proposals",
        {
            "id": _text("id of the card"), "project": _PROJECT, "model": _text("name of the model"),
            "state": _text("where it stands", *get_args(ProposalState)), "revision": _number("grows with each firing"),
            "verdict": _text("of its run", *_VERDICTS), "reasons": _text("why it was opened"), "decided_by": _text("who decided"),
            "why": _text("reason of the decision"), "run_id": _text("its run"), "created": _time("opened"), "updated": _time(),
            "until": _time("snoozed until"), "expires": _time(), "age": _AGE,
        },
        order="-created", search=("model", "reasons", "why", "decided_by"), begins=("id",), synonyms={"reason": "why"},
    ),
    "data": Noun(
        "data versions",
        {
            "project": _PROJECT, "source": _text("source of mlops.toml"), "version": _number(), "snapshot": _text("its identity"),
            "rows": _number(), "files": _number("batches"), "schema_version": _number(),
            "quarantined": _number("files of the source that wait"), "min_event_time": _time("first event"),
            "max_event_time": _time("last event"), "run_id": _text("run that admitted it"), "created": _time("admitted"), "age": _AGE,
        },
        order="-created", search=("source", "project"), begins=("snapshot", "run_id"), synonyms={"schema": "schema_version"},
    ),
    "data quarantine": Noun(
        "quarantined files",
        {
            "project": _PROJECT, "source": _text("source of mlops.toml"), "path": _text("where it was delivered"), "sha256": _text(),
            "bytes": _number("size"), "reason": _text("why it was refused"), "time": _time("refused"), "age": _AGE,
        },
        order="-time", search=("path", "source", "reason"), begins=("sha256",), since="time", synonyms={"created": "time"},
    ),
    "monitor": Noun(
        "monitored sources",
        {
            "project": _PROJECT, "source": _text("source of mlops.toml"), "model": _text("that learns from it"),
            "champion": _number("the version that is looked at"), "version": _number("the newest data version"), "rows": _number(),
            "drift": _text("of the newest look", "quiet", "unknown", "alarm", "major"), "features": _text("that alarmed, with commas"),
            "metric": _text("what the gate judges by"), "performance": _number("of the newest look"), "looks": _number("drift runs"),
            "alarms": _number("of them that alarmed"), "looked": _time("newest look"), "quarantined": _number("files that wait"),
            "warnings": _number("of the newest data version"), "min_event_time": _time("first event"), "max_event_time": _time("last event"),
            "time": _time("newest data version"), "age": _AGE,
        },
        order="project", search=("source", "model", "project", "features"), since="time", synonyms={"created": "time", "name": "source"},
    ),
    "feature": Noun(
        "feature views",
        {
            "name": _text(), "project": _PROJECT, "version": _number("the newest"), "source": _text("source of mlops.toml"),
            "entities": _text("keys, with commas"), "features": _text("names, with commas"), "max_age": Column("span", "older rows are left out"),
            "knowledge": _text("where its knowledge time is from"), "description": _text(), "definition": _text("hash of the definition"),
            "created": _time("this version"), "age": _AGE,
        },
        order="project", search=("name", "source", "features", "description"), synonyms={"view": "name", "max_age_ms": "max_age"},
    ),
    "ledger": Noun(
        "ledger entries",
        {
            "seq": _number("place in the ledger"), "time": _time(), "age": _AGE, "actor": _text("who"), "verb": _text("alias.move, run.submit, …"),
            "subject": _text("what it is about"), "project": _PROJECT, "model": _text("name of the model"), "run_id": _text("run it names"),
            "data": _text("all else, as JSON"), "why": _text("reason given"), "hash": _text(),
        },
        order="-seq", search=("verb", "subject", "actor", "why", "data"), begins=("hash",), since="time", synonyms={"created": "time"},
    ),
    "project": Noun(
        "projects",
        {
            "name": _text(), "dir": _text("its folder"), "added": _time(), "age": _AGE, "sources": _text("names, with commas"),
            "models": _text("names, with commas"), "problems": _text("what is wrong with its mlops.toml"),
        },
        order="name", search=("name", "dir", "sources", "models"), since="added", synonyms={"created": "added", "project": "name"},
    ),
}  # fmt: skip
