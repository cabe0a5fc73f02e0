"""The evidence of one run: its stages are those of the view over the same events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_box import journal, new_home, new_run

from mlops_store.index.evidence import evidence
from mlops_store.index.writer import Writer

EVENT = st.tuples(
    st.sampled_from(("1-b", "1-a", "2-a", "10-a")),
    st.sampled_from(("fit", "collect", "gate")),
    st.sampled_from(("started", "finished", "cached", "failed")),
    st.integers(0, 4),
    st.sampled_from(({}, {"seconds": 1.5}, {"key": "k"})),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENT, max_size=14))
def test_stages_are_those_of_the_view(tmp_path_factory: Any, events: list[tuple[Any, ...]]) -> None:
    where: Path = tmp_path_factory.mktemp("home")
    writer = Writer.open(new_home(where))
    folder = new_run(writer.home)
    for file, *event in events:
        journal(folder, file, ["s", *event])
    writer.ingest([folder.path])
    with writer.reader() as read:
        found = evidence(read, folder.run_id)
        expected = read.rows(
            "SELECT stage, state, info::VARCHAR AS info, started, ended, first_ts FROM stages "
            "WHERE attempt = (SELECT max(attempt) FROM stages) ORDER BY first_ts, stage"
        )
    writer.close()
    assert found is not None
    assert found.stages == [{**row, "info": msgspec.json.decode(row["info"])} for row in expected]
