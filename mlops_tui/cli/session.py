"""One run of the command line: home, project, how to answer, and the connection."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlops_tui.cli.diagnostics import say

if TYPE_CHECKING:
    from mlops_store.home import Home
    from mlops_tui.client import Client
    from mlops_tui.client.here import Project
    from mlops_tui.verbs import Verb
    from mlops_tui.verbs._declare import Plan


class Session:
    """What was said with the global options. The client is made when it is first needed, and what makes it is imported then."""

    def __init__(
        self, home_option: str | None = None, project_option: str | None = None, json: bool = False
    ) -> None:
        self.home_option = home_option
        self.project_option = project_option
        self.json = json
        self.asked: tuple[Verb, Any] | None = None
        """The last verb with its input: what an error may be about."""
        self._client: Client | None = None

    @property
    def home(self) -> Home:
        from mlops_store.home import Home

        return Home.locate(self.home_option)

    @property
    def interactive(self) -> bool:
        """Someone is there to read narration."""
        return sys.stderr.isatty() and not self.json

    def client(self) -> Client:
        """The connection; starts a daemon where none runs."""
        if self._client is None:
            from mlops_tui.client import connect

            self._client = connect(self.home, say=say if self.interactive else lambda _text: None)
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    # --- the project ---

    def project(self) -> Project:
        """(name, folder): of `--project`, else of the mlops.toml here or above; (None, None) where there is none."""
        from mlops_tui.client import here

        return here.project_here(self.project_option)

    def filled(self, verb: Verb, fields: dict[str, Any]) -> Any:
        """The verb's input: what was typed, and what no one types. Raises Problem."""
        from mlops_tui.client import here

        request = here.filled(verb, fields, self._project_for(verb))
        self.asked = (verb, request)
        return request

    def _project_for(self, verb: Verb) -> Project:
        """The project, for a verb that asks for one. A broken mlops.toml is no obstacle to what is named by itself. Raises Problem."""
        from mlops_store.errors import Problem
        from mlops_tui.client import here

        if not here.of_project(verb):
            return None, None
        try:
            return self.project()
        except Problem as problem:
            if problem.code != "bad_config" or not here.does_without(verb):
                raise
            first, *more = problem.message.splitlines()
            told = f" (and {len(more)} more: `mlops-tui project show` tells)" if more else ""
            say(f"not looked at: {first}{told}")
            return None, None

    # --- questions ---

    def call(self, verb: Verb, request: Any) -> Any:
        """Asks the daemon. A project's folder that is not known yet is added on the way."""
        return self._with_project(request, lambda: self.client().call(verb.key, request))

    def plan(self, verb: Verb, request: Any) -> Plan:
        """What the verb would do."""
        return self._with_project(request, lambda: self.client().plan(verb.key, request))  # type: ignore[no-any-return]

    def _with_project(self, request: Any, ask: Callable[[], Any]) -> Any:
        from mlops_tui.client import here

        return here.with_project(request, ask, self._add)

    def _add(self, folder: str) -> None:
        added = self.client().call("project add", {"dir": folder})
        if self.interactive:
            say(f"added the project {added.name}: its data is watched from now on")
