"""`mlops-tui tui`: the app."""

from __future__ import annotations

from mlops_tui.cli.invoke import Shown
from mlops_tui.cli.session import Session
from mlops_tui.tui.launch import Wish, launch
from mlops_tui.verbs._screens import Tui


def run(session: Session, request: Tui) -> None:
    """Draws until it is left."""
    wish = Wish(request.screen, request.profile, request.theme, request.ascii, request.read_only)
    raise Shown(launch(session.home, session.project(), wish))
