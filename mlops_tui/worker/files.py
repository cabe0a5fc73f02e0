"""Reading a delivered file: one exact table or one exact reason."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_store.records import Column
from mlops_tui.worker.delivery import Delivery, Refused
from mlops_tui.worker.parquet_file import read_parquet
from mlops_tui.worker.table_schema import Table
from mlops_tui.worker.text_file import read_text


def read_table(delivery: Delivery, pinned: Sequence[Column] | None = None) -> Table:
    """The rows of a delivery in canonical types. With `pinned`, in its columns, order and types. Raises Refused."""
    if delivery.size == 0:
        raise Refused("the file is empty (0 bytes)")
    table = read_parquet(delivery, pinned) if _is_parquet(delivery) else read_text(delivery, pinned)
    if table.frame.height == 0:
        raise Refused("the file has no rows")
    return table


def _is_parquet(delivery: Delivery) -> bool:
    with open(delivery.copy, "rb") as file:
        head = file.read(4)
    if head == b"PAR1":
        return True
    if delivery.path.suffix.lower() in (".parquet", ".pq"):
        raise Refused("it is named like Parquet and is not: the first bytes are not PAR1")
    return False
