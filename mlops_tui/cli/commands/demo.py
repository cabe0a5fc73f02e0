"""`mlops-tui demo`: the whole loop on a year of real flights, by the commands that everyone has."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.cli.invoke import Shown
from mlops_tui.cli.screen import Screen
from mlops_tui.cli.story import MODEL, Story, wait_for_months, wait_for_proposal
from mlops_tui.client.here import project_here
from mlops_tui.pages import render
from mlops_tui.samples import FIRST_MONTHS, prepare
from mlops_tui.text import size
from mlops_tui.verbs import find
from mlops_tui.verbs._screens import ScreenName
from mlops_tui.verbs.top import DemoResult

NEXT_MONTH = "2013-05"
SCORED_MONTH = "2013-06"


def ask(story: Story, card: dict[str, Any]) -> bool:
    """On a terminal, lets the person decide; without one the answer is yes."""
    if not interactive(story):
        return True
    story.say(f"\nA retraining proposal is open: {card['id']}")
    for reason in card.get("reasons", []):
        story.say(f"  · {reason if isinstance(reason, str) else reason.get('text', reason)}")
    story.say(
        f"\nLook at it from another terminal:\n  cd {story.project}\n  export MLOPS_TUI_HOME={story.home}\n  mlops-tui proposal show {card['id']}"
    )
    story.say("\nPress Enter to approve it here, or type n and Enter to stop and decide later.")
    return not declined()


def play(story: Story) -> dict[str, Any]:
    """The story from the first file to scored predictions. Raises Problem where a step fails."""
    with story.stage("register the project"):
        story.command("project", "add", str(story.project))
    with story.stage("train on January to March, judge on April"):
        story.command("run", "start", MODEL, "--wait", allow=(0, 4))
    with story.stage("promote version 1"):
        story.command("model", "promote", f"{MODEL}@1", "--expected-from", "0", "--reason", "first model")
    with story.stage("May arrives; a proposal appears"):
        story.deliver("weather", NEXT_MONTH)
        story.deliver("flights", NEXT_MONTH)
        card = wait_for_proposal(story)
    if not ask(story, card):
        raise Later(card["id"])
    with story.stage("approve: train on January to April, judge both on May"):
        story.command("proposal", "approve", card["id"], "--reason", "demo", "--wait", allow=(0, 4))
    result = judge(story)
    with story.stage("score June"):
        story.deliver("weather", SCORED_MONTH)
        story.deliver("flights", SCORED_MONTH)
        wait_for_months(story, len(FIRST_MONTHS) + 2)
        scored = story.command("predict", MODEL, "--input", str(story.project / "data" / "flights" / f"{SCORED_MONTH}.parquet"),
                               "--output", str(story.folder / "june-scored.parquet"))  # fmt: skip
    result["proposals"] = story.command("proposal", "list", "--model", MODEL)["items"]
    result["scored_rows"] = scored["result"]["rows"]
    result["stages"] = story.stages
    return result


class Later(Exception):
    """The person at the terminal wants to decide later. Carries the card's id."""


def judge(story: Story) -> dict[str, Any]:
    """Promotes the challenger where the gate says that it is better, and tells champion and previous apart."""
    before = story.command("model", "show", f"{MODEL}@1")["selected"]
    after = story.command("model", "show", f"{MODEL}@2")["selected"]
    gate, metric = after["gate"], after["metric"]
    judged = {"metric": metric, "rows": gate["evaluation_rows"], "clusters": gate["clusters"]}
    new = {"version": after["version"], **judged, "value": after["metrics"][metric]["value"]}
    old = {"version": before["version"], **judged, "value": gate["champion_metrics"][metric]["value"]}
    better = after["verdict"] == "PASS" and gate["better_than_champion"]
    if better:
        with story.stage("promote version 2"):
            story.command(
                "model", "promote", f"{MODEL}@2", "--expected-from", "1", "--reason", "better on May"
            )
    else:
        story.say(f"  the gate says {after['verdict']}: version 1 stays champion")
    return {
        "project": "flight-delays",
        "dir": str(story.folder),
        "model": MODEL,
        "verdict": after["verdict"],
        "champion": new if better else old,
        "previous": old if better else new,
        "interval": _interval(gate, 1 if better else -1),
    }


def _interval(gate: dict[str, Any], sign: int) -> dict[str, Any]:
    """The interval of champion − previous: the gate's own is of candidate − champion."""
    found = gate["difference"]
    low, high = sorted((sign * found["low"], sign * found["high"]))
    told = {key: found[key] for key in ("level", "clusters", "rows")}
    return {"estimate": sign * found["estimate"], "low": low, "high": high, **told}


def run(dir: str | None = None, json_output: bool = False) -> dict[str, Any]:
    """Plays the story in `dir` (default: a new temporary folder) and ends every process that it started."""
    folder = Path(dir).absolute() if dir else Path(tempfile.mkdtemp(prefix="mlops-tui-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise Problem("demo_folder_used", f"{folder} is not empty", "name a new folder with --dir", status=2)
    folder.mkdir(parents=True, exist_ok=True)
    story = Story(folder, folder / "home", quiet=json_output)
    prepare(folder, FIRST_MONTHS)
    try:
        result = play(story)
        if interactive(story):
            render(find("demo"), msgspec.convert(result, DemoResult), Screen())
            story.say("\nPress Enter to look at all this in the app, or type n and Enter to leave.")
            if not declined():
                open_app(story, "home")
            raise Shown
        return result
    except Later as later:
        story.say(
            "\nThe card stays open. Press Enter to look at it in the app, or type n and Enter to leave."
        )
        if not declined():
            open_app(story, "proposals")
        story.say(
            "\nTo go on by hand:\n"
            f"  cd {shlex.quote(str(story.project))}\n  export MLOPS_TUI_HOME={shlex.quote(str(story.home))}\n"
            f"  mlops-tui proposal approve {later} --wait\n"
        )
        raise Shown from None
    finally:
        story.command("daemon", "stop", allow=(0, 1, 3))
        story.say(
            f"\nAll of this is in {folder} ({size(taken(folder))}); nothing of it runs, and you can delete it."
        )


def taken(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def interactive(story: Story) -> bool:
    """Someone is there to answer, on a terminal that the app can draw on."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty() and not story.quiet


def declined() -> bool:
    """Reads the answer to a question whose Enter means yes."""
    return sys.stdin.readline().strip().lower() in ("n", "no", "q")


def open_app(story: Story, screen: ScreenName) -> None:
    """The app over the story's home, standing in its project's folder."""
    from mlops_tui.tui.launch import Wish, launch

    os.chdir(story.project)
    launch(Home.locate(str(story.home)), project_here(), Wish(screen=screen))
