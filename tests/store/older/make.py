"""Makes one of the homes beside this file: written by an older program, as `<schema>.tar.xz` (see test_older_homes.py).

    python make.py CHECKOUT OUT      # CHECKOUT: a work tree of the older commit

Commits, by the schema that they write: 001 before "Runs are archived, deleted to the trash", 003 before "Long curves cost their entries",
007 before "What people say of runs is a log", 008 before "The pack of a run says why it failed", 009 before "Restored runs are answered for".
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

WITHIN = """
import sys
from pathlib import Path
from index_box import do, end, journal, new_run, start
from test_rebuild import full_home
from mlops_store.atomic import write_json
from mlops_store.index import points
from mlops_store.index.database import migrations
from mlops_store.index.tx import Command, Writer

points.LONG = 20  # curves of 20 points are long ones
schema = migrations()[-1][0]
home = full_home(Path(sys.argv[1]))
writer = Writer.open(home)

def run(kind, key, **fields):
    folder = new_run(home, kind=kind, model="late", **fields)
    data = {"run_id": folder.run_id, "kind": kind, "project": "flights", "model": "late", "path": home.relative(folder.path)}
    writer.execute([Command(lambda tx: tx.append("run.submit", folder.run_id, data) and {"run_id": folder.run_id}, "ann", key)])[0].unwrap()
    start(folder)
    return folder

trained = run("train", "k-trained")
journal(trained, "1-h-2-x", ["h", {"pid": 2}], *(["m", "val/acc", step, step, step / 9] for step in range(60)), ["t", "own", "journal"])
(trained.attempt_dir(1) / "context.json").write_text(
    '{"run_id":"%s","attempt":1,"home":"h","project":"flights","project_dir":"/p","code_dir":"/c","launched":5,'
    '"sources":{"s":{"source":"s","version":1,"snapshot":"x","manifest":"m"}}}' % trained.run_id
)
failed = run("train", "k-failed")
(failed.attempt_dir(1) / "error.json").write_text('{"code": "boom", "message": "it broke", "hint": "mend it", "stage": "train"}')
end(failed, exit_code=1)
scored = run("score", "k-scored", request={"version": 1})
end(trained), end(scored)
running = run("train", "k-running")
journal(running, "1-h-2-y", ["h", {"pid": 2}], ["m", "val/acc", 1, 1, 0.5])
script = new_run(home, kind="sdk", name="script", tags={"a": "b"})
start(script)
journal(script, "1-h-3-z", ["h", {"pid": 3}], ["m", "x", 0, 0, "nan"], ["m", "x", 1, 1, 2.0], ["p", "lr", 0.1], b"\\0\\0 not a line\\n")
end(script)
folders = [trained, failed, scored, running, script]
writer.ingest([folder.path for folder in folders])
do(writer, *(("run.settle", {"run_id": folder.run_id, "state": state}) for folder, state in
             ((trained, "FINISHED"), (failed, "FAILED"), (scored, "FINISHED"))))
if schema >= 2:
    from mlops_store import trash
    state = {"kind": "train", "state": "FAILED"}
    do(writer, ("run.archive", {"run_id": scored.run_id}))
    do(writer, ("run.delete", {"run_id": failed.run_id, **state}))
    trash.put_away(home, failed.run_id)
if schema >= 3:
    for number in range(30):
        for folder in (trained, script, running):
            do(writer, ("run.tag", {"run_id": folder.run_id, "set": {"note-%d" % (number % 7): str(number)}, "clear": ["own"] if number == 9 else []}))
    do(writer, ("run.tag", {"run_id": trained.run_id, "remove": ["own"]}), ("run.tag", {"run_id": script.run_id, "remove": ["a"]}),
       ("run.note", {"run_id": trained.run_id, "text": "first"}), ("run.note", {"run_id": trained.run_id, "text": "last word"}),
       ("run.note", {"run_id": running.run_id, "text": "to be taken back"}), ("run.note", {"run_id": running.run_id, "text": ""}),
       ("run.tag", {"run_id": script.run_id, "set": {"a": "back"}}), ("run.tag", {"run_id": script.run_id, "clear": ["a"]}))
    do(writer, ("run.tag", {"run_id": failed.run_id, "set": {"said": "of a deleted run"}}))
writer.close()
print(schema)
"""


def main(checkout: Path, out: Path) -> None:
    paths = [str(checkout / part) for part in (".", "store", "tests/store")]
    with tempfile.TemporaryDirectory() as scratch:
        made = subprocess.run(
            [sys.executable, "-P", "-c", WITHIN, scratch],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            sys.exit(made.stderr)
        shutil.rmtree(Path(scratch) / "home" / "tmp")
        with tarfile.open(out / f"{int(made.stdout):03d}.tar.xz", "w:xz", preset=9) as archive:
            archive.add(Path(scratch) / "home", "home")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
