"""What has happened: the newest runs that are over, the newest decisions."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from mlops_tui.tui.formats import age, clean, duration, glyphs, number, plain, run_state, short, state
from mlops_tui.tui.plot.lines import cut, pad
from mlops_tui.tui.widgets.board import Row, Target
from mlops_tui.tui.writers.home import title
from mlops_tui.tui.writers.ledger import entity
from mlops_tui.tui.writers.run import took
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.ledger import Entry

TELLS = ("alias.move", "data.admit", "data.drop", "data.quarantine", "gate.verdict", "gate.waive", "model.register", "policy.set",
         "prediction.record", "project.add", "project.remove", "proposal.decide", "proposal.open")  # fmt: skip
"""The decisions that are told; the others go along with them."""


def latest(runs: Sequence[Run], width: int, height: int, now: int) -> list[Row]:
    """The newest runs that are over, how they did and how long they took."""
    ended = [run for run in runs if run.ended is not None][: max(0, height - 1)]
    if not ended or height < 2:
        return []
    wide = max(12, min(26, width - 66))
    rows = title("latest runs", width)
    for run in ended:
        line = Text.assemble(
            _to(run_state(run.state, run.reason), 11),
            plain(_in(run.name or run.run_id[:12], wide)),
            "  ",
        )
        line.append_text(plain(_in(run.kind, 8), "bright_black")).append("  ")
        line.append(_in(_headline(run), 20)).append(f"{duration(took(run, now)):>5}", style="bright_black")
        line.append(f"  {age(run.ended, now):>4} ago", style="bright_black")
        if run.verdict:
            line.append("  ").append_text(state(run.verdict))
        rows.append(Row(line, ("run", run.run_id)))
    return rows


def _headline(run: Run) -> str:
    found = run.headline
    if found is None or not isinstance(found.value, int | float):
        return ""
    return f"{short(clean(found.metric), 10)} {found.value:#.4g}"


def _to(text: Text, width: int) -> Text:
    text.append(" " * max(1, width - text.cell_len))
    return text


def _in(text: str, width: int) -> str:
    return pad(cut(clean(text), width), width)


def happened(entries: Sequence[Entry], width: int, height: int, now: int) -> list[Row]:
    """The newest decisions, each a line with its age and who made it."""
    if not entries or height < 2:
        return []
    rows = title("ledger", width)
    for entry in entries[: height - 1]:
        line = Text.assemble((f"{age(entry.time, now):>4}  ", "bright_black"), told(entry))
        line.append(f"  {clean(entry.actor)}", style="bright_black")
        rows.append(Row(line, _target(entry)))
    return rows


def _target(entry: Entry) -> Target | None:
    kind, _, id = entity(entry).partition(":")
    project = str(entry.data.get("project") or "")
    return (
        ("entry", kind, id, project) if kind in ("run", "proposal", "model", "alias", "data") and id else None
    )


def told(entry: Entry) -> Text:
    """A decision as a sentence."""
    data = entry.data
    model = short(data.get("model"), 40) if data.get("model") else ""
    named = Text.assemble(plain(model, "bold"))
    version = data.get("version")
    match entry.verb:
        case "data.admit":
            return Text.assemble(
                plain(f"{data.get('source')} v{version}", "bold"),
                f" admitted, {number(data.get('rows'))} rows",
            )
        case "data.quarantine":
            return Text.assemble((f"{glyphs().warn} ", "yellow"), plain(f"{data.get('source')}", "bold"), plain(f" refused {short(data.get('path'), 60)}: {short(data.get('reason'), 200)}"))  # fmt: skip
        case "model.register":
            return named.append(f" v{version}", style="bold").append(" registered")
        case "gate.verdict":
            return Text.assemble(
                named,
                (f" v{version}" if version is not None else "", "bold"),
                ": the gate says ",
                state(str(data.get("verdict"))),
            )
        case "alias.move":
            before, after = (
                f"v{number}" if number is not None else "none"
                for number in (data.get("from"), data.get("to"))
            )
            how = "rolled back" if data.get("rollback") else plain(str(data.get("alias"))).plain
            return Text.assemble(named, f" {how}: {before} {glyphs().arrow} ", (after, "bold cyan"))
        case "proposal.open":
            return Text.assemble(
                (f"{glyphs().live} ", "yellow"), named, " proposal: ", plain(short(entry.why, 200))
            )
        case "proposal.decide":
            return Text.assemble(
                "proposal ", state(str(data.get("decision"))), plain(f": {entry.why}" if entry.why else "")
            )
        case "project.add" | "project.remove":
            done = "is looked after" if entry.verb == "project.add" else "is no longer looked after"
            return Text.assemble(plain(entry.subject, "bold"), f" {done}")
        case "prediction.record":
            return Text.assemble(named, f" scored {number(data.get('rows'))} rows")
        case _:
            return Text.assemble(
                plain(f"{entry.verb.replace('.', ' ')} "),
                plain(entry.subject, "bold"),
                plain(f": {entry.why}" if entry.why else ""),
            )
