"""From a verb's name and a body to its service and back."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_tui.daemon import inbox
from mlops_tui.daemon.awaited import Awaited
from mlops_tui.daemon.learning import learn_types
from mlops_tui.daemon.readers import Readers
from mlops_tui.daemon.writer import WriterThread
from mlops_tui.services.project import check_named
from mlops_tui.verbs import Verb, all_verbs
from mlops_tui.verbs._declare import ProjectInput

LOG = logging.getLogger("mlops_tui.daemon")

Service = Callable[[Any, Any], Any]

_OF_RUNS = ("run", "")
"""Nouns whose questions tell of runs; the verbs without a noun do (`status`, `find`, `sql`)."""


@dataclass(frozen=True)
class Handler:
    """A verb ready to be carried out."""

    verb: Verb
    decoder: msgspec.json.Decoder[Any]
    service: Service
    plan: Service | None


@dataclass(frozen=True)
class Asked:
    """Who asks, and the key that makes asking twice the same as asking once."""

    actor: str
    key: str = ""
    dry_run: bool = False


def find_service(verb: Verb, prefix: str = "") -> Service | None:
    """The function of `mlops_tui.services` that carries a verb out; None where there is none."""
    name = f"mlops_tui.services.{verb.module}"
    if importlib.util.find_spec(name) is None:
        return None
    module = importlib.import_module(name)
    found: Service | None = getattr(module, prefix + verb.function, None)
    return found


def load_handlers(own: dict[str, Service]) -> dict[str, Handler]:
    """A handler for each verb with a route, by path. All services are imported here and now: what a running daemon can
    do does not change when the files of the program do. `own` has what only the daemon itself can answer."""
    handlers = {}
    for verb in all_verbs():
        if not verb.service:
            continue
        service = own.get(verb.key) or find_service(verb)
        if service is None:
            LOG.error("no service for the verb %r", verb.key)
            continue
        plan = find_service(verb, "plan_") if verb.plans else None
        if issubclass(verb.input, ProjectInput):
            service, plan = _of_project(service), plan and _of_project(plan)
        handlers[verb.path] = Handler(verb, msgspec.json.Decoder(verb.input), service, plan)
    learn_types()
    return handlers


def _of_project(service: Service) -> Service:
    """The service, of a project that the home knows."""

    def checked(db: Any, request: ProjectInput) -> Any:
        check_named(db, request)
        return service(db, request)

    return checked


class Dispatcher:
    """Carries verbs out: writes in the writer thread, questions in the readers."""

    def __init__(
        self,
        handlers: dict[str, Handler],
        writer: WriterThread,
        readers: Readers,
        deadline: float,
        apart: Mapping[str, Readers] = {},
    ) -> None:
        """`apart` has the threads of the verbs, by key, that may take long: they wait for each other and for nobody else."""
        self._handlers = handlers
        self._writer = writer
        self._readers = readers
        self._deadline = deadline
        self._apart = apart
        self._awaited = Awaited()

    async def call(self, path: str, body: bytes, asked: Asked) -> bytes:
        """The JSON of the verb's answer. Raises Problem."""
        handler = self._handlers.get(path)
        if handler is None:
            raise Problem(
                "unknown_verb",
                f"there is no verb {path.replace('/', ' ')!r}",
                "see /v1/openapi.json",
                status=2,
            )
        request = _decode(handler, body)
        if asked.dry_run:
            return await self._plan(handler, request, asked)
        if not handler.verb.writes:
            readers = self._apart.get(handler.verb.key, self._readers)
            return await readers.run(lambda read: self._answer(handler, read, request))
        return msgspec.json.encode(await self._write(handler, request, asked))

    def _answer(self, handler: Handler, read: Read, request: Any) -> bytes:
        """Written by the thread that made it, and not in the event loop, which all wait for."""
        if handler.verb.noun in _OF_RUNS:
            inbox.catch_up(self._writer, read)
        return msgspec.json.encode(handler.service(read, request))

    async def _plan(self, handler: Handler, request: Any, asked: Asked) -> bytes:
        plan = handler.plan
        if plan is None:
            raise Problem("no_dry_run", f"{handler.verb.key} has no dry run", "", status=2)
        return await self._readers.run(lambda read: msgspec.json.encode(plan(read.by(asked.actor), request)))

    async def _write(self, handler: Handler, request: Any, asked: Asked) -> Any:
        def command(tx: Tx) -> Any:
            return handler.service(tx, request)

        # a key belongs to one verb: the same key with another one is another command
        key = f"{handler.verb.path}:{asked.key}" if asked.key else ""
        about = getattr(request, "run_id", None) or ""
        future = self._writer.submit(command, actor=asked.actor, key=key, about=about)
        try:
            return await self._awaited.result(future, self._deadline)
        except TimeoutError:
            raise Problem(
                "too_slow",
                f"not done within {self._deadline:g} s; it may still happen",
                "ask again with the same idempotency key, or look: `mlops-tui ledger list`",
                status=3,
            ) from None


def _decode(handler: Handler, body: bytes) -> Any:
    try:
        return handler.decoder.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(
            "bad_request",
            f"{handler.verb.key}: {error}",
            f"see `mlops-tui {handler.verb.key} --help`",
            status=2,
        ) from error
