"""What the clients of `clients.py` do: each takes a client, chance, a folder of its own and the ids of the runs."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops_store.home import Home
from mlops_tui.client import Client, connect
from mlops_tui.client.wire import UnixConnection

LONG_SQL = "SELECT count(*), sum(a.value * b.value) FROM metric_points a, metric_points b WHERE a.step % 1000 = b.step % 999"
SHORT_SQL = "SELECT state, count(*) AS n FROM runs GROUP BY ALL"

Work = Callable[[Client, random.Random, Path, list[str]], None]


def ping(client: Client, _chance: random.Random, _folder: Path, _runs: list[str]) -> None:
    client.ping()


def point(client: Client, _chance: random.Random, _folder: Path, _runs: list[str]) -> None:
    client.call("project list")


def show(client: Client, chance: random.Random, _folder: Path, runs: list[str]) -> None:
    client.call("run show", {"run_id": chance.choice(runs)})


def again(client: Client, chance: random.Random, folder: Path, runs: list[str]) -> None:
    show(client, chance, folder, runs[:20])


def mark(client: Client, chance: random.Random, _folder: Path, runs: list[str]) -> None:
    """A tag or a note on some run, each time another one."""
    run_id, word = chance.choice(runs), f"{chance.random():.6f}"
    if chance.random() < 2 / 3:
        client.call("run tag", {"run_id": run_id, "tags": {"reviewed": word}})
    else:
        client.call("run note", {"run_id": run_id, "text": f"looked at, {word}"})


def toggle(client: Client, _chance: random.Random, folder: Path, _runs: list[str]) -> None:
    """A project is added, or removed where it was added: one entry of the ledger either way."""
    flag = folder / "added"
    if flag.exists():
        client.call("project remove", {"name": folder.name})
        flag.unlink()
    else:
        client.call("project add", {"dir": str(folder)})
        flag.touch()


def ask_sql(client: Client, _chance: random.Random, _folder: Path, _runs: list[str]) -> None:
    """A short question, for which a process is forked."""
    client.call("sql", {"query": SHORT_SQL})


def look(client: Client, chance: random.Random, _folder: Path, runs: list[str]) -> None:
    """What a screen asks: a run, a page, a curve, projects."""
    dice = chance.random()
    if dice < 0.5:
        client.call("run show", {"run_id": chance.choice(runs)})
    elif dice < 0.7:
        client.call("run list", {"limit": 20})
    elif dice < 0.9:
        client.call("run metrics", {"run_id": chance.choice(runs), "keys": ["roc_auc"]})
    else:
        client.call("project list")


def anything(client: Client, chance: random.Random, folder: Path, runs: list[str]) -> None:
    """Everything in turn: mostly looks, some writes, a little SQL."""
    dice = chance.random()
    if dice < 0.8:
        look(client, chance, folder, runs)
    elif dice < 0.9:
        mark(client, chance, folder, runs)
    elif dice < 0.99:
        toggle(client, chance, folder, runs)
    else:
        ask_sql(client, chance, folder, runs)


# --- what goes on beside them, until its process is killed -----------------------------------------------------------


def long_sql(home: Home, ready: Any) -> None:
    """A query that takes long, again and again."""
    with connect(home, autostart=False) as client:
        ready.set()
        while True:
            try:
                client.call("sql", {"query": LONG_SQL, "timeout": 25_000})
            except Exception as error:  # noqa: BLE001 - too slow is what it is meant to be; anything else is printed
                if getattr(error, "code", "") not in ("sql_too_slow", "too_slow"):
                    print(f"long sql: {error}", file=sys.stderr)


def writes(home: Home, folder: Path, ready: Any) -> None:
    """One write after the other."""
    folder.mkdir(exist_ok=True)
    (folder / "mlops.toml").write_text(f'[project]\nname = "{folder.name}"\n')
    with connect(home, autostart=False) as client:
        ready.set()
        while True:
            toggle(client, random.Random(), folder, [])


@contextmanager
def deaf_listener(home: Home) -> Iterator[None]:
    """Opens the events stream and reads none of it."""
    connection = UnixConnection(home, 60.0)
    connection.request("GET", "/v1/events?follow=1")
    try:
        yield
    finally:
        connection.close()
