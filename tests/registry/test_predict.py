"""What a scoring run is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from registry_box import Box

from mlops_store.run_folder import RunFolder
from mlops_tui.services.predict import predict
from mlops_tui.verbs.top import Predict


@pytest.mark.parametrize("force", [False, True])
def test_the_run_hears_whether_it_may_replace_the_output(box: Box, tmp_path: Path, force: bool) -> None:
    box.append("project.add", {"name": "air", "dir": str(tmp_path)})
    box.register()
    source = tmp_path / "in.csv"
    source.write_text("a\n1\n")
    asked = Predict(
        model="late@1", project="air", input=str(source), output=str(tmp_path / "o.csv"), force=force
    )
    (done,) = box.do(lambda tx: predict(tx, asked))
    spec = RunFolder(box.home.run_dir(done.unwrap().run_id)).spec()
    assert spec.request["force"] is force
