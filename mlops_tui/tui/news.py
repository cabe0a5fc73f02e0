"""What changed, told to the app: the daemon's event stream, gathered so that a storm of events is one repaint."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Callable

import msgspec

from mlops_store.errors import Problem
from mlops_tui.client import connect
from mlops_tui.tui.link import Link
from mlops_tui.tui.own_keys import keyed

RETRY = (0.2, 0.5, 1.0, 2.0, 5.0)


class News(msgspec.Struct):
    """What happened since the last time: ids of runs, (verb, subject) of ledger entries; `everything` after a gap.

    `connected` says whether more can be expected; `why` tells what is wrong where not.
    """

    runs: set[str] = msgspec.field(default_factory=set)
    entries: list[tuple[str, str]] = msgspec.field(default_factory=list)
    everything: bool = False
    connected: bool = True
    why: str = ""

    def __bool__(self) -> bool:
        return bool(self.runs or self.entries or self.everything)


class Follower:
    """Follows a home's events in a thread of its own and hands `News` to `tell` in the loop, at most once per `interval` seconds.

    A daemon that dies is started again. One that ends its stream in good order was stopped by someone: `link.rest` is called, and nothing
    is started until `link.awake`.
    """

    def __init__(self, link: Link, tell: Callable[[News], None], interval: float) -> None:
        self._link = link
        self._tell = tell
        self.interval = interval
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._news = News()
        self._scheduled = False
        self._told = 0.0
        self._ended = threading.Event()
        threading.Thread(target=self._follow, name="news", daemon=True).start()

    def stop(self) -> None:
        """No more news; the thread ends with the process or with the next line that it reads."""
        self._ended.set()

    def _follow(self) -> None:
        tries = 0
        epoch: str | None = None
        seq = 0
        while not self._ended.is_set():
            why = ""
            try:
                with connect(self._link.home, autostart=self._link.awake) as client:
                    for event in client.events(follow=True, epoch=epoch, seq=seq):
                        if self._ended.is_set():
                            return
                        if event is None:
                            continue
                        if event.type == "end":
                            self._link.rest()
                            break
                        known, tries, epoch, seq = epoch, 0, event.epoch, event.seq
                        if event.type != "hello" or event.epoch != known:
                            self._add(event.type, event.subject, str(event.data.get("verb", "")))
                        else:  # the same daemon again: what was missed follows
                            self._gather(News())
            except Problem as problem:
                if problem.code != "daemon_not_running":
                    why = str(problem)
            except (OSError, http.client.HTTPException, ValueError, msgspec.MsgspecError) as error:
                # an answer cut off or garbled, too: what ends the line is told, and it is tried again
                why = str(error) or type(error).__name__
            if not self._link.awake:
                why = keyed("it was stopped; {room.reload} starts it")
            self._gather(News(connected=False, why=why or "it has ended"))
            self._ended.wait(RETRY[min(tries, len(RETRY) - 1)])
            tries += 1

    def _add(self, kind: str, subject: str, verb: str) -> None:
        news = News()
        if kind == "run":
            news.runs.add(subject)
        elif kind == "ledger":
            news.entries.append((verb, subject))
        elif kind in ("hello", "reset"):
            news.everything = True
        self._gather(news)

    def _gather(self, more: News) -> None:
        with self._lock:
            news = self._news
            news.runs |= more.runs
            news.entries += more.entries
            news.everything |= more.everything
            news.connected, news.why = more.connected, more.why
            waiting, self._scheduled = self._scheduled, True
        if not waiting and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        self._loop.call_later(max(0.0, self._told + self.interval - self._loop.time()), self._flush)

    def _flush(self) -> None:
        with self._lock:
            news, self._news = self._news, News()
            self._scheduled = False
        self._told = self._loop.time()
        if not self._ended.is_set():
            self._tell(news)
