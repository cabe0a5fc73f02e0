"""Models."""

from __future__ import annotations

from typing import Any

from mlops_tui.pages import run as run_render
from mlops_tui.pages.compare import compare
from mlops_tui.pages.gates import gate
from mlops_tui.pages.parts import (
    BULLET,
    features_by_view,
    interval,
    items,
    minute,
    plural,
    record,
    setting,
)
from mlops_tui.pages.report import report
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Model
from mlops_tui.verbs.model import AliasMove, Card, ModelDetail, Parameter, Parameters, VersionDetail, Waiver


def list_(page: Page[Model], screen: Surface) -> None:
    rows = []
    for model in page.items:
        newest = max(model.versions, key=lambda version: version.version, default=None)
        champion = next((v for v in model.versions if v.version == model.aliases.get("champion")), None)
        shown = interval(champion.metrics.get(model.metric)) if champion else "-"
        rows.append((model.project, model.name, len(model.versions), model.aliases.get("champion"), model.metric or "-", shown,
                     newest.verdict if newest and newest.verdict else "-", minute(newest.created) if newest else "-"))  # fmt: skip
    screen.table(
        ("project", "model", "versions", "champion", "metric", "champion's", "newest verdict", "newest"),
        rows,
        drop=("project", "newest", "versions", "newest verdict"),
        middle=("model",),
    )


def show(model: ModelDetail, screen: Surface) -> None:
    screen.title(f"{model.name}  of {model.project}")
    aliases = ", ".join(f"{alias} → version {version}" for alias, version in sorted(model.aliases.items()))
    screen.facts([
        ("judged by", f"{model.metric or '-'} ({'higher' if model.direction != 'min' else 'lower'} is better)"),
        ("aliases", aliases or "none"), ("as of", f"{minute(model.as_of)} UTC" if model.as_of else None),
    ])  # fmt: skip
    screen.heading("VERSIONS", "each measured on its own evaluation rows")
    rows = [
        (v.version, ", ".join(v.aliases) or "-", v.verdict or "-", interval(v.metrics.get(model.metric)), minute(v.created),
         run_render.id_(v.run_id, screen))
        for v in model.versions
    ]  # fmt: skip
    screen.table(
        ("version", "aliases", "verdict", model.metric or "metric", "created", "run"),
        rows,
        f"no versions: `mlops-tui run start {model.name} --wait` trains one",
        drop=("run", "created"),
    )
    if model.selected is not None:
        _version(model.name, model.selected, screen)
        _next(model, model.selected, screen)


def _version(name: str, chosen: VersionDetail, screen: Surface) -> None:
    manifest = record(chosen.manifest)
    screen.heading(f"VERSION {chosen.version}", ", ".join(chosen.aliases))
    training = record(manifest.get("training"))
    seen = f"{plural(chosen.training_rows, 'row')}"
    if training.get("source"):
        seen += f" of {training['source']}, {minute(training.get('min_event_time'))} to {minute(training.get('max_event_time'))}"
    screen.facts([
        ("run", chosen.run_id), ("trained on", seen), ("algorithm", manifest.get("family")), ("target", manifest.get("target")),
        ("digest", chosen.digest), ("python", chosen.python),
    ])  # fmt: skip
    snapshots = record(manifest.get("snapshots"))
    if chosen.pins:
        screen.heading("DATA")
        screen.table(
            ("source", "version", "snapshot"),
            [(source, version, short(record(snapshots.get(source)).get("snapshot") or "-", 13)) for source, version in sorted(chosen.pins.items())],
        )  # fmt: skip
    features(chosen.feature_service, items(manifest.get("feature_columns")), screen)
    if chosen.params:
        screen.heading("PARAMETERS")
        screen.table(("parameter", "value"), [(key, setting(value)) for key, value in chosen.params.items()])
    if chosen.metrics:
        screen.heading("METRICS", "with 95% intervals over clusters" if _clustered(chosen.metrics) else "")
        screen.table(
            ("metric", "value"), [(key, interval(value)) for key, value in sorted(chosen.metrics.items())]
        )
    if chosen.gate is not None:
        gate(chosen.gate, screen)
    if chosen.waivers:
        screen.heading("WAIVED")
    for waiver in chosen.waivers:
        screen.text(
            f"{short(waiver.get('check'), 100)} until {minute(waiver.get('expires'))}, by {short(waiver.get('name'), 60)}: "
            f"{short(waiver.get('reason') or '-', 300)}", BULLET
        )  # fmt: skip


