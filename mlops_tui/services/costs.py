"""How long a run will take, and how much room: by the last ones like it."""

from __future__ import annotations

from typing import Any

from mlops_store.index.tx import Read, Tx
from mlops_store.records import RunKind
from mlops_tui.text import lasted

_LAST = 3


def cost(
    db: Tx | Read, project: str, model: str | None, kind: RunKind = "train", *, source: str | None = None
) -> dict[str, Any]:
    """Time and disk by the last three runs of the kind that finished, of a model or of a `source`: {seconds, seconds_max, bytes, runs}; null where
    there was none."""
    done = db.rows(
        "SELECT r.run_id, r.duration_ms, (SELECT sum(size) FROM artifacts a WHERE a.run_id = r.run_id) AS bytes FROM runs r "
        "WHERE r.project = ? AND r.model IS NOT DISTINCT FROM ? AND r.kind = ? AND r.state = 'FINISHED' "
        "AND (? IS NULL OR r.request ->> '$.source' = ?) ORDER BY r.run_id DESC LIMIT ?",
        [project, model, kind, source, source, _LAST],
    )
    seconds = [row["duration_ms"] / 1000 for row in done if row["duration_ms"] is not None]
    sizes = [int(row["bytes"]) for row in done if row["bytes"] is not None]
    return {
        "seconds": round(sum(seconds) / len(seconds), 1) if seconds else None,
        "seconds_max": round(max(seconds), 1) if seconds else None,
        "bytes": max(sizes) if sizes else None,
        "runs": len(done),
    }


def takes(
    db: Tx | Read,
    project: str,
    model: str | None,
    kind: RunKind = "train",
    *,
    source: str | None = None,
    runs: int = 1,
) -> str:
    """The same as a step of a plan, for so many `runs` one after the other: `about 42.0s, at most 61.0s, by 3 earlier runs of late-departure`."""
    found = cost(db, project, model, kind, source=source)
    if found["seconds"] is None:
        return "nothing is known of its time yet"
    count = found["runs"]
    alike = f"{count} earlier {'run' if count == 1 else 'runs'} of {source or model or project}"
    mean, most = (lasted(round(1000 * runs * found[name])) for name in ("seconds", "seconds_max"))
    return f"about {mean}, at most {most}, by {alike}" if count > 1 else f"about {mean}, by {alike}"
