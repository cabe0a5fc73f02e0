"""`mlops-tui web`: the app in a browser on this machine."""

from __future__ import annotations

import ipaddress
import shlex
import sys

import msgspec

from mlops_store.errors import Problem
from mlops_tui.cli import diagnostics
from mlops_tui.cli.invoke import Shown
from mlops_tui.cli.session import Session
from mlops_tui.verbs._screens import Web


def run(session: Session, request: Web) -> None:
    """Serves until ^C; the address with its token is printed first."""
    from mlops_tui.tui.web.server import WebServer, new_token

    if not ipaddress.ip_address(request.address).is_loopback:
        raise Problem(
            "not_loopback",
            f"{request.address} can be reached from elsewhere",
            f"ssh -L {request.port or 8000}:127.0.0.1:PORT leads here safely",
            status=2,
        )
    token = new_token()
    name, _ = session.project()
    words = [
        sys.executable,
        "-m",
        "mlops_tui",
        "--home",
        str(session.home.path),
        *(["--project", name] if name else []),
        "tui",
    ]
    if request.read_only:
        words.append("--read-only")
    try:
        server = WebServer(shlex.join(words), token, address=request.address, port=request.port)
    except OSError as error:
        raise Problem(
            "port_taken",
            f"port {request.port} of {request.address} cannot be served: {error}",
            "--port 0 takes a free one",
        ) from error
    address = f"{server.public_url}/?token={token}"
    if session.json:
        sys.stdout.write(msgspec.json.encode({"address": address}).decode() + "\n")
    else:
        print(address)
        diagnostics.say(
            "open this address in a browser on this machine; ^C ends it, and stops nothing that runs"
        )
    sys.stdout.flush()
    server.run()
    raise Shown
