"""Feature views, models, versions, aliases, verdicts, waivers and looks."""

from __future__ import annotations

from mlops_store.index.database import Connection
from mlops_store.index.payload import flag, integer, json_field, mapping, maybe_text, text
from mlops_store.records import LedgerEntry


def _view(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "INSERT INTO views VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [text(data, "project"), text(data, "view"), integer(data, "version"), text(data, "definition"),
         text(mapping(data, "record"), "source"), json_field(data, "record"), entry.time, entry.seq],
    )  # fmt: skip


def _register(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    project, model, version = text(data, "project"), text(data, "model"), integer(data, "version")
    metric, direction = text(data, "metric"), text(data, "direction")
    con.execute(
        "INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET metric = excluded.metric, "
        "direction = excluded.direction, latest_version = greatest(latest_version, excluded.latest_version)",
        [project, model, metric, direction, version, entry.time, entry.seq],
    )
    con.execute(
        "INSERT INTO model_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [project, model, version, text(data, "run_id"), text(data, "digest"), text(data, "tree"),
         json_field(data, "metrics") or "{}", metric, direction, json_field(data, "gate"),
         maybe_text(mapping(data, "gate"), "verdict"), json_field(data, "feature_service") or "[]",
         json_field(data, "manifest") or "{}", text(data, "python"), json_field(data, "pins") or "{}",
         integer(data, "training_rows"), entry.time, entry.actor, entry.seq],
    )  # fmt: skip
    if metric and direction in ("max", "min"):
        con.execute(
            "INSERT INTO directions VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET direction = excluded.direction, seq = excluded.seq",
            [project, metric, direction, entry.seq],
        )


def _verdict(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    project, model, version = text(data, "project"), text(data, "model"), integer(data, "version")
    verdict_id, verdict = text(data, "verdict_id"), text(data, "verdict")
    run_id = maybe_text(data, "run_id") or verdict_id
    con.execute(
        "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            verdict_id,
            project,
            model,
            version,
            run_id,
            verdict,
            json_field(data, "gate"),
            entry.time,
            entry.seq,
        ],
    )
    if version is not None:
        con.execute(
            "UPDATE model_versions SET verdict = ?, gate = coalesce(?, gate) WHERE project = ? AND model = ? AND version = ?",
            [verdict, json_field(data, "gate"), project, model, version],
        )


def _waive(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "INSERT INTO waivers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [text(data, "project"), text(data, "model"), integer(data, "version"), text(data, "verdict_id"), text(data, "check"),
         text(data, "name"), text(data, "reason"), integer(data, "expires"), entry.time, entry.seq],
    )  # fmt: skip


def _unwaive(con: Connection, entry: LedgerEntry) -> None:
    """The waiver that ledger entry `seq` made ends now; it stays in the list as one that has expired."""
    con.execute(
        "UPDATE waivers SET expires = least(expires, ?) WHERE seq = ?",
        [entry.time, integer(entry.data, "seq")],
    )


def _look(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "INSERT INTO looks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [text(data, "project"), text(data, "model"), text(data, "evaluation_key"), integer(data, "look"),
         maybe_text(data, "run_id"), maybe_text(data, "split_by"), json_field(data, "batches"), entry.time, entry.seq],
    )  # fmt: skip


def _move(con: Connection, entry: LedgerEntry) -> None:
    """`to` null takes the alias away; the row stays, with no version, so that its history keeps a name."""
    data = entry.data
    project, model, alias = text(data, "project"), text(data, "model"), text(data, "alias")
    con.execute(
        "INSERT INTO aliases VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET version = excluded.version, moved = excluded.moved, seq = excluded.seq",
        [project, model, alias, integer(data, "to"), entry.time, entry.seq],
    )
    con.execute(
        "INSERT INTO alias_moves VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [entry.seq, entry.time, entry.actor, project, model, alias, integer(data, "from"), integer(data, "to"),
         maybe_text(data, "verdict_id"), text(data, "why") or entry.why, flag(data, "rollback") or False],
    )  # fmt: skip


HANDLERS = {
    "view.define": _view,
    "model.register": _register,
    "gate.verdict": _verdict,
    "gate.waive": _waive,
    "gate.unwaive": _unwaive,
    "gate.look": _look,
    "alias.move": _move,
}