def _clustered(metrics: dict[str, Any]) -> bool:
    return all(record(value).get("level") == 0.95 for value in metrics.values())


def features(service: list[str], columns: list[Any], screen: Surface) -> None:
    """The features by view, each once."""
    rows = features_by_view(service, columns)
    if not rows:
        return
    total = sum(len(names.split(", ")) for _, names in rows)
    screen.heading("FEATURES", plural(total, "column"))
    screen.facts(rows)


def _next(model: ModelDetail, chosen: VersionDetail, screen: Surface) -> None:
    name, version = model.name, chosen.version
    champion = model.aliases.get("champion")
    commands = [(f"mlops-tui model card {name}@{version}", "all recorded facts, as Markdown")]
    others = [v.version for v in model.versions if v.version != version]
    if others:
        commands.append((f"mlops-tui model compare {name}@{max(others)} {version}", "what differs, and why"))
    if champion != version and chosen.verdict == "PASS":
        promote = f"mlops-tui model promote {name}@{version} --expected-from {champion or 0}"
        commands.append((promote, "make it the champion"))
    screen.heading("NEXT")
    screen.commands(commands)


def _moved(move: AliasMove) -> tuple[Any, ...]:
    return (
        move.alias,
        move.from_,
        move.to,
        move.verdict or "-",
        move.actor,
        minute(move.time),
        move.why or "-",
    )


def history(page: Page[AliasMove], screen: Surface) -> None:
    screen.table(
        ("alias", "from", "to", "verdict", "by", "when", "why"),
        [_moved(move) for move in page.items],
    )


def move(found: AliasMove, screen: Surface) -> None:
    before = "nothing" if found.from_ is None else f"version {found.from_}"
    after = "nothing" if found.to is None else f"version {found.to}"
    screen.text(f"{found.model}: {found.alias} moved from {before} to {after} (ledger entry {found.seq})")


def card(found: Card, screen: Surface) -> None:
    screen.block(found.markdown)


def waive(found: Waiver, screen: Surface) -> None:
    screen.text(
        f"{found.model}@{found.version}: {short(found.check, 200)!r} is waived until {minute(found.expires)}, by {found.name}"
    )


def parameters(found: Parameters, screen: Surface) -> None:
    """What can be set, what it is now, and what is drawn where nothing is set."""
    titles = {"search": "SEARCH", "estimator": "ESTIMATOR", "command": "COMMAND"}
    screen.title(f"{found.model}  of {found.project}")
    for group, title in titles.items():
        of_group = [one for one in found.parameters if one.group == group]
        if of_group:
            screen.heading(title)
            screen.table(
                ("parameter", "now", "takes", "for"),
                [(one.name, present(one), one.takes.words, one.help) for one in of_group],
                drop=("for",),
                keep=("parameter",),
            )
    if found.others:
        screen.heading("OTHERS")
        screen.text("any other name is taken too: the code of the model says what it means")
    screen.heading("NEXT")
    screen.commands([(f"mlops-tui run start {found.model} --set NAME=VALUE", "trains it with another value")])


def present(one: Parameter) -> str:
    """What a parameter is now, by mlops.toml or by what the search draws: `0.1`, `0.03 to 0.3, log`."""
    if one.value is not None:
        return (
            " or ".join(setting(value) for value in one.value)
            if isinstance(one.value, list)
            else setting(one.value)
        )
    if not one.drawn:
        return "needs a value" if one.required else "-"
    ranges = {
        each.family: "drawn"
        if each.low is None
        else f"{setting(each.low)} to {setting(each.high)}{', log' * each.log}"
        for each in one.drawn
    }
    if len(set(ranges.values())) == 1:
        return next(iter(ranges.values()))
    return "; ".join(f"{family} {words}" for family, words in ranges.items())


RENDERERS = {
    "report": report, "parameters": parameters,
    "list": list_, "show": show, "evaluate": run_render.one, "compare": compare, "promote": move, "rollback": move,
    "history": history, "card": card, "waive": waive,
}  # fmt: skip
