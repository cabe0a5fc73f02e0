"""Values as they stand in a cell or a line of the app: harmless, short, and readable without colour."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec
from rich.cells import cell_len
from rich.text import Text

from mlops_tui.pages.layout import cut
from mlops_tui.text import clean, lasted, measured, number, short, size, when

__all__ = [
    "age", "at_word", "clean", "clock", "duration", "glyphs", "lasted", "measured", "number", "plain", "run_state", "short", "sign", "size",
    "state", "use_ascii", "when",
]  # fmt: skip

GlyphMode = Literal["unicode", "ascii"]


class Glyphs(msgspec.Struct, frozen=True):
    """The signs in use; the ASCII ones are for fonts and terminals without the others."""

    mode: GlyphMode
    ok: str
    bad: str
    live: str
    wait: str
    unknown: str
    off: str
    warn: str
    up: str
    down: str
    crumb: str
    cursor: str
    mark: str
    bullet: str
    arrow: str
    ellipsis: str
    line: str
    dash: str


_UNICODE = Glyphs(
    "unicode", "✓", "✗", "●", "◌", "?", "■", "▲", "▲", "▼", "▸", "▸", "*", "•", "→", "…", "─", "–"
)
_ASCII = Glyphs("ascii", "+", "x", "*", ".", "?", "#", "!", "^", "v", ">", ">", "*", "-", "->", "~", "-", "-")
_used = [_UNICODE]


def use_ascii(wanted: bool) -> None:
    """Chooses the signs for all that is drawn from now on."""
    _used[0] = _ASCII if wanted else _UNICODE


def glyphs() -> Glyphs:
    """The signs in use."""
    return _used[0]


def plain(value: Any, style: str = "") -> Text:
    """Text from data: one line, nothing in it is an order to the terminal, and no markup."""
    return Text(clean(value if isinstance(value, str) else short(value)), style=style, no_wrap=True)


def at_word(text: str, width: int) -> str:
    """At most `width` cells of a text, ended between two words."""
    if cell_len(text) <= width:
        return text
    head = cut(text, width)[:-1]
    whole = head if text[len(head)].isspace() else head.rpartition(" ")[0] or head
    return whole.rstrip(" ,;:–") + glyphs().ellipsis


# --- states: always a sign and a word; the colour comes on top ----------------------------------------------------

_STATES = {
    "QUEUED": ("wait", "queued", "bright_black"), "STARTING": ("wait", "starting", "cyan"), "RUNNING": ("live", "running", "cyan"),
    "STOPPING": ("live", "stopping", "yellow"), "FINISHED": ("ok", "finished", "green"), "FAILED": ("bad", "failed", "red"),
    "KILLED": ("off", "killed", "yellow"), "LOST": ("unknown", "lost", "magenta"),
    "OPEN": ("live", "open", "yellow"), "SNOOZED": ("wait", "snoozed", "bright_black"), "APPROVED": ("ok", "approved", "cyan"),
    "REJECTED": ("bad", "rejected", "bright_black"), "EXPIRED": ("off", "expired", "bright_black"), "DONE": ("ok", "done", "green"),
    "ERROR": ("bad", "error", "red"), "SUPERSEDED": ("off", "superseded", "bright_black"),
    "PASS": ("ok", "PASS", "green"), "FAIL": ("bad", "FAIL", "red"), "INCONCLUSIVE": ("unknown", "INCONCLUSIVE", "yellow"),
    "STABLE": ("ok", "stable", "green"), "WARN": ("warn", "warn", "yellow"), "DRIFT": ("warn", "DRIFT", "red"),
    "ALARM": ("warn", "ALARM", "red"), "QUIET": ("ok", "quiet", "green"), "UNKNOWN": ("unknown", "cannot tell", "yellow"),
}  # fmt: skip


def state(word: str | None) -> Text:
    """A state or verdict as sign, word and colour; unknown words as they are."""
    if not word:
        return Text(glyphs().dash, style="bright_black")
    sign_name, shown, style = _STATES.get(word.upper(), ("bullet", word, ""))
    return Text(f"{getattr(glyphs(), sign_name)} {clean(shown)}", style=style, no_wrap=True)


def run_state(word: str, reason: str = "", *, news: bool = True) -> Text:
    """The state of a run. Without `news` from the daemon nothing is claimed to run; a child that outlived its shim says so."""
    if word in ("RUNNING", "STARTING", "STOPPING") and not news:
        return Text(f"{glyphs().unknown} no news", style="magenta", no_wrap=True)
    found = state(word)
    if word == "RUNNING" and "unsupervised" in reason:
        found = Text(f"{glyphs().unknown} unsupervised", style="yellow", no_wrap=True)
    return found


# --- numbers and times ------------------------------------------------------------------------------------------


def sign(value: float | None) -> str:
    """A difference with its sign."""
    return glyphs().dash if value is None else f"{value:+.4g}"


def age(ms: int | None, now: int | None = None) -> str:
    """How long ago a moment (UTC ms) was: `3s`, `12m`, `5h`, `8d`."""
    if ms is None:
        return glyphs().dash
    return duration(max(0, (now if now is not None else time.time_ns() // 1_000_000) - ms))


def duration(ms: int | None) -> str:
    """A duration in its largest unit."""
    if ms is None:
        return glyphs().dash
    seconds = ms // 1000
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length or (unit == "d" and seconds >= length):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def clock(ms: int | None) -> str:
    """A moment (UTC ms) as local time of day; with the date where it is not today's."""
    if ms is None:
        return glyphs().dash
    then, today = time.localtime(ms / 1000), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == today[:3] else "%m-%d %H:%M", then)
