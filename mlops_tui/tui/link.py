"""The app's line to the daemon: questions in threads, answers awaited, news as they come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client import Client, connect, here
from mlops_tui.verbs import find
from mlops_tui.verbs._declare import Plan

T = TypeVar("T")

THREADS = 3
SHARED = "status"
"""What all want to know at each change: the health of everything."""


class Link:
    """Asks the daemon of a home on behalf of one project, or of all (`project` is (None, None)).

    A question runs in one of three threads, each with a connection of its own. Whoever is cancelled while waiting gets no answer;
    the question itself goes on to its end. `read_only` refuses every verb that writes. A daemon that dies is started again; one that
    someone has stopped stays stopped until `wake`. The answer of SHARED holds for all who ask until something has `changed`.
    """

    def __init__(self, home: Home, project: here.Project, *, read_only: bool = False) -> None:
        self.home = home
        self.project = project
        self.read_only = read_only
        self.awake = True
        self._generation = 0
        self._local = threading.local()
        self._clients: list[Client] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="ask")
        self._shared: tuple[here.Project, asyncio.Future[Any]] | None = None

    async def ask(self, key: str, fields: dict[str, Any] | None = None) -> Any:
        """The answer of a verb, its output struct. Raises Problem."""
        verb = find(key)
        if verb.writes and self.read_only:
            raise Problem(
                "read_only", f"this app only reads: `{key}` is refused", "start it without --read-only"
            )
        request = here.filled(verb, fields or {}, self.project)
        if key == SHARED and not fields:
            return await self._share(request)
        try:
            return await self._in_thread(lambda client: client.call(key, request), request)
        finally:
            if verb.writes:
                self.changed()

    async def _share(self, request: Any) -> Any:
        """The answer that is there, or on its way, to the same question about the same project. A refusal is nobody else's."""
        if self._shared is None or self._shared[0] != self.project:
            asked = asyncio.ensure_future(
                self._in_thread(lambda client: client.call(SHARED, request), request)
            )
            asked.add_done_callback(self._drop_refusal)
            self._shared = self.project, asked
        return await asyncio.shield(self._shared[1])

    def _drop_refusal(self, asked: asyncio.Future[Any]) -> None:
        if (asked.cancelled() or asked.exception() is not None) and self._shared and self._shared[1] is asked:
            self._shared = None

    def changed(self) -> None:
        """Something is not as it was, or may not be: what is known no longer counts. To be called in the loop."""
        self._shared = None

    async def plan(self, key: str, fields: dict[str, Any] | None = None) -> Plan:
        """What a verb would do. Raises Problem."""
        request = here.filled(find(key), fields or {}, self.project)
        return await self._in_thread(lambda client: client.plan(key, request), request)

    async def _in_thread(self, question: Callable[[Client], T], request: Any) -> T:
        def work() -> T:
            client = self._client()
            if self.read_only:  # nothing is added on the way either
                return question(client)
            return here.with_project(
                request, lambda: question(client), lambda folder: client.call("project add", {"dir": folder})
            )

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except OSError as error:
            raise Problem(
                "daemon_gone", f"the daemon does not answer: {error}", "`mlops-tui daemon logs`", status=3
            ) from error

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None or self._local.generation != self._generation:
            generation = self._generation
            client = connect(self.home, autostart=self.awake)
            self._local.client, self._local.generation = client, generation
            with self._lock:
                self._clients.append(client)
        return client

    def rest(self) -> None:
        """The daemon was stopped on purpose: no question starts it again."""
        self.awake, self._generation = False, self._generation + 1

    def wake(self) -> None:
        """Someone wants to see how it is: all is asked anew, and the next question may start the daemon."""
        self.changed()
        if not self.awake:
            self.awake, self._generation = True, self._generation + 1

    def close(self) -> None:
        """Lets go of the daemon; what runs there goes on. Waits for no one."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for client in self._clients:
                client.close()
