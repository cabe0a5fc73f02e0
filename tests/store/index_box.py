"""Homes and runs for the tests of the index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.ids import new_run_id, now_ms
from mlops_store.index.database import Database, Fill, migrations
from mlops_store.index.tx import Tx
from mlops_store.index.writer import Command, Writer
from mlops_store.records import ExitRecord, Identity, Outcome, RunSpec
from mlops_store.run_folder import RunFolder


def new_home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def new_run(home: Home, **fields: Any) -> RunFolder:
    """A run folder with a spec, as a submit leaves it."""
    run_id = fields.pop("run_id", None) or new_run_id()
    spec = RunSpec(**{
        "run_id": run_id, "kind": "train", "name": "run", "project": "flights", "experiment": "late", "actor": "uid:1",
        "created": now_ms(), **fields,
    })  # fmt: skip
    return RunFolder.create(home, spec)


def start(folder: RunFolder, attempt: int = 1, started: int = 1_000) -> None:
    write_json(
        folder.attempt_dir(attempt) / "child.json",
        Identity(pid=2, start_ticks=3, boot_id="b", pid_ns="n", started=started),
    )


def end(folder: RunFolder, attempt: int = 1, **fields: Any) -> None:
    record = ExitRecord(**{"exit_code": 0, "signal": None, "ended": 2_000, **fields})
    write_json(folder.attempt_dir(attempt) / "exit.json", record)


def outcome(folder: RunFolder, found: Outcome, attempt: int = 1) -> None:
    write_json(folder.attempt_dir(attempt) / "outcome.json", found)


def journal(folder: RunFolder, name: str, *lines: list[Any] | bytes) -> Path:
    """Appends lines to a journal file; bytes go in as they are."""
    path = folder.path / "journal" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        for line in lines:
            file.write(line if isinstance(line, bytes) else msgspec.json.encode(line) + b"\n")
    return path


def do(writer: Writer, *verbs: tuple[str, dict[str, Any]], actor: str = "uid:1", key: str = "") -> Any:
    """One command that appends these verbs; returns its value, raises its problem."""

    def command(tx: Tx) -> list[int]:
        return [tx.append(verb, str(data.get("project", "")), data) for verb, data in verbs]

    return writer.execute([Command(command, actor, key)])[0].unwrap()


def command(fn: Callable[[Tx], Any], key: str = "") -> Command:
    return Command(fn, "uid:1", key)


def migrated_again(home: Home, number: int, dropped: str, fill: Fill = MappingProxyType({})) -> None:
    """The index as if it had come from before a migration: what that one made is dropped, then it happens."""
    database = Database.open(home.index, fill=fill)
    con = database.cursor()
    con.execute(dropped)
    database._migrate(number, dict(migrations())[number])
    con.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", [str(migrations()[-1][0])])
    con.close()
    database.close()


def project(name: str = "flights") -> tuple[str, dict[str, Any]]:
    return ("project.add", {"name": name, "dir": f"/projects/{name}"})
