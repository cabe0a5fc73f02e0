"""Models."""

from __future__ import annotations

from typing import Any

from mlops_tui.cli.render import run as run_render
from mlops_tui.cli.screen import Screen
from mlops_tui.cli.text import measured, short, when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Model
from mlops_tui.verbs.model import AliasMove, Card, ModelComparison, ModelDetail, Waiver


def list_(page: Page[Model], screen: Screen) -> None:
    rows = []
    for model in page.items:
        newest = max(model.versions, key=lambda version: version.version, default=None)
        champion = next((v for v in model.versions if v.version == model.aliases.get("champion")), None)
        score = measured(champion.metrics.get(model.metric)) if champion else "-"
        rows.append((model.project, model.name, len(model.versions), model.aliases.get("champion"), model.metric or "-", score,
                     newest.verdict if newest and newest.verdict else "-", when(newest.created) if newest else "-"))  # fmt: skip
    screen.table(
        ("project", "model", "versions", "champion", "metric", "champion's", "newest verdict", "newest"),
        rows,
        "no models",
    )


def show(model: ModelDetail, screen: Screen) -> None:
    screen.facts([
        ("model", model.name), ("project", model.project), ("metric", f"{model.metric} ({model.direction})"),
        ("aliases", short(model.aliases, 200) if model.aliases else None), ("as of", when(model.as_of) if model.as_of else None),
    ])  # fmt: skip
    screen.line()
    rows = [
        (
            v.version,
            ", ".join(v.aliases) or "-",
            v.verdict or "-",
            measured(v.metrics.get(model.metric)),
            when(v.created),
            v.run_id,
        )
        for v in model.versions
    ]
    screen.table(
        ("version", "aliases", "verdict", model.metric or "metric", "created", "run"), rows, "no versions"
    )
    chosen = model.selected
    if chosen is None:
        return
    screen.line()
    screen.facts([
        ("version", chosen.version), ("run", chosen.run_id), ("training rows", chosen.training_rows),
        ("data", short(chosen.pins, 200) if chosen.pins else None), ("features", chosen.feature_service),
        ("digest", chosen.digest), ("python", chosen.python), ("parameters", short(chosen.params, 200) if chosen.params else None),
    ])  # fmt: skip
    screen.line()
    screen.table(("metric", "value"), [(key, measured(value)) for key, value in chosen.metrics.items()])
    if chosen.gate is not None:
        run_render.gate(chosen.gate, screen)
    for waiver in chosen.waivers:
        screen.line(f"waived: {short(waiver, 200)}")


def compare(found: ModelComparison, screen: Screen) -> None:
    screen.line(f"{found.model}: {found.a} and {found.b}{'  ' + found.note if found.note else ''}")
    screen.line()
    screen.table(
        ("metric", str(found.a), str(found.b), "difference", "rows"),
        [(m.metric, measured(m.a), measured(m.b), measured(m.difference), m.rows) for m in found.metrics],
        "no metrics in common",
    )
    screen.line()
    rows = [
        ("*" if row.differs else "", row.section, row.key, short(row.a), short(row.b)) for row in found.rows
    ]
    screen.table(("", "section", "what", str(found.a), str(found.b)), rows)


def _moved(move: AliasMove) -> tuple[Any, ...]:
    return (
        move.alias,
        move.from_,
        move.to,
        move.verdict or "-",
        move.actor,
        when(move.time),
        move.why or "-",
    )


def history(page: Page[AliasMove], screen: Screen) -> None:
    screen.table(
        ("alias", "from", "to", "verdict", "by", "when", "why"),
        [_moved(move) for move in page.items],
        "no alias was moved",
    )


def move(found: AliasMove, screen: Screen) -> None:
    before = "nothing" if found.from_ is None else f"version {found.from_}"
    after = "nothing" if found.to is None else f"version {found.to}"
    screen.line(f"{found.model}: {found.alias} moved from {before} to {after} (ledger entry {found.seq})")


def card(found: Card, screen: Screen) -> None:
    screen.block(found.markdown)


def waive(found: Waiver, screen: Screen) -> None:
    screen.line(
        f"{found.model}@{found.version}: {found.check!r} is waived until {when(found.expires)}, by {found.name}"
    )


RENDERERS = {
    "list": list_, "show": show, "evaluate": run_render.one, "compare": compare, "promote": move, "rollback": move,
    "history": history, "card": card, "waive": waive,
}  # fmt: skip
