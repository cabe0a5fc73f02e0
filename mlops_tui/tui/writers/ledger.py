"""An entry of the ledger: what was decided, on what, by whom, when and why; what was before and what is after."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from mlops_tui.commandline.twin import command
from mlops_tui.tui.formats import glyphs, plain, short, when
from mlops_tui.tui.sheet import Sheet
from mlops_tui.verbs.ledger import REVERSIBLE, Entry

_WORDS = {
    "alias.move": "an alias was moved", "data.admit": "data were admitted", "data.drop": "a refused file was dropped",
    "data.quarantine": "a file was refused", "data.redrive": "a refused file was checked again", "firing.add": "a rule fired",
    "gate.look": "evaluation rows were looked at", "gate.verdict": "the gate has judged", "gate.waive": "a verdict was waived",
    "model.register": "a model version was registered", "policy.set": "a policy was set", "prediction.record": "rows were scored",
    "project.add": "a project was added", "project.remove": "a project was removed", "proposal.decide": "a card was decided",
    "proposal.open": "a card was opened", "proposal.reopen": "a card was opened again", "proposal.state": "a card went on",
    "proposal.update": "a card was added to", "run.archive": "a run was archived", "run.delete": "a run was deleted",
    "run.note": "a note was written", "run.restore": "a run was brought back", "run.resume": "a run was resumed",
    "run.settle": "the outcome of a run was recorded", "run.stop": "a run was asked to stop", "run.submit": "a run was queued",
    "run.tag": "tags were set", "run.unarchive": "a run was listed again", "schema.version": "a schema changed",
    "view.define": "a feature view was defined",
}  # fmt: skip
_SAID = frozenset({"from", "to", "before", "set", "remove", "clear", "fresh", "text", "decision", "project"})
"""Fields of `data` that are shown as before and after, or say where it was."""

Change = tuple[str, Any, Any]


def entity(row: Entry) -> str:
    """What an entry is about, as `lineage` takes it; empty where that has none."""
    data = row.data
    noun = row.verb.split(".")[0]
    if noun == "alias":
        return _named("alias", data.get("model"), data.get("alias"))
    if row.verb in ("model.register", "gate.waive"):
        return _named("model", data.get("model"), data.get("version"))
    if row.verb in ("data.admit", "view.define"):
        kind, name = ("data", "source") if noun == "data" else ("feature", "view")
        return _named(kind, data.get(name), data.get("version"))
    if noun == "proposal" or row.verb == "firing.add":
        card = data.get("id") or data.get("proposal_id")
        return f"proposal:{card}" if card else ""
    if row.verb == "policy.set":
        return _named("model", data.get("model"), None)
    return f"run:{data['run_id']}" if data.get("run_id") else ""


def _named(kind: str, name: object, which: object) -> str:
    return "" if not name else f"{kind}:{name}" if which is None else f"{kind}:{name}@{which}"


def changes(row: Entry) -> list[Change]:
    """(what, before, after) of each thing that an entry changed, as far as it says."""
    data = row.data
    if row.verb == "alias.move":
        return [(str(data.get("alias")), _version(data.get("from")), _version(data.get("to")))]
    if row.verb == "run.note":
        return [("note", data.get("before") or None, data.get("text") or None)]
    if row.verb == "run.tag":
        before, given = _table(data.get("before")), _table(data.get("set"))
        gone = [*_words(data.get("remove")), *_words(data.get("clear"))]
        return [(key, before.get(key), given.get(key)) for key in dict.fromkeys([*given, *gone])]
    if row.verb == "proposal.decide":
        return [("card", "OPEN", data.get("decision"))]
    return []


def _version(number: object) -> str | None:
    return None if number is None else f"version {number}"


def _table(found: object) -> dict[str, Any]:
    """A ledger of another home may hold anything."""
    return found if isinstance(found, dict) else {}


def _words(found: object) -> list[str]:
    return [str(word) for word in found] if isinstance(found, list) else []


def entry(row: Entry, width: int) -> Text:
    """All of it, laid out."""
    sheet = Sheet(width)
    words = _WORDS.get(row.verb, row.verb)
    if row.verb == "alias.move" and row.data.get("rollback"):
        words = "an alias was rolled back"
    sheet.line(Text.assemble(plain(f"{row.seq}  {words}", "bold"), "  ", plain(row.subject)))
    sheet.line()
    sheet.pairs([
        ("what", row.verb), ("about", entity(row).replace(":", " ", 1)), ("project", row.data.get("project")), ("who", row.actor),
        ("when", f"{when(row.time)} UTC"), ("why", row.why or glyphs().dash),
        ("undoes", f"entry {row.data['undoes']}" if "undoes" in row.data else None),
    ])  # fmt: skip
    changed = changes(row)
    if changed:
        sheet.heading(f"before {glyphs().arrow} after")
        sheet.table(
            ("", "before", "after"),
            [(name, _shown(before), _shown(after)) for name, before, after in changed],
        )
    rest = {key: value for key, value in row.data.items() if key not in (_SAID if changed else {"project"})}
    if rest:
        sheet.heading("recorded with it")
        sheet.pairs((key, short(value, 1000)) for key, value in rest.items())
    sheet.line()
    undo = command("ledger undo", {"seq": row.seq}) if row.verb in REVERSIBLE.values() else None
    sheet.pairs([("undo", undo), ("hash", row.hash)])
    return sheet.text


def _shown(value: Any) -> str | None:
    return None if value is None else short(value, 200)
