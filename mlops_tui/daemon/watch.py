"""The watcher: files of every source of every project, from their arrival to an ingest run.

Lives in the loop thread: `tick` does everything; only watchdog's own thread is elsewhere, and talks by a queue. What was
dealt with is known from the outcomes of ingest runs, so a restart looks at nothing twice; if it did, it would be a no-op.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mlops_store.delivered import delivered_path, path_text
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.tx import Read, Tx
from mlops_tui.daemon.arrivals import Arrivals
from mlops_tui.daemon.observers import News, Observers
from mlops_tui.project.arrivals import Matcher
from mlops_tui.services import ingests
from mlops_tui.services.configs import look

LOG = logging.getLogger("mlops_tui.daemon")
T = TypeVar("T")

RESCAN = 10.0
POLL = 2.0
REFRESH = 1.0
_BATCH = 5_000
_BATCH_BYTES = 4 << 30  # an ingest run holds a copy of each of its files until it ends
_RETRY = (5.0, 30.0, 300.0)


class Writes(Protocol):
    """The store, as the daemon gives it."""

    home: Home

    def read(self, fn: Callable[[Read], T]) -> T: ...
    def recall(self, fn: Callable[[Read], T]) -> T: ...
    def call(self, fn: Callable[[Tx], T], *, actor: str = ..., key: str = ...) -> T: ...


@dataclass
class _Source:
    """A source that is watched."""

    project: str
    name: str
    project_dir: Path
    matcher: Matcher
    arrivals: Arrivals
    scanned: float = float("-inf")
    run_id: str | None = None
    failures: int = 0
    not_before: float = float("-inf")

    @property
    def root(self) -> tuple[Path, bool]:
        return self.matcher.root, self.matcher.recursive


@dataclass
class _Project:
    """A project as it was last read."""

    directory: str
    stamp: tuple[int, int, int] = (0, 0, 0)
    problem: str = ""
    sources: dict[str, _Source] = field(default_factory=dict)


class Watcher:
    """`start`, `tick` again and again, `stop`. `project_quiet` tells whether files of a project are on their way."""

    def __init__(
        self,
        writer: Writes,
        *,
        rescan: float = RESCAN,
        poll: float = POLL,
        events: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._rescan = rescan
        self._poll = poll
        self._clock = clock
        self._observers = Observers(use=events)
        self._projects: dict[str, _Project] = {}
        self._refreshed = float("-inf")

    # --- for the daemon ---

    def start(self) -> None:
        """Nothing to do before the first tick."""

    def stop(self) -> None:
        self._observers.stop()

    def busy(self) -> bool:
        """Watching is a reason to stay."""
        return any(project.sources for project in self._projects.values())

    def project_quiet(self, project: str) -> bool:
        """False while files of the project are on their way, or an ingest of theirs is not settled.

        Looks at the disk, so that a file that was there before the question counts. What only waits for another
        try after a failure, or for a mlops.toml that is right, holds nobody up.
        """
        self._refresh(force=project not in self._projects)
        known = self._projects.get(project)
        if known is None:
            return True
        now = self._clock()
        for source in known.sources.values():
            self._scan(source, now)
        return not any(
            source.run_id is not None
            or (source.arrivals.holding(now) and source.not_before <= now and not known.problem)
            for source in known.sources.values()
        )

    def arriving(self, project: str) -> bool:
        return not self.project_quiet(project)

    def problems(self) -> dict[str, str]:
        """Project → what is wrong with its mlops.toml now; watching goes on with the last good one, and what comes waits."""
        return {name: project.problem for name, project in self._projects.items() if project.problem}

    def tick(self) -> None:
        """One look: configuration, events, rescans that are due, finished ingests, new ingests."""
        now = self._clock()
        self._refresh()
        for news in self._observers.news():
            self._hear(news, now)
        for source in self._sources():
            if now - source.scanned >= (
                self._rescan if self._observers.watched(*source.root) else min(self._poll, self._rescan)
            ):
                self._scan(source, now)
            else:
                source.arrivals.look_again(now)
            self._follow(source, now)
            self._submit(source, now)

    # --- configuration ---

    def _sources(self) -> list[_Source]:
        return [source for project in self._projects.values() for source in project.sources.values()]

    def _refresh(self, *, force: bool = False) -> None:
        now = self._clock()
        if not force and now - self._refreshed < REFRESH:
            return
        self._refreshed = now
        there = {row["name"]: row["dir"] for row in self._writer.recall(_projects)}
        for name in set(self._projects) - set(there):
            del self._projects[name]
        changed = False
        for name, directory in there.items():
            changed |= self._refresh_one(name, directory)
        wanted = {source.root for source in self._sources()}
        before = {root for root in wanted if self._observers.watched(*root)}
        if changed or before != wanted:
            self._observers.watch(wanted)
        for source in self._sources():
            if source.root not in before and self._observers.watched(*source.root):
                source.scanned = float("-inf")  # what came before the watch told nobody

    def _refresh_one(self, name: str, directory: str) -> bool:
        """Reads mlops.toml where it has changed. True where the sources are others now."""
        seen = look(directory)
        known = self._projects.get(name)
        if known is not None and (known.directory, known.stamp) == (directory, seen.stamp):
            return False
        fresh = _Project(directory, seen.stamp, seen.problem.message if seen.problem else "")
        if fresh.problem:
            LOG.warning("project %s: mlops.toml is wrong, %s: %s", name,
                        "files wait until it is right" if seen.config else "nothing is watched", fresh.problem)  # fmt: skip
        config = seen.config
        if config is not None and config.name == name:
            for source in config.sources.values():
                before = known.sources.get(source.name) if known else None
                matcher = Matcher(Path(directory), source.path)
                fresh.sources[source.name] = self._source(name, source.name, Path(directory), matcher, before)
        self._projects[name] = fresh
        return True

    def _source(
        self, project: str, name: str, folder: Path, matcher: Matcher, before: _Source | None
    ) -> _Source:
        if before is not None and before.project_dir == folder:
            before.matcher = matcher
            before.arrivals.coming = {
                text: c for text, c in before.arrivals.coming.items() if matcher.matches(Path(text))
            }
            before.scanned = before.not_before = float("-inf")  # what failed may be mended by what changed
            return before
        source = _Source(project, name, folder, matcher, Arrivals())
        for seen in self._writer.read(lambda read: ingests.seen(read, project, name)):
            self._learn(source, seen)
        source.run_id = self._writer.read(lambda read: ingests.unsettled(read, project, name))
        return source

    @staticmethod
    def _learn(source: _Source, seen: dict[str, Any]) -> None:
        path = delivered_path(str(seen["path"]), source.project_dir)
        source.arrivals.learn(str(path), (int(seen["size"]), int(seen["mtime_ns"]), int(seen["inode"])))

    # --- arrivals ---

    def _hear(self, news: News, now: float) -> None:
        for source in self._sources():
            if news.folder:
                if source.matcher.recursive and news.path.is_relative_to(source.matcher.root):
                    self._scan(source, now)
            elif source.matcher.matches(news.path):
                source.arrivals.notice(news.path, now, closed=news.closed)

    def _scan(self, source: _Source, now: float) -> None:
        source.scanned = now
        source.arrivals.look_again(now)
        for path in source.matcher.find():
            source.arrivals.notice(path, now)

    # --- ingest runs ---

    def _follow(self, source: _Source, now: float) -> None:
        if source.run_id is None:
            return
        state = self._writer.read(lambda read: ingests.settled_state(read, str(source.run_id)))
        if state is None:
            return
        run_id, source.run_id = source.run_id, None
        for seen in self._writer.read(lambda read: ingests.seen_by(read, run_id)):
            self._learn(source, seen)
        # a delivery that was overtaken by another one was submitted again
        source.run_id = self._writer.read(lambda read: ingests.unsettled(read, source.project, source.name))
        if state == "FINISHED":
            source.failures = 0
        else:
            self._postpone(source, now, f"ingest run {run_id} ended {state}")

    def _postpone(self, source: _Source, now: float, why: str) -> None:
        delay = _RETRY[min(source.failures, len(_RETRY) - 1)]
        source.failures += 1
        source.not_before = now + delay
        LOG.warning("%s/%s: %s; next try in %d s", source.project, source.name, why, delay)

    def _submit(self, source: _Source, now: float) -> None:
        if source.run_id is not None or now < source.not_before:
            return
        paths = source.arrivals.ready(now)
        # a run reads the file of this moment, not the last good one: with a wrong one it could only fail
        if not paths or look(str(source.project_dir)).problem is not None:
            return
        if source.failures:
            # one of them may be what kills the worker: from now on each goes alone, and the next one is tried next
            paths = [paths[(source.failures - 1) % len(paths)]]
        texts = [path_text(path) for path in _portion(paths, source.arrivals)]
        try:
            source.run_id = self._writer.call(
                lambda tx: ingests.submit_ingest(
                    tx, source.project, str(source.project_dir), source.name, texts
                ),
                actor="watcher",
            )
        except Problem as problem:
            self._postpone(source, now, str(problem))
            return
        LOG.info(
            "%s/%s: %d files arrived, ingest run %s", source.project, source.name, len(texts), source.run_id
        )


def _portion(paths: list[str], arrivals: Arrivals) -> list[str]:
    """As many of the files as one run takes, at least one; the others follow in the next run."""
    total = 0
    chosen: list[str] = []
    for path in paths[:_BATCH]:
        total += arrivals.coming[path].mark[0]
        if chosen and total > _BATCH_BYTES:
            break
        chosen.append(path)
    return chosen


def _projects(read: Read) -> list[dict[str, Any]]:
    return read.rows("SELECT name, dir FROM projects WHERE removed IS NULL")
