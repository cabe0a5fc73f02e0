"""What people say of a run: tags and a note. Decisions of the ledger, which stand over the tags of the run's own journals."""

from __future__ import annotations

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_store.redact import redact_text
from mlops_tui.services import run_rows
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.run import RunNote, RunTag

_LONGEST_KEY = 250
_LONGEST_VALUE = 5_000
_LONGEST_NOTE = 20_000
_MOST = 100


def tag(tx: Tx, request: RunTag) -> Run:
    """Sets and removes tags. What is so already is no change, and no entry. Raises Problem."""
    run_id = run_rows.find_run(tx, request.run_id, request.project)
    row = run_rows.row_of(tx, run_id)
    wanted = {key: redact_text(value) for key, value in request.tags.items()}
    _check(wanted, request.remove)
    now = tags_of(tx, run_id)
    given = {key: value for key, value in wanted.items() if now.get(key) != value}
    removed = sorted({key for key in request.remove if key in now})
    if given or removed:
        before = {key: now.get(key) for key in (*given, *removed)}
        said = {row["key"] for row in tx.rows("SELECT key FROM run_tags WHERE run_id = ?", [run_id])}
        tx.append(
            "run.tag",
            run_id,
            {
                "run_id": run_id,
                "project": row["project"],
                "set": given,
                "remove": removed,
                "before": before,
                "fresh": sorted(before.keys() - said),
            },
        )
    return run_rows.run_of(tx, run_id)


def note(tx: Tx, request: RunNote) -> Run:
    """Writes the note of a run over the one before; an empty text takes it away. Raises Problem."""
    run_id = run_rows.find_run(tx, request.run_id, request.project)
    row = run_rows.row_of(tx, run_id)
    text = redact_text(request.text.strip())
    if len(text) > _LONGEST_NOTE:
        raise Problem(
            "note_too_long",
            f"a note has at most {_LONGEST_NOTE:,} characters, this one {len(text):,}",
            "put it into a file among the run's artifacts",
            status=2,
        )
    before = row["note"] or ""
    if text != before:
        data = {"run_id": run_id, "project": row["project"], "text": text, "before": before}
        tx.append("run.note", run_id, data)
    return run_rows.run_of(tx, run_id)


def tags_of(db: Read | Tx, run_id: str) -> dict[str, str]:
    """The tags of a run as they are shown."""
    found = db.rows("SELECT key, value FROM tags WHERE run_id = ? ORDER BY key", [run_id])
    return {row["key"]: row["value"] for row in found}


def note_of(db: Read | Tx, run_id: str) -> str:
    """The note of a run; empty where it has none."""
    row = db.one("SELECT note FROM runs WHERE run_id = ?", [run_id])
    return (row["note"] if row else None) or ""


def _check(given: dict[str, str], removed: list[str]) -> None:
    if not given and not removed:
        raise Problem(
            "no_tags", "no tag is named", "mlops-tui run tag RUN KEY=VALUE, or --remove KEY", status=2
        )
    if len(given) + len(removed) > _MOST:
        raise Problem(
            "too_many_tags",
            f"{len(given) + len(removed)} tags at once are too many",
            f"at most {_MOST}",
            status=2,
        )
    for key in (*given, *removed):
        if not key.strip() or len(key) > _LONGEST_KEY:
            raise Problem(
                "bad_tag",
                f"{key[:40]!r} cannot be the name of a tag",
                f"1 to {_LONGEST_KEY} characters",
                status=2,
            )
        if key in given and key in removed:
            raise Problem(
                "bad_tag", f"tag {key!r} is set and removed at once", "leave one of them out", status=2
            )
    for key, value in given.items():
        if len(value) > _LONGEST_VALUE:
            raise Problem("bad_tag", f"the value of tag {key!r} has {len(value):,} characters", f"at most {_LONGEST_VALUE:,}; `run note` takes more",
                          status=2)  # fmt: skip
