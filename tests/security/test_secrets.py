"""Secrets that were planted everywhere are nowhere on the disk afterwards, and not on the screen."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client import connect
from mlops_tui.daemon.logs import _OneLine
from mlops_tui.tui import history

# of the shapes that providers give out; none of them opens anything
AWS = "AKIAIOSFODNN7" + "EXAMPLF"
GITHUB = "ghp_" + "a8Zk3Qw9Lr5Tn2Xc7Vb1Mj6Hd4Gf0Sy2Pe8U"
PASSWORD = "correct-horse-battery-staple-77"
URL = "postgresql://admin:s3cr3t-Pa55w0rd@db.example.org/prod"
ENTROPY = "qX7vB2mK9pL4wZ8nT3rY6cD1"
# of no shape: masked because a variable or parameter with a telling name has it
PLAIN = "zebras under water"
PLANTED = {
    "aws": AWS,
    "github": GITHUB,
    "password": PASSWORD,
    "url": "s3cr3t-Pa55w0rd",
    "entropy": ENTROPY,
    "plain": PLAIN,
}

TRAIN = f"""
import os, sys
print("logging in with {GITHUB} at {URL}")
sys.stderr.write("password={PASSWORD}\\n")
print("and then {PLAIN}", sys.argv)
os.write(2, b"{PLAIN} without an end {AWS}")
os.system("echo; echo from a shell {GITHUB}")
print(sorted(os.environ))
import mlops_tui
with mlops_tui.start_run(params={{"api_key": "{PLAIN}"}}) as run:
    run.set_tag("where", "{URL}")
assert "DB_PASSWORD" not in os.environ and "GITHUB_TOKEN" not in os.environ
"""

SDK = f"""
import mlops_tui
run = mlops_tui.start_run(project="secretive", params={{"password": "{PASSWORD}", "dsn": "{URL}", "note": "key {AWS}", "seed": "{ENTROPY}"}})
with run:
    run.log_params({{"nested": {{"api_key": "{ENTROPY}", "list": ["{GITHUB}"]}}}})
    run.set_tag("token", "{ENTROPY}")
    run.set_tag("where", "{URL}")
    run.log_metric("m", 1.0)
    raise RuntimeError("could not log in with {GITHUB} as {URL}")
"""


def planted_in(root: Path) -> Iterator[tuple[str, str]]:
    """(file, secret) for every secret in any file below `root`, and in its name."""
    for path in root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for name, secret in PLANTED.items():
            if secret.encode() in content or secret in path.name:
                yield path.relative_to(root).as_posix(), name


def git(folder: Path, *words: str) -> None:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)


def test_planted_secrets_never_reach_the_disk_nor_the_screen(served_home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "secretive"
    folder.mkdir()
    (folder / "mlops.toml").write_text(
        f'[project]\nname = "secretive"\n[model.fast]\ncommand = "{sys.executable} train.py --password {{password}}"\nmetric = "score"\nparams = {{ dsn = "" }}\n'
    )
    (folder / "train.py").write_text("print(1)\n")
    (folder / "deploy.md").write_text("token = none\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    (folder / "deploy.md").write_text(f"token = {GITHUB}\nurl = {URL}\npassword = {PASSWORD}\n")
    # the code itself is copied as it is (see docs/security.md): so the program reads its words from outside
    program = tmp_path / "program.py"
    program.write_text(TRAIN)
    (folder / "train.py").write_text(f"import runpy\nrunpy.run_path({str(program)!r})\n")

    env = {**os.environ, "MLOPS_TUI_HOME": str(served_home.path), "DB_PASSWORD": PASSWORD, "GITHUB_TOKEN": GITHUB,
           "VAULT_SECRET": PLAIN, "AWS_ACCESS_KEY_ID": AWS, "DATABASE_URL": URL, "INNOCENT_NAME": ENTROPY}  # fmt: skip
    cli = [sys.executable, "-P", "-m", "mlops_tui.cli.main"]
    words = [
        "run",
        "start",
        "fast",
        "--set",
        f"password={PASSWORD}",
        "--set",
        f"dsn={URL}",
        "--tag",
        f"token={ENTROPY}",
        "--name",
        f"with {AWS}",
        "--json",
        "--wait",
    ]
    started = subprocess.run(
        [*cli, *words], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    logs_there = [path.read_text() for path in served_home.runs.glob("*/*/log.txt")]
    assert started.returncode == 0, (started.stdout, started.stderr, logs_there)
    failed = subprocess.run(
        [sys.executable, "-c", SDK], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1 and "RuntimeError" in failed.stderr

    with connect(served_home) as client:
        deadline = time.monotonic() + 20  # a script's run is read within a second
        while len(runs := client.call("run list", {"all_kinds": True}).items) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client.call("run note", {"run_id": runs[0].run_id, "text": f"log in with {GITHUB}"})
        with pytest.raises(Problem):
            client.call("run note", {"run_id": f"{GITHUB} {URL}", "text": "x"})
        history.save(served_home, [f"SELECT '{AWS}' AS password"])
        shown = [client.call("run show", {"run_id": run.run_id}) for run in runs]
        logs = [client.call("run logs", {"run_id": run.run_id}).text for run in runs]
        ledger = client.call("ledger list", {"limit": 100})
    run_id = json.loads(started.stdout)["run_id"]
    assert list(planted_in(served_home.path)) == []
    log = (served_home.run_dir(run_id) / "log.txt").read_text()
    assert "and then [redacted] ['" in log and "[redacted] without an end [redacted]" in log, log
    assert any("logging in with" in text for text in logs)
    for name, secret in PLANTED.items():
        assert not any(secret in text for text in logs), name
        assert secret not in repr(shown) and secret not in repr(ledger), name
    everything = subprocess.run(
        [*cli, "run", "logs", run_id], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    assert (
        "[redacted]" in everything.stdout
        and GITHUB not in everything.stdout
        and PASSWORD not in everything.stdout
    )


def test_the_daemons_log_is_masked() -> None:
    try:
        raise RuntimeError(f"no answer from {URL}")
    except RuntimeError:
        record = logging.LogRecord("d", logging.ERROR, "f", 1, "with %s", (GITHUB,), sys.exc_info())
    text = _OneLine("%(levelname)s %(message)s").format(record)
    assert text.startswith("ERROR with [redacted]\nTraceback") and text.endswith(
        "postgresql://admin:[redacted]@db.example.org/prod"
    )
