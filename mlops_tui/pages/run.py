"""Runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from mlops_store.ids import now_ms
from mlops_tui.pages import care
from mlops_tui.pages.compare import runs as compare
from mlops_tui.pages.gates import gate
from mlops_tui.pages.parts import minute, plural, real, score, setting
from mlops_tui.pages.results import SHOWN
from mlops_tui.pages.surface import Surface
from mlops_tui.text import lasted, short, size, when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.run import (
    ArtifactList,
    Bucket,
    Curve,
    Fields,
    LogChunk,
    Marked,
    RunChange,
    RunCurves,
    RunList,
    Sweep,
    Trends,
    Why,
)

if TYPE_CHECKING:
    from mlops_store.filter_tree import Field


def id_(run_id: str, screen: Surface) -> str:
    """The start of an id is enough for people; a pipe gets all of it."""
    return run_id if screen.width is None else run_id[:16]


def one(run: Run, screen: Surface) -> None:
    """A run on one line, as an answer to a command that submits or stops one; with its evidence where there is some."""
    if isinstance(run, RunDetail):
        show(run, screen)
        return
    if isinstance(run, RunChange) and len(run.changed) + len(run.unchanged) > 1:
        for each in run.changed:
            screen.line(f"{each.run_id}  {each.kind}  {short(each.name, 60)}  {each.state}")
        _counted(len(run.changed), len(run.unchanged), screen)
        return
    reason = f"  ({run.reason})" if run.reason else ""
    screen.line(f"{run.run_id}  {run.kind}  {run.name}  {run.state}{reason}")


def list_(page: Page[Run], screen: Surface, asked: RunList | None = None) -> None:
    """The fields that were asked for; else what tells runs apart, their project too where it is not one."""
    if asked is not None and asked.fields:
        _fields(page, screen, asked.fields)
        return
    of_all = asked is not None and asked.project is None
    rows = [
        (id_(run.run_id, screen), *([run.project] if of_all else []), run.kind, run.name, run.state, run.verdict or "-", _best(run), minute(run.created), _took(run))
        for run in page.items
    ]  # fmt: skip
    screen.table(
        (
            "run",
            *(["project"] if of_all else []),
            "kind",
            "name",
            "state",
            "verdict",
            "best",
            "created",
            "took",
        ),
        rows,
        drop=("kind", "created", "took", "best"),
        middle=("name", "project"),
    )


def _fields(page: Page[Run], screen: Surface, texts: list[str]) -> None:
    from mlops_store.filters import field_names, parse_field

    names = list(dict.fromkeys(field_names(texts)))
    fields = [None if name == "headline" else parse_field(name) for name in names]
    rows = [
        (
            id_(run.run_id, screen),
            run.name,
            run.state,
            *(_best(run) if field is None else _field(run, field) for field in fields),
        )
        for run in page.items
    ]
    screen.table(("run", "name", "state", *names), rows, middle=("name",))


def _field(run: Run, field: Field) -> str:
    """The value of one field as a cell."""
    if field.group == "metric":
        metric = run.metrics.get(field.name)
        value = getattr(metric, field.aggregate or "best", None)
        return "-" if value is None else score(value)
    if field.group != "column":
        values = run.params if field.group == "param" else run.tags
        return setting(values[field.name]) if field.name in values else "-"
    if field.name == "duration":
        return _took(run)
    if field.name == "age":
        return lasted(now_ms() - run.created)
    value = getattr(run, {"id": "run_id"}.get(field.name, field.name), None)
    if value in (None, ""):
        return "-"
    return minute(value) if field.name in ("created", "started", "ended") else setting(value)


def _best(run: Run) -> str:
    """The metric that says how the run did; all of them are in `run show`."""
    return f"{run.headline.metric}={score(run.headline.value)}" if run.headline is not None else "-"


def _took(run: Run) -> str:
    return lasted(run.ended - run.started) if run.ended is not None and run.started is not None else "-"


def marked(found: Marked, screen: Surface) -> None:
    """What is said of runs after a tag or a note."""
    if len(found.changed) + len(found.unchanged) > 1:
        for run_id in found.changed:
            screen.line(run_id)
        _counted(len(found.changed), len(found.unchanged), screen)
        return
    screen.line(f"{found.run_id}  {found.name}")
    tags = ", ".join(f"{key}={value}" for key, value in sorted(found.tags.items()))
    screen.facts([("note", found.note), ("tags", tags)])


def _counted(changed: int, unchanged: int, screen: Surface) -> None:
    already = f"; {plural(unchanged, 'run')} stayed as before" if unchanged else ""
    screen.text(f"{plural(changed, 'run')} changed{already}")


def show(run: RunDetail, screen: Surface) -> None:
    screen.title(f"{run.name}  {run.state}{'  ' + run.verdict if run.verdict else ''}  {run.run_id}")
    screen.text(
        f"{run.kind} run of {run.project}  created {minute(run.created)} UTC"
        + (f", took {_took(run)}" if run.ended is not None and run.started is not None else "")
    )
    screen.line()
    screen.facts([
        ("experiment", run.experiment if run.experiment != run.model else None), ("by", run.actor),
        ("model version", f"{run.model}@{run.model_version}" if run.model_version is not None else None),
        ("nothing new", f"the same as v{run.same_as}: nothing new was trained" if run.same_as is not None else None),
        ("note", run.note), ("reason", run.reason), ("proposal", run.proposal_id), ("exit code", run.exit_code or None), ("signal", run.signal),
        ("attempts", run.attempts if run.attempts > 1 else None), ("after", run.after),
        ("data", ", ".join(f"{source}@{version}" for source, version in sorted(run.pins.items()))),
        ("log", f"{run.folder}/log.txt" if run.folder else None), ("withheld", _withheld(run)),
        ("dropped", f"{run.dropped:,} lines that could not be written: the disk was full" if run.dropped else None),
    ])  # fmt: skip
    _error(run, screen)
    _stages(run, screen)
    _metrics(run, screen)
    _part(
        screen, "PARAMETERS", ("parameter", "value"), [(key, setting(value)) for key, value in run.params.items()]
    )  # fmt: skip
    _part(
        screen, "TAGS", ("tag", "value"), [(key, setting(value)) for key, value in sorted(run.tags.items())]
    )
    if run.gate is not None:
        gate(run.gate, screen)
    _part(screen, "ARTIFACTS", ("file", "size"), [(item.path, size(item.size)) for item in run.artifacts])
    if run.result is not None and run.kind not in ("train", "sdk"):
        screen.heading("RESULT")
        if run.kind in SHOWN:
            SHOWN[run.kind](run, screen)
        else:
            _told(run.result, screen)
    _next(run, screen)


def _told(result: dict[str, Any], screen: Surface) -> None:
    told = ((name, value) for name, value in result.items() if value not in (None, "", [], {}))
    screen.facts((short(name, 60), _value(value, 200)) for name, value in told)


def _withheld(run: RunDetail) -> str | None:
    """Variables that a script may miss, and why it does."""
    names = [short(str(name), 40) for name in run.environment.get("withheld") or []]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{', '.join(names[:8])}{more}: secrets by name or look, not given to the run" if names else None


def _error(run: RunDetail, screen: Surface) -> None:
    if run.error is None:
        return
    screen.heading("ERROR", f"in stage {run.error.stage}" if run.error.stage else "")
    screen.text(run.error.message or run.error.code)
    if run.error.hint:
        screen.text(run.error.hint, "hint: ")


def _stages(run: RunDetail, screen: Surface) -> None:
    if not run.stages:
        return
    cached = sum(stage.state == "cached" for stage in run.stages)
    note = f"{cached} of {len(run.stages)} from the cache" if cached else ""
    screen.heading("STAGES", note)
    longest = max((stage.duration_ms or 0 for stage in run.stages), default=0)
    rows = [
        (stage.name, stage.state, lasted(stage.duration_ms), _bar(stage.duration_ms or 0, longest)) for stage in run.stages
    ]  # fmt: skip
    screen.table(("stage", "state", "took", ""), rows, drop=("",))


def _bar(ms: int, longest: int) -> str:
    """Where the time went."""
    return "▇" * round(20 * ms / longest) if longest > 0 else ""


def _metrics(run: RunDetail, screen: Surface) -> None:
    """Metrics of one point need no range; those of the machine stand apart."""
    own = {key: m for key, m in run.metrics.items() if not key.startswith("system/")}
    machine = {key: m for key, m in run.metrics.items() if key.startswith("system/")}
    single = [(key, score(m.last)) for key, m in own.items() if m.count <= 1]
    series = [
        (key, score(m.best), score(m.last), score(m.min), score(m.max), m.count) for key, m in own.items() if m.count > 1
    ]  # fmt: skip
    _part(screen, "METRICS", ("metric", "value"), single)
    _part(screen, "OVER TIME", ("metric", "best", "last", "min", "max", "points"), series)
    if machine:
        screen.heading("MACHINE", "the most that the run's processes used at a time")
        screen.facts(
            (key.removeprefix("system/").replace("_", " "), _machine(key, m.max))
            for key, m in machine.items()
        )


def _machine(key: str, value: float | None) -> str:
    number = real(value)
    if number is None:
        return "-"
    return (
        size(round(number))
        if key.endswith("bytes")
        else f"{number:.0f}%"
        if key.endswith("percent")
        else score(number)
    )


def _value(value: Any, width: int = 60) -> str:
    return score(value) if isinstance(value, int | float) else short(value, width)


def _part(screen: Surface, title: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    if rows:
        screen.heading(title)
        screen.table(columns, rows, middle=("file",))


def _next(run: RunDetail, screen: Surface) -> None:
    """What can be typed next, by how the run stands."""
    start = run.run_id[:16]
    commands = [(f"mlops-tui run logs {start}", "its output")]
    if run.state in ("QUEUED", "STARTING", "RUNNING", "STOPPING"):
        commands = [
            (f"mlops-tui wait {start}", "until it ends"),
            (f"mlops-tui run logs {start} --follow", "its output as it comes"),
        ]
        if run.state != "STOPPING":
            commands.append((f"mlops-tui run stop {start}", "stop it, and all that it started"))
    elif run.kind == "sdk" and run.state != "FINISHED":
        pass  # a process of one's own: what to run again is known to whoever ran it
    elif run.state != "FINISHED":
        commands.append((f"mlops-tui run resume {start}", "again, from the stage that failed"))
        if run.kind == "train" and run.model:
            commands.append((f"mlops-tui run start {run.model}", "anew, with what was mended since"))
    elif run.model_version is not None and run.model:
        commands.append((f"mlops-tui run why {start}", "why each stage ran or came from the cache"))
        commands.append(
            (
                f"mlops-tui model show {run.model}@{run.model_version}",
                "what it made" if run.same_as is None else "the version that it is",
            )
        )
        if run.verdict == "PASS":
            commands.append(
                (f"mlops-tui model promote {run.model}@{run.model_version}", "make it the champion")
            )
    screen.heading("NEXT")
    screen.commands(commands)


def logs(chunk: LogChunk, screen: Surface) -> None:
    screen.block(chunk.text)


def artifacts(found: ArtifactList, screen: Surface) -> None:
    """The files; or what came of copying them."""
    total = size(sum(each.size for each in found.artifacts))
    if not found.artifacts:
        screen.text(
            "no artifacts: a script makes some by run.log_artifact(PATH), or by files in $MLOPS_TUI_RUN_DIR/artifacts"
        )
        return
    if found.to is not None:
        there = f"; {found.unchanged:,} were there already, with the same bytes" if found.unchanged else ""
        screen.text(f"{plural(found.copied, 'artifact')} copied to {found.to}{there}")
        return
    screen.table(
        ("file", "size", "sha256"),
        [(each.path, size(each.size), each.sha256[:12]) for each in found.artifacts],
        drop=("sha256",), middle=("file",),
    )  # fmt: skip
    screen.line()
    screen.text(f"{plural(len(found.artifacts), 'file')}, {total}, in {found.folder}")
    screen.heading("NEXT")
    screen.commands([(f"mlops-tui run artifacts {found.run_id[:16]} --to DIR", "copies them, checked")])


def metrics(found: RunCurves, screen: Surface) -> None:
    """One curve point by point, on a terminal in a few lines; several at a glance."""
    if len(found.metrics) != 1:
        screen.table(
            ("metric", "points", "last", "min", "max"),
            [_glance(curve) for curve in found.metrics],
            "this run has logged no metrics",
        )
        return
    curve = found.metrics[0]
    strange = f", {curve.nonfinite:,} of them NaN or infinite" if curve.nonfinite else ""
    screen.title(f"{curve.key}  {plural(curve.points, 'point')}{strange}")
    shown = curve.buckets if screen.width is None else _fewer(curve.buckets, 20)
    rows = [(_x(x, found.axis), score(low), score(high), score(last)) for x, low, high, last in shown]
    screen.table((found.axis, "min", "max", "last"), rows, "none that is a number")


def _glance(curve: Curve) -> tuple[Any, ...]:
    if not curve.buckets:
        return (curve.key, curve.points, "-", "-", "-")
    lows, highs = [bucket[1] for bucket in curve.buckets], [bucket[2] for bucket in curve.buckets]
    return (curve.key, curve.points, score(curve.buckets[-1][3]), score(min(lows)), score(max(highs)))


def _x(value: int, axis: str) -> str:
    return when(value) if axis == "time" else str(value)


def _fewer(buckets: list[Bucket], most: int) -> list[Bucket]:
    """Neighbours taken together until there are at most so many; no extreme is lost."""
    width = -(-len(buckets) // most) or 1
    parts = [buckets[start : start + width] for start in range(0, len(buckets), width)]
    return [(part[0][0], min(b[1] for b in part), max(b[2] for b in part), part[-1][3]) for part in parts]


def why(found: Why, screen: Surface) -> None:
    ran = sum(stage.state != "cached" for stage in found.stages)
    screen.title(f"{plural(ran, 'stage')} ran, {len(found.stages) - ran} came from the cache")
    screen.facts([("run", found.run_id), ("compared with", found.previous)])
    for stage in found.stages:
        screen.heading(stage.stage, stage.state)
        if stage.reason:
            screen.text(stage.reason)
        for change in stage.changes:
            screen.text(f"{change.input}: {_input(change.before)} → {_input(change.after)}", "  • ")


def _input(value: str | None) -> str:
    """An input of a stage: a time in milliseconds as a time, a digest by its start."""
    if not value:
        return "none"
    if value.isdigit() and len(value) == 13:
        return f"{when(int(value))} UTC"
    return " ".join(short(word, 13) if len(word) >= 40 else word for word in short(value, 200).split(" "))


def fields(found: Fields, screen: Surface) -> None:
    rows = [
        (field.name, field.type, "-" if field.runs is None else field.runs, setting(", ".join(field.examples)) or "-")
        for field in found.fields
    ]  # fmt: skip
    screen.table(
        ("field", "type", "runs", "such as"), rows, "no field begins so", drop=("such as",), middle=("field",)
    )
    if found.truncated:
        screen.line("there are more: name the beginning with --prefix")


def trends(found: Trends, screen: Surface) -> None:
    rows = [
        (id_(trend.run_id, screen), " ".join(score(value) for value in trend.values) or "-")
        for trend in found.runs
    ]
    screen.table(("run", found.key), rows, "no runs are named")


def sweep(found: Sweep, screen: Surface) -> None:
    screen.title(f"{found.sweep}  {plural(len(found.runs), 'run')} queued")
    names = list(dict.fromkeys(key for point in found.points for key in point))
    rows = [
        (id_(run, screen), *(short(point.get(key), 24) for key in names))
        for run, point in zip(found.runs, found.points, strict=True)
    ]
    screen.table(("run", *names), rows, "no runs")
    screen.heading("NEXT")
    quoted = '"{}"'.format(found.metric.replace('"', '""'))
    best = f"{'-' if found.direction == 'max' else ''}best({quoted})" if found.metric else ""
    order = f" --sort={shlex.quote(best)}" if best else ""
    screen.commands([(f"mlops-tui run list --filter {shlex.quote(f'tags.sweep = {found.sweep}')}{order}", "how they do")])  # fmt: skip


SHAPED = ("list",)

RENDERERS = {
    "start": one, "sweep": sweep, "stop": one, "resume": one, "list": list_, "show": show, "logs": logs, "metrics": metrics, "why": why, "compare": compare,
    "artifacts": artifacts, "fields": fields, "trends": trends,
    "tag": marked, "note": marked, **care.RENDERERS,
}  # fmt: skip
