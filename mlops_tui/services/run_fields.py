"""What runs can be filtered, sorted and shown by."""

from __future__ import annotations

from mlops_store.filter_fields import NOUNS
from mlops_store.index import run_fields
from mlops_store.index.tx import Read
from mlops_tui.verbs.run import Fields, RunField, RunFields

_MOST = 2000


def fields(read: Read, request: RunFields) -> Fields:
    """Columns first, then what the runs of the project have."""
    columns = [
        RunField(name=name, group="column", type="text" if column.kind == "param" else column.kind, examples=list(column.values))
        for name, column in NOUNS["run"].columns.items()
    ]  # fmt: skip
    own = [
        RunField(
            name=found.name,
            group=found.group,
            type="number" if found.numeric else "text",
            runs=found.runs,
            examples=found.examples,
        )
        for found in run_fields.named(read, request.project)
    ]
    start = request.prefix.lower()
    wanted = [field for field in (*columns, *own) if field.name.lower().startswith(start)]
    return Fields(fields=wanted[:_MOST], truncated=len(wanted) > _MOST)
