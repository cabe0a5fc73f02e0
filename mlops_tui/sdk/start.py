"""Where a run of one's own begins: a new folder in the home, or the run that this process already is."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_store.atomic import reserve, write_json
from mlops_store.home import Home
from mlops_store.ids import NAME, check_name, new_run_id, now_ms
from mlops_store.journal import leave_word
from mlops_store.records import Identity, RunSpec
from mlops_store.redact import redact_argv, redact_params, redact_text
from mlops_store.run_folder import RunFolder, announce
from mlops_tui import processes
from mlops_tui.capture import capture
from mlops_tui.sdk.plain import plain_params
from mlops_tui.sdk.run import EXIT_ROOM, Run

_DEFAULT = "default"


def start_run(
    project: str | None = None,
    experiment: str | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    tags: Mapping[str, str] | None = None,
    seed: int | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Run:
    """Starts a run, to be used as `with start_run(...) as run:`.

    `project` defaults to the one of the mlops.toml above the working folder, else "default"; `experiment` to
    "default"; `name` to the script's. Under `mlops-tui run start` it joins that run instead, and only params and tags
    count. No daemon is needed: the next one finds the run. Raises Problem for a bad name or an unusable home.
    """
    joined = _joined()
    if joined is None:
        joined = _new(project, experiment, name, params or {}, seed, Home.locate(home))
    if params:
        joined.log_params(params)
    for key, value in (tags or {}).items():
        joined.set_tag(key, value)
    return joined


def _joined() -> Run | None:
    """The run that a queue started this process for."""
    folder, attempt = os.environ.get("MLOPS_TUI_RUN_DIR"), os.environ.get("MLOPS_TUI_ATTEMPT", "")
    if not folder or not attempt.isdigit() or not os.path.isdir(folder):
        return None
    joined = RunFolder(Path(folder))
    run = Run(joined, int(attempt), owner=False)
    if joined.exit(int(attempt)) is not None:
        leave_word(joined.path)  # a helper that outlived its run
    return run


def _new(
    project: str | None,
    experiment: str | None,
    name: str | None,
    params: Mapping[str, Any],
    seed: int | None,
    home: Home,
) -> Run:
    chosen = check_name(project, "project") if project is not None else _project_here()
    home.create()
    run_id = new_run_id()
    script = (
        os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] not in ("", "-c", "-m") else "interactive"
    )
    spec = RunSpec(
        run_id=run_id,
        kind="sdk",
        name=redact_text(name or script)[:200],
        project=chosen,
        experiment=redact_text(experiment or _DEFAULT)[:200],
        actor=os.environ.get("MLOPS_TUI_ACTOR") or _user(),
        created=now_ms(),
        params=redact_params(plain_params(params)),
        command=redact_argv([sys.executable, *sys.argv]),
        python=sys.executable,
        cwd=os.getcwd(),
    )
    try:
        return _begin(home, spec, seed)
    except OSError as error:
        raise home.not_writable(error) from error


def _begin(home: Home, spec: RunSpec, seed: int | None) -> Run:
    """Word of it first and the spec last: at whatever point this process dies, a daemon finds all or removes the beginning.

    Each file is on the disk before it has its name. The names are with the last file of their folder: that of `capture.json` with the
    spec's, that of `child.json` with the end's, before which a power cut leaves no process that it could tell of.
    """
    me = Identity(**processes.identity())  # type: ignore[arg-type]
    announce(home, spec.run_id, me)
    folder = RunFolder(home.run_dir(spec.run_id))
    write_json(folder.attempt_dir(1) / "child.json", me, named=False)
    reserve(folder.attempt_dir(1) / "exit.json", EXIT_ROOM)
    found = capture(spec.cwd, spec.command, os.environ, sys.executable, seed)
    write_json(folder.capture, found, named=False)
    return Run(RunFolder.create(home, spec), 1, owner=True)


def _project_here() -> str:
    """The project of the nearest mlops.toml above the working folder; a broken one is not the training's concern."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "mlops.toml"
        if not path.is_file():
            continue
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("project", {}).get("name")
        except (OSError, ValueError, AttributeError):
            break
        if isinstance(found, str) and NAME.match(found):
            return found
        break
    return _DEFAULT


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
