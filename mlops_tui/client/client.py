"""One home's daemon, as everyone outside sees it."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

import mlops_tui
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client.decoding import decode
from mlops_tui.client.presence import wait_until_free
from mlops_tui.client.wire import GONE, Answer, UnixConnection, ask, header_text, problem_in
from mlops_tui.verbs import find
from mlops_tui.verbs._declare import Plan

if TYPE_CHECKING:
    from mlops_tui.verbs import Verb
    from mlops_tui.verbs.top import Event

TIMEOUT = 60.0
SILENCE = 40.0  # the daemon sends something every 15 s
_TRIES = 4
_HANDOVER_TIMEOUT = 60.0
_FIELD = re.compile(r"unknown field `(\w+)`")


class Pong(msgspec.Struct):
    """What a daemon says when it is pinged."""

    version: str
    pid: int
    epoch: str
    stopping: bool = False


def connect(
    home: Home,
    *,
    autostart: bool = True,
    idle_exit: int | None = None,
    version: str = mlops_tui.__version__,
    say: Callable[[str], None] = lambda _text: None,
) -> Client:
    """A client of the home's daemon, which is started where none runs (`autostart`).

    A daemon older than this program hands over to a new one. Raises Problem: `daemon_not_running`,
    `client_older` (status 3: the daemon is newer), or why no daemon could be started.
    """
    client = Client(home, autostart=autostart, idle_exit=idle_exit, version=version, say=say)
    client.ping()
    return client


class Client:
    """Asks verbs by their key. Not for several threads at once: make one for each."""

    def __init__(
        self, home: Home, *, autostart: bool, idle_exit: int | None, version: str, say: Callable[[str], None]
    ) -> None:
        self.home = home
        self._autostart = autostart
        self._idle_exit = idle_exit
        self._version = version
        self._say = say
        self._connection: UnixConnection | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- questions ---

    def ping(self) -> Pong:
        """Connects, starting or replacing the daemon where that is needed."""
        for _ in range(_TRIES):
            try:
                pong = self._ping()
            except GONE:
                self.close()
                self._start()
                continue
            if pong.stopping:
                self.close()
                wait_until_free(self.home, _HANDOVER_TIMEOUT)
                continue
            if self._replace(pong):
                continue
            return pong
        raise Problem("daemon_unreachable", "the daemon does not answer", "`mlops-tui daemon logs`", status=3)

    def call(self, key: str, request: Any = None, *, idempotency_key: str | None = None) -> Any:
        """Carries a verb out: `call("run list", RunList(limit=5))`, or with a dict. Returns its output struct.

        A write carries one idempotency key through all tries, so that a lost answer does not do it twice.
        Raises Problem, those of the daemon included.
        """
        verb = find(key)
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex} if verb.writes else {}
        answer = self._of(verb, "", request, headers)
        return decode(answer.body, verb.output)

    def plan(self, key: str, request: Any = None) -> Plan:
        """What a verb would do."""
        answer = self._of(find(key), "?dry_run=1", request, {})
        plan: Plan = decode(answer.body, Plan)
        return plan

    def openapi(self) -> Any:
        """The description of the protocol."""
        self.ping()
        return msgspec.json.decode(self._once("GET", "/v1/openapi.json", b"", {}).body)

    def shutdown(self) -> None:
        """Asks the daemon to end; returns when it has said that it will. Raises OSError where no one answers."""
        self._once("POST", "/v1/daemon/shutdown", b"", {})
        self.close()

    def events(
        self, *, follow: bool, epoch: str | None = None, seq: int = 0, silence: float = SILENCE
    ) -> Iterator[Event | None]:
        """The events after (epoch, seq), on a connection of its own; the first is `hello`. With `follow` it goes on until
        the daemon ends, and yields None now and then while nothing happens. Raises OSError where the daemon is gone, and
        its subclass TimeoutError where nothing at all came for `silence` seconds."""
        from mlops_tui.verbs.top import Event  # most commands follow nothing

        connection = UnixConnection(self.home, silence)
        try:
            place = f"epoch={epoch}&seq={seq}&" if epoch else ""
            connection.request("GET", f"/v1/events?{place}follow={int(follow)}")
            response = connection.getresponse()
            if response.status != 200:
                raise problem_in(response.read())
            while line := response.readline():
                yield decode(line, Event) if line.strip() else None
        finally:
            connection.close()

    # --- inside ---

    def _of(self, verb: Verb, query: str, request: Any, headers: Mapping[str, str]) -> Answer:
        """The answer to a verb. Raises Problem `daemon_older` where the daemon lacks what this program declares."""
        try:
            return self._ask(f"/v1/{verb.path}{query}", _encode(request), headers)
        except Problem as problem:
            lacks = _lacks(verb, problem)
            if not lacks:
                raise
            theirs = self._ping().version
            other = "an older one" if theirs == self._version else f"version {theirs}"
            raise Problem(
                "daemon_older",
                f"the daemon does not know {lacks}: it is {other}, this program is version {self._version}",
                "`mlops-tui daemon restart` starts this program's own; runs go on",
                status=3,
            ) from problem

    def _ask(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        for attempt in range(_TRIES):
            if self._connection is None:
                self.ping()
            try:
                answer = self._once("POST", path, body, headers)
            except GONE:
                self.close()
                if attempt == _TRIES - 1:
                    raise
                continue
            except TimeoutError as error:
                self.close()
                raise Problem(
                    "daemon_slow",
                    f"the daemon did not answer within {TIMEOUT:g} s",
                    "`mlops-tui daemon status`",
                    status=3,
                ) from error
            if answer.status == 200:
                return answer
            problem = problem_in(answer.body, answer.exit_code)
            if problem.code != "daemon_stopping" or attempt == _TRIES - 1:
                raise problem
            self.close()
            wait_until_free(self.home, _HANDOVER_TIMEOUT)
        raise Problem("daemon_unreachable", "the daemon does not answer", "`mlops-tui daemon logs`", status=3)

    def _once(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._connection is None:
            self._connection = UnixConnection(self.home, TIMEOUT)
        claim = os.environ.get("MLOPS_TUI_ACTOR", "")
        actor = {"X-Actor": header_text(claim)} if claim else {}
        return ask(self._connection, method, path, body, {**headers, **actor})

    def _ping(self) -> Pong:
        answer = self._once("GET", "/v1/ping", b"", {})
        if answer.status != 200:
            raise problem_in(answer.body)
        pong: Pong = decode(answer.body, Pong)
        return pong

    def _start(self) -> None:
        if not self._autostart:
            raise Problem(
                "daemon_not_running",
                f"no daemon runs for {self.home.path}",
                "`mlops-tui daemon start`",
                status=3,
            )
        from mlops_tui.client.spawn import start_daemon  # and most find a daemon

        start_daemon(self.home, idle_exit=self._idle_exit, say=self._say)

    def _replace(self, pong: Pong) -> bool:
        """Asks an older daemon to hand over; True where it did. Raises Problem where the daemon is the newer one."""
        ours, theirs = _numbers(self._version), _numbers(pong.version)
        if ours == theirs or not self._autostart:
            return False
        if ours < theirs:
            raise Problem(
                "client_older",
                f"the daemon is version {pong.version}, this program is {self._version}",
                "upgrade mlops-tui here, or stop the daemon with the newer one",
                status=3,
            )
        self._say(f"the daemon of version {pong.version} hands over to {self._version}; runs go on")
        with contextlib.suppress(*GONE):  # one that dies of it has let go of the home as well
            self._once("POST", "/v1/daemon/handover", b"", {})
        self.close()
        wait_until_free(self.home, _HANDOVER_TIMEOUT)
        return True


def _lacks(verb: Verb, problem: Problem) -> str:
    """What a daemon does not know although this program declares it; empty where the problem is another one."""
    if problem.code == "unknown_verb":
        return f"`{verb.key}`"
    if problem.code == "bad_request" and (found := _FIELD.search(problem.message)):
        return f"`{found[1]}` of `{verb.key}`" if found[1] in verb.input.__struct_fields__ else ""
    return ""


def _encode(request: Any) -> bytes:
    return b"{}" if request is None else msgspec.json.encode(request)


def _numbers(version: str) -> tuple[int, ...]:
    """`1.2.3` as something to compare; what is not a number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
