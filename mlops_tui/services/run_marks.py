"""What people say of a run: tags and a note. Decisions of the ledger, which stand over the tags of the run's own journals."""

from __future__ import annotations

import shlex

from mlops_store.errors import Problem
from mlops_store.ids import RUN_ID
from mlops_store.index.marks import MARKS, Marks
from mlops_store.index.tx import Read, Tx
from mlops_store.redact import redact_text
from mlops_tui.services import run_rows
from mlops_tui.services.run_several import words_of
from mlops_tui.verbs.run import Marked, RunNote, RunSeveral, RunTag

_LONGEST_KEY = 250
_LONGEST_VALUE = 5_000
_LONGEST_NOTE = 20_000
_MOST = 100


def tag(tx: Tx, request: RunTag) -> Marked:
    """Sets and removes tags of runs, of all or of none. What is so already is no change, and no entry. Raises Problem."""
    wanted = {key: redact_text(value) for key, value in request.tags.items()}
    _check(wanted, request.remove, request.more)
    every = _marks(tx, request)
    changed = []
    for marks in every:
        now = marks.tags
        given = {key: value for key, value in wanted.items() if now.get(key) != value}
        removed = sorted({key for key in request.remove if key in now})
        if not given and not removed:
            continue
        before = {key: now.get(key) for key in (*given, *removed)}
        tx.append(
            "run.tag",
            marks.run_id,
            {
                "run_id": marks.run_id,
                "project": marks.project,
                "set": given,
                "remove": removed,
                "before": before,
                "fresh": sorted(before.keys() - marks.said),
            },
            why=request.reason,
        )
        changed.append(marks.run_id)
    left = {key: value for key, value in every[0].tags.items() if key not in request.remove}
    return _answer(every, changed, tags={**left, **wanted})


def note(tx: Tx, request: RunNote) -> Marked:
    """Writes a note on runs over the ones before; an empty text takes them away. Raises Problem."""
    text = redact_text(request.text.strip())
    if len(text) > _LONGEST_NOTE:
        raise Problem(
            "note_too_long",
            f"a note has at most {_LONGEST_NOTE:,} characters, this one {len(text):,}",
            "put it into a file among the run's artifacts",
            status=2,
        )
    every = _marks(tx, request)
    changed = [marks for marks in every if text != marks.note]
    for marks in changed:
        data = {"run_id": marks.run_id, "project": marks.project, "text": text, "before": marks.note}
        tx.append("run.note", marks.run_id, data, why=request.reason)
    return _answer(every, [marks.run_id for marks in changed], note=text)


def _marks(tx: Tx, request: RunSeveral) -> list[Marks]:
    """What is said of each of the runs that were named. Raises Problem."""
    found: dict[str, Marks] = {}
    words = words_of(request)
    known = tx.facts(MARKS, filter(RUN_ID.match, words))  # a whole id needs no search for what begins so
    for text in words:
        marks = known.get(text)
        if marks is None:
            run_id = run_rows.find_run(tx, text, request.project)
            run_rows.row_of(tx, run_id)  # says of a deleted run how it comes back
            marks = tx.fact(MARKS, run_id)
        assert marks is not None
        found.setdefault(marks.run_id, marks)
    return list(found.values())


def _answer(
    every: list[Marks], changed: list[str], tags: dict[str, str] | None = None, note: str | None = None
) -> Marked:
    marks = every[0]
    return Marked(
        run_id=marks.run_id,
        name=marks.name,
        project=marks.project,
        tags=marks.tags if tags is None else dict(sorted(tags.items())),
        note=marks.note if note is None else note,
        changed=changed,
        unchanged=[each.run_id for each in every if each.run_id not in changed],
    )


def tags_of(db: Read | Tx, run_id: str) -> dict[str, str]:
    """The tags of a run as they are shown."""
    found = db.rows("SELECT key, value FROM tags WHERE run_id = ? ORDER BY key", [run_id])
    return {row["key"]: row["value"] for row in found}


def note_of(db: Read | Tx, run_id: str) -> str:
    """The note of a run; empty where it has none."""
    row = db.one("SELECT note FROM notes WHERE run_id = ?", [run_id])
    return row["note"] if row else ""


def _check(given: dict[str, str], removed: list[str], more: list[str]) -> None:
    typed = next((word for word in more if "=" in word), None)
    if typed is not None:
        raise Problem(
            "bad_tag",
            f"{typed[:200]!r} is no run",
            f"a tag is set by --tag {shlex.quote(typed[:200])}",
            status=2,
        )
    if not given and not removed:
        raise Problem(
            "no_tags",
            "no tag is named",
            "mlops-tui run tag RUN --tag KEY=VALUE, or --remove KEY",
            status=2,
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
