"""How the app looks and behaves: from options, the user's file, then what the terminal is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from mlops_store.errors import Problem

Profile = Literal["local", "ssh"]


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The user's file, `tui.toml`. Seconds where not said otherwise."""

    theme: str = ""
    profile: Literal["", "local", "ssh"] = ""
    ascii: bool = False
    mouse: bool | None = None
    bell: bool = True
    osc9: bool = True
    """Whether the terminal is asked for a desktop notice."""
    notify: str = ""
    messages: float = 1.0
    """How long messages stay: 2 is twice as long."""
    keys: dict[str, str] = {}


class Look(msgspec.Struct, frozen=True):
    """What holds in this terminal."""

    theme: str
    profile: Profile
    ascii: bool
    mouse: bool
    interval: float
    settings: Settings = msgspec.field(default_factory=Settings)
    read_only: bool = False
    asks: bool = False
    """Nobody has said yet how the app shall look over SSH to this machine."""


def config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the user's settings are: `$XDG_CONFIG_HOME/mlops-tui/tui.toml`."""
    base = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "~"), ".config")
    return Path(base).expanduser() / "mlops-tui" / "tui.toml"


def read(path: Path) -> Settings:
    """The settings of a file; defaults where there is none. Raises Problem naming file and key."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise Problem(
            "bad_settings", f"{path} cannot be read: {error}", "correct its mode, or remove it", status=2
        ) from error
    import tomllib  # most have no such file

    try:
        found: dict[str, Any] = tomllib.loads(text.decode())
        return msgspec.convert(found, Settings)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Problem(
            "bad_settings", f"{path}: {error}", "docs/app.md lists the settings", status=2
        ) from error


def look(
    settings: Settings,
    *,
    profile: str | None = None,
    remembered: str = "",
    theme: str | None = None,
    ascii: bool = False,
    read_only: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Look:
    """Options before the file before what was `remembered` of this machine before the terminal. Over SSH: ANSI colours, no mouse, fewer repaints. `NO_COLOR`: an ANSI theme too, since
    only with it nothing but default colours is sent."""
    over_ssh = bool(environ.get("SSH_TTY") or environ.get("SSH_CONNECTION"))
    said = profile or settings.profile or (remembered if over_ssh else "local")
    chosen: Profile = "ssh" if (said or "ssh") == "ssh" else "local"
    plain = bool(environ.get("NO_COLOR")) or environ.get("TERM", "") in ("linux", "vt100", "vt220")
    fallback = "ansi-dark" if chosen == "ssh" or plain else "mlops-dark"
    utf8 = any("utf" in environ.get(name, "").lower() for name in ("LC_ALL", "LC_CTYPE", "LANG")) or not any(
        environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")
    )
    return Look(
        theme="ansi-dark" if plain else theme or settings.theme or fallback,
        profile=chosen,
        ascii=ascii or settings.ascii or not utf8,
        mouse=settings.mouse if settings.mouse is not None else chosen == "local",
        interval=2.0 if chosen == "ssh" else 1.0,
        settings=settings,
        read_only=read_only,
        asks=not said,
    )
