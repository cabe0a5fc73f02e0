"""A project, or the home, at a glance."""

from __future__ import annotations

from mlops_tui.pages.parts import BULLET, drift_said, interval, minute, names, plural, record, share
from mlops_tui.pages.run import id_
from mlops_tui.pages.surface import Surface
from mlops_tui.text import lasted, short, size
from mlops_tui.verbs._status import LiveRun, ModelHealth, StatusReport


def status(found: StatusReport, screen: Surface) -> None:
    live, cards = sum(found.queue.values()) - found.queued, len(found.proposals)
    screen.title(
        f"{found.project or plural(len(found.projects), 'project')}  {plural(live, 'live run')}, {found.queued:,} queued, "
        f"{plural(cards, 'card')} to look at"
    )
    for project in found.projects:
        for problem in project.problems:
            screen.text(f"{project.name}: {short(problem, 300)}", BULLET)
    empty = not (found.projects or found.models or found.runs or found.failed)
    if not empty:
        _models(found, screen)
    if found.runs:
        screen.heading("RUNS")
        screen.table(
            ("run", "kind", "name", "state", "at", "done", "since"),
            [(id_(run.run_id, screen), run.kind, run.name, run.state, run.stage or "-", share(run.progress), _age(found.time, run))
             for run in found.runs],
            drop=("kind", "since"), middle=("name",),
        )  # fmt: skip
    if found.failed:
        screen.heading("FAILED", "in the last day, and nothing like it has ended well since")
        screen.table(
            ("run", "kind", "name", "state", "ended", "why"),
            [(id_(run.run_id, screen), run.kind, run.name, run.state, minute(run.ended), run.reason or "its log says it")
             for run in found.failed],
            drop=("kind", "ended"), middle=("name",),
        )  # fmt: skip
    if found.proposals:
        screen.heading("CARDS")
        screen.table(
            ("card", "model", "state", "revision", "reason"),
            [(card.id, card.model, card.state, card.revision, card.headline or "-") for card in found.proposals],
            drop=("revision",), keep=("card",),
        )  # fmt: skip
    if found.quarantine:
        screen.heading("QUARANTINE")
        screen.table(
            ("project", "source", "files", "oldest"),
            [(q.project, q.source, q.files, minute(q.since)) for q in found.quarantine],
            drop=("project",),
        )
    screen.heading("HOME")
    disk, daemon = found.disk, found.daemon
    taken = size(disk.home_bytes) if disk.home_bytes is not None else "being counted"
    screen.facts([
        ("disk", f"{taken} here, {size(disk.free_bytes)} of {size(disk.total_bytes)} free"),
        ("daemon", f"pid {daemon.pid}, version {daemon.version}, {daemon.busy or 'idle'}" if daemon.running else "not running"),
        ("ledger entries", daemon.ledger_seq),
    ])  # fmt: skip
    if empty:
        screen.heading("NEXT", "this home looks after nothing yet")
        screen.commands([("mlops-tui init . --target COLUMN", "a project from the CSV or Parquet files here"),
                         ("mlops-tui project add DIR", "a folder that has an mlops.toml"), ("mlops-tui demo", "all of it on real data")])  # fmt: skip


def _models(found: StatusReport, screen: Surface) -> None:
    screen.heading("MODELS")
    screen.table(
        ("model", "champion", "metric", "on its own rows", "on the newest", "verdict", "age", "data", "new rows", "drift"),
        [
            (model.name, model.champion, model.metric or "-", interval(model.value) if model.value else "-",
             interval(record(model.performance)) if model.performance else "-", model.verdict or "-",
             lasted(found.time - model.trained) if model.trained is not None else "-", _data(model), model.new_rows, _drift(model))
            for model in found.models
        ],
        "no models yet: `mlops-tui run start MODEL --wait` trains and registers a first version",
        drop=("age", "verdict", "metric", "data", "new rows"), middle=("model",),
    )  # fmt: skip


def _data(model: ModelHealth) -> str:
    """The sources that are newer than what the champion was trained on."""
    behind = [f"{one.source} {one.trained} → {one.newest}" for one in model.data if one.newest > one.trained]
    return names(behind, 3) if behind else "newest" if model.data else "-"


def _drift(model: ModelHealth) -> str:
    return "-" if model.drift is None else drift_said(model.drift)


def _age(now: int, run: LiveRun) -> str:
    return lasted(now - (run.started if run.started is not None else run.created))
