"""Verbs that no action does, and why; all of them can be typed after `:`, as far as a daemon carries them out."""

from __future__ import annotations

_DAEMON = "the app starts the daemon itself and shows its state in the crumbs"
_SHELL = "for shells and scripts"
_CARE = "care of the home, with files outside it: in a shell"
_OPEN = "enter on its row in the list opens it"
_PANE = "a pane or a list that a screen shows"

WITHOUT: dict[str, str] = {
    "data show": _OPEN,
    "demo": "tells its story in a home of its own: in a shell",
    "feature show": _OPEN,
    "model show": _OPEN,
    "proposal show": _OPEN,
    "run show": _OPEN,
    "daemon enable": _DAEMON, "daemon logs": _DAEMON, "daemon openapi": _SHELL, "daemon restart": _DAEMON, "daemon start": _DAEMON, "daemon status": _DAEMON,
    "daemon stop": _DAEMON, "data quarantine": _PANE, "doctor": _CARE, "events": _SHELL, "home backup": _CARE,
    "home budget": _CARE, "home export": _CARE, "home gc": _CARE, "home import": _CARE, "home restore": _CARE,
    "home show": "a part of the first screen", "init": "writes the mlops.toml that the app starts from", "model card": _PANE,
    "model evaluate": "typed after `:` with its parameters", "model history": _PANE, "model parameters": "the fields of the forms that start runs", "model report": _PANE,
    "model waive": "typed after `:` with its reason", "monitor show": _OPEN, "project add": "the app adds the project of its folder",
    "project remove": _CARE, "project show": _PANE, "rebuild": _CARE,
    "run artifacts": "the tab of a run lists them; copying is for shells", "run fields": "completes filters and offers columns",
    "run trends": "the trends in the list of runs", "tui": "is the app", "wait": _SHELL, "watch": _SHELL, "web": "is the app, in a browser",
}  # fmt: skip
