"""The routes: bytes in, bytes out; what they mean is the dispatcher's."""

from __future__ import annotations

import logging
import os
import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import mlops_tui
from mlops_store.errors import Problem
from mlops_tui.daemon.dispatch import Asked, Dispatcher
from mlops_tui.daemon.events import EventRing
from mlops_tui.daemon.http_status import error_body, http_status
from mlops_tui.verbs._openapi import document

LOG = logging.getLogger("mlops_tui.daemon")

_VERBS = "/v1/"
_STOPS = ("/v1/daemon/handover", "/v1/daemon/shutdown")
_SEQ = re.compile(r"^[0-9]{1,18}$")
_KEY = re.compile(r"^[A-Za-z0-9_.:-]{1,100}$")


@dataclass
class Gate:
    """What the routes need of the daemon around them. `active` counts the questions under way."""

    events: EventRing
    shutdown: Callable[[str], None]
    body_limit: int
    log_file: str
    active: int = 0
    asked: int = 0
    stopping: bool = False


def build(dispatcher: Dispatcher, gate: Gate) -> ASGIApp:
    """The application; the routes of the verbs share one handler."""
    verbs = Verbs(dispatcher, gate)

    async def ping(_request: Request) -> Response:
        return _json(
            {
                "version": mlops_tui.__version__,
                "pid": os.getpid(),
                "epoch": gate.events.epoch,
                "stopping": gate.stopping,
            }
        )

    async def description(_request: Request) -> Response:
        return _json(document())

    async def events(request: Request) -> Response:
        query = request.query_params
        seq = query.get("seq", "0")
        if not _SEQ.match(seq):
            return _failure(Problem("bad_request", f"seq is {seq[:40]!r}", "a number", status=2))
        stream = gate.events.stream(query.get("epoch") or None, int(seq), query.get("follow") == "1")
        return StreamingResponse(stream, media_type="application/x-ndjson")

    async def stop(request: Request) -> Response:
        gate.shutdown("handed over" if request.url.path.endswith("handover") else "asked to stop")
        return _json({"pid": os.getpid()})

    others = Starlette(
        routes=[
            Route("/v1/ping", ping),
            Route("/v1/openapi.json", description),
            Route("/v1/events", events),
            *(Route(path, stop, methods=["POST"]) for path in _STOPS),
            Route(_VERBS + "{verb:path}", verbs, methods=["POST"]),
        ],
        exception_handlers={404: _no_route, 405: _no_route},
    )

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        """Most questions are verbs: to look for their route would take as long as all the rest of it."""
        straight = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(_VERBS)
        await (verbs if straight and scope["path"] not in _STOPS else others)(scope, receive, send)

    return application


class Verbs:
    """The verbs, which share a route, as an application of its own."""

    def __init__(self, dispatcher: Dispatcher, gate: Gate) -> None:
        self._dispatcher = dispatcher
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._gate.active += 1
        self._gate.asked += 1
        try:
            response = await self._answer(scope, receive)
        except ClientDisconnect:
            return  # nobody is there to read it
        finally:
            self._gate.active -= 1
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        path = scope["path"]
        try:
            asked = _asked(scope)
            body = await _body(receive, self._gate.body_limit)
            answer = await self._dispatcher.call(path.removeprefix(_VERBS), body, asked)
            return Response(answer, media_type="application/json")
        except Problem as problem:
            return _failure(problem)
        except ClientDisconnect:
            raise
        except OSError as error:
            LOG.exception("%s failed", path)
            return _failure(_refused_by_system(error))
        except Exception:
            LOG.exception("%s failed", path)
            return _failure(
                Problem(
                    "internal",
                    f"{path} failed inside the daemon",
                    f"the reason is in {self._gate.log_file}",
                )
            )


async def _no_route(request: Request, error: Exception) -> Response:
    """What is at no route, or asked for in another way than it is to be."""
    method = getattr(error, "status_code", 404) == 405
    says = (
        f"{request.method} is not for this path"
        if method
        else f"there is nothing at {request.url.path[:200]!r}"
    )
    body = error_body(Problem("unknown_route", says, "see /v1/openapi.json", status=2))
    return Response(body, 405 if method else 404, getattr(error, "headers", None), "application/json")


def _refused_by_system(error: OSError) -> Problem:
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return Problem("unreadable", f"the system refused: {where}{error.strerror or error}",
                   "`mlops-tui doctor` names what is wrong with the home", status=3)  # fmt: skip


def _asked(scope: Scope) -> Asked:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    key = headers.get(b"idempotency-key", b"").decode("latin-1")
    if key and not _KEY.match(key):
        raise Problem(
            "bad_request",
            f"the idempotency key, {len(key)} characters long, is not 1 to 100 of letters, digits and _.:-",
            "use a UUID",
            status=2,
        )
    return Asked(
        actor=actor(headers.get(b"x-actor", b"").decode("latin-1")),
        key=key,
        dry_run=b"dry_run=1" in scope["query_string"].split(b"&"),
    )


@cache
def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def actor(claim: str) -> str:
    """Who did it: the user that the kernel vouches for, and what the client claims to act for."""
    user = _user()
    shown = "".join(character for character in claim if character.isprintable()).strip()[:100]
    return f"{user}/{shown}" if shown else user


async def _body(receive: Receive, limit: int) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise Problem(
                "too_large", f"the request is larger than {limit >> 20} MB", "send less at once", status=2
            )
        parts.append(part)
    return b"".join(parts)


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _failure(problem: Problem) -> Response:
    response = Response(error_body(problem), http_status(problem), media_type="application/json")
    response.headers["X-Exit-Code"] = str(problem.status)
    return response
