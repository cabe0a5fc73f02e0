"""One run of the command line: home, project, how to answer, and the connection."""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.cli.diagnostics import say
from mlops_tui.client import Client, connect
from mlops_tui.verbs import Verb
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs._shapes import ClientContext

CONFIG = "mlops.toml"
_LONGEST = 32_768
_LARGEST = 1 << 20  # a larger mlops.toml is refused by the daemon too


@dataclass
class Session:
    """What was said with the global options. The client is made when it is first needed."""

    home_option: str | None = None
    project_option: str | None = None
    json: bool = False
    _client: Client | None = field(default=None, repr=False)

    @property
    def home(self) -> Home:
        return Home.locate(self.home_option)

    @property
    def interactive(self) -> bool:
        """Someone is there to read narration."""
        return sys.stderr.isatty() and not self.json

    def client(self) -> Client:
        """The connection; starts a daemon where none runs."""
        if self._client is None:
            self._client = connect(self.home, say=say if self.interactive else lambda _text: None)
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    # --- the project ---

    def project(self) -> tuple[str | None, str | None]:
        """(name, folder): of `--project`, else of the mlops.toml here or above; (None, None) where there is none."""
        if self.project_option is not None:
            return self.project_option, None
        folder = find_project(Path.cwd())
        return (None, None) if folder is None else (project_name(folder), str(folder))

    def filled(self, verb: Verb, fields: dict[str, Any]) -> Any:
        """The verb's input: what was typed, and what no one types. Raises Problem."""
        names = {info.name for info in msgspec.structs.fields(verb.input)}
        if "project" in names:
            fields["project"], fields["project_dir"] = self.project()
        if "client" in names:
            fields["client"] = msgspec.to_builtins(here())
        try:
            return msgspec.convert(fields, verb.input)
        except msgspec.ValidationError as error:
            raise Problem(
                "usage", f"{verb.key}: {error}", f"`mlops-tui {verb.key} --help`", status=2
            ) from error

    # --- questions ---

    def call(self, verb: Verb, request: Any) -> Any:
        """Asks the daemon. A project's folder that is not known yet is added on the way."""
        return self._with_project(request, lambda: self.client().call(verb.key, request))

    def plan(self, verb: Verb, request: Any) -> Plan:
        """What the verb would do."""
        return self._with_project(request, lambda: self.client().plan(verb.key, request))  # type: ignore[no-any-return]

    def _with_project(self, request: Any, ask: Any) -> Any:
        try:
            return ask()
        except Problem as problem:
            folder = getattr(request, "project_dir", None)
            if problem.code != "project_not_added" or folder is None:
                raise
        added = self.client().call("project add", {"dir": folder})
        if self.interactive:
            say(f"added the project {added.name}: its data is watched from now on")
        return ask()


def find_project(start: Path) -> Path | None:
    """The nearest folder with an mlops.toml, here or above."""
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder
    return None


def project_name(folder: Path) -> str:
    """[project].name alone; all else of the file is the daemon's to judge. Raises Problem."""
    path = folder / CONFIG
    try:
        with open(path, encoding="utf-8-sig") as file:
            name = tomllib.loads(file.read(_LARGEST)).get("project", {}).get("name")
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise Problem(
            "bad_config", f"{path} cannot be read: {error}", "correct it, or name a --project", status=2
        ) from error
    if not isinstance(name, str) or not name:
        raise Problem(
            "bad_config", f"{path}: [project] name is missing", 'write name = "…" below [project]', status=2
        )
    return name


def here() -> ClientContext:
    """The environment that a submitted run gets: that of this terminal."""
    umask = os.umask(0o077)
    os.umask(umask)
    variables = {
        key: value for key, value in os.environ.items() if len(value) < _LONGEST and _is_text(key + value)
    }
    return ClientContext(
        cwd=os.getcwd(), python=sys.executable, env=variables, umask=umask,
        argv=[word.encode("utf-8", errors="replace").decode() for word in sys.argv],
    )  # fmt: skip


def _is_text(value: str) -> bool:
    """Variables that are not UTF-8 cannot go into JSON, nor into a record."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
