"""The home."""

from __future__ import annotations

from mlops_tui.pages import run as run_render
from mlops_tui.pages.parts import BULLET, count, plural, record
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short, size
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.home import HomeBudget, HomeImported, HomeReport, HomeRestored, HomeWritten


def show(home: HomeReport, screen: Surface) -> None:
    screen.title(f"{home.path}  {home.state}")
    counts = home.counts
    screen.facts([
        ("id", home.id), ("takes", f"{size(home.bytes)}{_of(home.settings.budget)}"), ("free", f"{size(home.free)} of {size(home.total)}"),
        ("projects", counts.projects), ("runs", f"{counts.runs:,}, {counts.live} under way, {counts.archived} archived, {counts.deleted} in the trash"),
        ("models", f"{counts.models} with {plural(counts.versions, 'version')}"), ("data", plural(counts.data_versions, "version")),
        ("cache may take", size(home.settings.cache)), ("warns below", f"{size(home.settings.warn)} free"),
        ("starts nothing below", f"{size(home.settings.floor)} free"),
    ])  # fmt: skip
    screen.heading("WHAT TAKES IT")
    screen.table(
        ("what", "files", "size"), [(item.name, item.files, size(item.bytes)) for item in home.classes]
    )
    screen.heading("NEXT")
    screen.commands([
        ("mlops-tui home gc --dry-run", "what could go"),
        ("mlops-tui home backup DIR", "a copy, while everything runs"),
    ])  # fmt: skip


def _of(budget: int | None) -> str:
    return f" of {size(budget)}" if budget is not None else ", no budget"


def budget(found: HomeBudget, screen: Surface) -> None:
    screen.facts([
        ("budget", "none" if found.budget is None else size(found.budget)), ("cache", size(found.cache)),
        ("warns below", f"{size(found.warn)} free"), ("starts nothing below", f"{size(found.floor)} free"),
    ])  # fmt: skip


def gc(run: Run, screen: Surface) -> None:
    """What a collection did, or that it is queued."""
    result = record(run.result) if isinstance(run, RunDetail) else {}
    if "swept" not in result:
        run_render.one(run, screen)
        return
    rows = [
        (kind, count(record(done).get("items")), size(count(record(done).get("bytes"))))
        for kind, done in record(result["swept"]).items()
    ]
    screen.table(("what", "items", "size"), rows, "nothing to collect: all that is there is needed or new")
    screen.text(
        f"{size(count(result.get('freed')))} are free again, {size(count(result.get('trashed')))} wait in the trash"
    )
    for why, number in record(result.get("kept")).items():
        screen.text(f"{short(why, 80)}: {number}")
    for problem in list(result.get("problems") or [])[:10]:
        screen.text(short(problem, 200), "  ! ")
    if result.get("trashed") and screen.terminal:
        screen.text(f"undo: mlops-tui home restore {run.run_id}")


def restored(found: HomeRestored, screen: Surface) -> None:
    screen.text(f"{plural(found.objects, 'object')} and {plural(found.logs, 'log')} are back from the trash")


def written(found: HomeWritten, screen: Surface) -> None:
    screen.line()
    reused = f", {found.reused:,} of them as before" if found.reused else ""
    screen.text(f"{found.path}: {found.what}")
    screen.text(
        f"{plural(found.files, 'file')} of {size(found.bytes)}{reused}; {plural(found.entries, 'ledger entry', 'ledger entries')}, {plural(found.runs, 'run')}"
    )
    for problem in found.problems[:20]:
        screen.text(short(problem, 300), "  ! ")
    if len(found.problems) > 20:
        screen.text(f"and {len(found.problems) - 20} more", "  ! ")


def imported(found: HomeImported, screen: Surface) -> None:
    done = "this home is now the one of the bundle" if found.restored else "taken over"
    screen.title("what would be taken over" if found.dry_run else done)
    screen.facts([
        ("entries", f"{found.applied:,} in effect, {found.recorded:,} only recorded, {found.known:,} known before"),
        ("runs", f"{found.runs:,} new, {found.runs_known:,} known before"), ("objects", found.objects), ("data files", found.data),
    ])  # fmt: skip
    for run_id in found.unfinished[:10]:
        left = "it is closed here" if found.restored else "import again when it is over"
        screen.text(f"run {run_id} was under way: {left}", BULLET)
    for conflict in found.conflicts[:20]:
        screen.text(short(conflict, 300), "  ! ")
    for project in found.projects[:10]:
        name = short(project, 63)
        told = (
            f"project {name} does nothing here until you add it again: mlops-tui project add DIR"
            if found.restored
            else f"its folder is for you to add: mlops-tui project add DIR (project {name})"
        )
        screen.text(told, BULLET)


RENDERERS = {
    "show": show, "budget": budget, "gc": gc, "restore": restored, "export": written, "backup": written, "import": imported,
}  # fmt: skip
