"""What would take a decision back, verb by verb.

`UNDO` has a function for each verb of the ledger that can be undone; it raises a Problem where that is not possible (any more). What is not in it
cannot be undone, and `FOR_GOOD` says why, and what to do instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops_store.errors import Problem
from mlops_store.index import ledger_log, models, proposals
from mlops_store.index.ledger_log import Row
from mlops_store.index.tx import Read, Tx
from mlops_tui.services.configs import look
from mlops_tui.services.run_marks import note_of, tags_of
from mlops_tui.text import short

Db = Read | Tx
_DAY = 86_400_000


@dataclass(frozen=True)
class Reversal:
    """What takes an entry back: a ledger entry, and in words what becomes of it."""

    step: str
    verb: str
    subject: str
    data: dict[str, Any]


Undo = Callable[[Db, Row], Reversal]
"""From an entry (a row of the ledger, `data` as data) to its reversal. Raises Problem."""


def _alias(db: Db, entry: Row) -> Reversal:
    data = entry["data"]
    project, model, alias = data["project"], data["model"], data["alias"]
    gone, by = ledger_log.undone(db)
    moves = db.rows(
        "SELECT seq, to_version FROM alias_moves WHERE project = ? AND model = ? AND alias = ? AND seq > ? ORDER BY seq",
        [project, model, alias, entry["seq"]],
    )
    # a move that was taken back, and the one that took it back, are as if they had not been
    if any(move["seq"] not in gone and by.get(move["seq"]) not in gone for move in moves):
        at = moves[-1]["to_version"]
        raise Problem("alias_moved", f"{alias} of {model} has moved since entry {entry['seq']}: it is on {'no version' if at is None else f'version {at}'} now",
                      f"`mlops-tui model history {model}` shows its moves; undo the newest one first", status=3)  # fmt: skip
    back, here = data.get("from"), data.get("to")
    verdict = models.newest_verdict(db, project, model, back) if back is not None else None
    step = (
        f"move {alias} of {model} from version {here} back to version {back}"
        if back is not None
        else f"take {alias} of {model} away from version {here}: it named nothing before"
    )
    # what undoes a promotion is a rollback, what undoes a rollback is a promotion again
    new = {"project": project, "model": model, "alias": alias, "from": here, "to": back, "verdict_id": verdict,
           "rollback": not data.get("rollback")}  # fmt: skip
    return Reversal(step, "alias.move", entry["subject"], new)


def _decision(db: Db, entry: Row) -> Reversal:
    data = entry["data"]
    card = proposals.find(db, data["id"])
    if data.get("decision") not in ("REJECTED", "SNOOZED"):
        raise Problem("not_reversible", f"card {data['id']} was approved: its training was started",
                      "`mlops-tui run stop RUN` stops it; nothing is promoted by it unless a policy says so")  # fmt: skip
    if card is None or card["state"] != data["decision"]:
        raise Problem("changed_since", f"card {data['id']} is {card['state'] if card else 'gone'} by now, not {data['decision']}",
                      f"`mlops-tui proposal show {data['id']}`", status=3)  # fmt: skip
    other = proposals.active(db, card["project"], card["model"])
    if other is not None and other["id"] != card["id"]:
        raise Problem("newer_card", f"model {card['model']} has a newer card, {other['id']} ({other['state']})",
                      f"decide that one: `mlops-tui proposal show {other['id']}`")  # fmt: skip
    expires = max(card["expires"], db.now + _DAY) if card["expires"] is not None else None
    step = f"open card {card['id']} of {card['model']} again, which was {data['decision']} because: {short(entry['why'] or 'no reason given', 200)}"
    return Reversal(step, "proposal.reopen", card["id"], {"id": card["id"], "expires": expires})


def _waiver(db: Db, entry: Row) -> Reversal:
    row = db.one("SELECT * FROM waivers WHERE seq = ?", [entry["seq"]])
    if row is None or row["expires"] <= db.now:
        raise Problem("changed_since", "the waiver has ended already", "there is nothing to undo", status=3)
    version = f"{row['model']}@{row['version']}"
    data = {
        "project": row["project"],
        "model": row["model"],
        "version": row["version"],
        "check": row["check"],
        "seq": entry["seq"],
    }
    return Reversal(
        f"end the waiver of {row['check']!r} for {version}; an alias that was moved by it stays",
        "gate.unwaive",
        entry["subject"],
        data,
    )


def _tag(db: Db, entry: Row) -> Reversal:
    data = entry["data"]
    run_id, before = data["run_id"], data.get("before") or {}
    made = {**dict.fromkeys([*data.get("remove", []), *data.get("clear", [])]), **data.get("set", {})}
    now = tags_of(db, run_id)
    moved = [key for key, value in made.items() if key not in data.get("clear", []) and now.get(key) != value]
    if moved:
        raise Problem("changed_since", f"tags of run {run_id} have changed since entry {entry['seq']}: {', '.join(moved)[:200]}",
                      f"`mlops-tui run tag {run_id} --tag KEY=VALUE` sets them", status=3)  # fmt: skip
    clear = [
        key for key in data.get("fresh", []) if key in made
    ]  # nobody had said anything of them: the run's own word holds again
    back = {key: before.get(key) for key in made if key not in clear}
    new = {
        "run_id": run_id, "project": data.get("project"), "set": {k: v for k, v in back.items() if v is not None},
        "remove": [k for k, v in back.items() if v is None], "clear": clear, "before": {key: now.get(key) for key in made},
    }  # fmt: skip
    shown = ", ".join(
        f"{key} = {before[key]!r}" if before.get(key) is not None else f"no {key}" for key in made
    )
    return Reversal(f"tags of run {run_id} as they were: {short(shown, 300)}", "run.tag", run_id, new)


def _note(db: Db, entry: Row) -> Reversal:
    data = entry["data"]
    run_id, before = data["run_id"], data.get("before") or ""
    if note_of(db, run_id) != data["text"]:
        raise Problem("changed_since", f"the note of run {run_id} was written again since entry {entry['seq']}",
                      f"`mlops-tui run note {run_id} TEXT` writes over it", status=3)  # fmt: skip
    step = f"the note of run {run_id} as it was: {short(before, 200) if before else 'none'}"
    new = {"run_id": run_id, "project": data.get("project"), "text": before, "before": data["text"]}
    return Reversal(step, "run.note", run_id, new)


def _add(db: Db, entry: Row) -> Reversal:
    name, folder = entry["data"]["name"], entry["data"]["dir"]
    _project(db, entry, "removed IS NULL AND dir = ?", [folder])
    step = f"stop looking after {name}; its runs, data versions and models stay"
    return Reversal(step, "project.remove", name, {"name": name})


def _remove(db: Db, entry: Row) -> Reversal:
    name = entry["data"]["name"]
    folder = _project(db, entry, "removed IS NOT NULL", [])["dir"]
    seen = look(folder)
    if seen.problem is not None:
        raise seen.problem
    if seen.config is None or seen.config.name != name:
        raise Problem("changed_since", f"{folder} is not the project {name!r} any more", "`mlops-tui project add DIR` adds the folder where it is now",
                      status=3)  # fmt: skip
    return Reversal(
        f"look after {name} in {folder} again", "project.add", name, {"name": name, "dir": folder}
    )


def _project(db: Db, entry: Row, condition: str, params: list[Any]) -> Row:
    """The project, if it is as the entry left it. Raises Problem."""
    name = entry["data"]["name"]
    row = db.one(f"SELECT name, dir FROM projects WHERE name = ? AND {condition}", [name, *params])
    if row is None:
        raise Problem("changed_since", f"project {name!r} was added or removed since entry {entry['seq']}",
                      "`mlops-tui ledger list --verb project` shows it", status=3)  # fmt: skip
    return row


def _deleted(db: Db, entry: Row) -> Reversal:
    run_id = entry["data"]["run_id"]
    row = db.one("SELECT name, deleted, purged FROM runs WHERE run_id = ?", [run_id])
    if row is None or row["deleted"] != entry["seq"] or row["purged"] is not None:
        why = (
            "the trash was emptied since"
            if row and row["purged"] is not None
            else "it was brought back since"
        )
        raise Problem("changed_since", f"run {run_id}: {why}", "`mlops-tui run list --deleted` shows what is in the trash", status=3)  # fmt: skip
    return Reversal(f"bring {row['name']} back from the trash", "run.restore", run_id, {"run_id": run_id})


def _archived(db: Db, entry: Row) -> Reversal:
    run_id = entry["data"]["run_id"]
    row = db.one("SELECT name, archived, deleted FROM runs WHERE run_id = ?", [run_id])
    hidden = entry["verb"] == "run.archive"
    if row is None or row["deleted"] is not None or (row["archived"] is not None) != hidden:
        raise Problem("changed_since", f"run {run_id} is not as entry {entry['seq']} left it", f"`mlops-tui run show {run_id}`", status=3)  # fmt: skip
    step = f"list {row['name']} again" if hidden else f"leave {row['name']} out of lists again"
    return Reversal(step, "run.unarchive" if hidden else "run.archive", run_id, {"run_id": run_id})


def over(db: Db, entry: Row) -> bool:
    """Whether a decision holds no more without having been undone: a run that was restored, a waiver that has ended."""
    if entry["verb"] == "run.delete":
        row = db.one("SELECT deleted FROM runs WHERE run_id = ?", [entry["data"]["run_id"]])
        return row is not None and row["deleted"] != entry["seq"]
    if entry["verb"] == "gate.waive":
        row = db.one("SELECT expires FROM waivers WHERE seq = ?", [entry["seq"]])
        return row is None or row["expires"] <= db.now
    return False


UNDO: dict[str, Undo] = {
    "alias.move": _alias,
    "proposal.decide": _decision,
    "gate.waive": _waiver,
    "run.tag": _tag,
    "run.note": _note,
    "run.delete": _deleted,
    "run.archive": _archived,
    "run.unarchive": _archived,
    "project.add": _add,
    "project.remove": _remove,
}

FOR_GOOD = {
    "data.admit": "rows that were admitted are part of immutable data versions, and models may have learned from them; deliver a correction under the "
    "same path: it replaces the batch in the next version",
    "data.drop": "the delivered file is still there: `mlops-tui data add SOURCE FILE`",
    "data.redrive": "the file was looked at again; `mlops-tui data quarantine` shows what waits",
    "model.register": "versions are never taken back nor reused: `mlops-tui model rollback MODEL` changes which one serves",
    "gate.verdict": "a verdict is evidence; a waiver can stand beside it: `mlops-tui model waive`",
    "gate.look": "rows that were seen cannot be unseen",
    "gate.unwaive": "`mlops-tui model waive` makes a new waiver",
    "run.submit": "`mlops-tui run stop RUN` stops it, or withdraws it while it waits",
    "run.stop": "`mlops-tui run resume RUN` goes on from the failed stage",
    "run.resume": "`mlops-tui run stop RUN` stops it",
    "run.restore": "`mlops-tui run delete RUN` deletes it again",
    "run.purge": "what the trash held is gone; a backup may have it: `mlops-tui home import DIR`",
    "run.adopt": "`mlops-tui run delete RUN` deletes it here",
    "setting.set": "`mlops-tui home budget` sets it again",
    "home.restore": "`mlops-tui home gc` collects again",
    "import.entry": "it has no effect: it only stands here",
    "policy.set": "policies are what mlops.toml says: change auto_approve or auto_promote there",
    "proposal.open": "`mlops-tui proposal reject CARD` closes it",
    "proposal.reopen": "decide again: `mlops-tui proposal reject CARD` or `snooze`",
    "prediction.record": "predictions were made; the file is yours to delete",
}
"""Why a verb cannot be undone, and what to do instead."""
