"""Starting the daemon at boot: a systemd user unit where there is one, else an @reboot entry of cron."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client.spawn import daemon_command, daemon_environment
from mlops_tui.verbs._declare import Plan

_TIMEOUT = 20


def enable(home: Home, *, remove: bool, dry_run: bool) -> Plan:
    """Makes or takes away the entry; with `dry_run` only says so. Doing it twice is no change. Raises Problem."""
    if _systemd_works():
        return _systemd(home, remove, dry_run)
    if shutil.which("crontab") is not None:
        return _cron(home, remove, dry_run)
    raise Problem(
        "no_starter",
        "this machine has neither systemd user units nor cron",
        f"start it at boot by other means: {shlex.join(_command(home))}",
    )


def _command(home: Home) -> list[str]:
    return daemon_command(home, "serve", "--foreground", "--idle-exit", "0")


def _name(home: Home) -> str:
    return f"mlops-tui-{hashlib.sha256(os.fsencode(home.path)).hexdigest()[:8]}"


# --- systemd ------------------------------------------------------------------------------------------------------


def _systemd_works() -> bool:
    if shutil.which("systemctl") is None:
        return False
    return _run("systemctl", "--user", "show-environment").returncode == 0


def _systemd(home: Home, remove: bool, dry_run: bool) -> Plan:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    unit = folder / f"{_name(home)}.service"
    if remove:
        plan = Plan(
            title=f"Do not start the daemon of {home.path} at boot", undo="mlops-tui daemon enable",
            steps=[f"systemctl --user disable {unit.name}", f"remove {unit}", "systemctl --user daemon-reload"],
        )  # fmt: skip
        if not dry_run:
            _run("systemctl", "--user", "disable", unit.name)
            unit.unlink(missing_ok=True)
            _must("systemctl", "--user", "daemon-reload")
        return plan
    plan = Plan(
        title=f"Start the daemon of {home.path} at boot", undo="mlops-tui daemon enable --remove",
        steps=[f"write {unit}", f"systemctl --user enable {unit.name}",
               "it starts when you log in; `loginctl enable-linger` starts it at boot"],
    )  # fmt: skip
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        unit.write_text(_unit(home))
        _must("systemctl", "--user", "daemon-reload")
        _must("systemctl", "--user", "enable", unit.name)
    return plan


def _unit(home: Home) -> str:
    """KillMode=process: stopping the unit must not stop the runs."""
    path = daemon_environment(home).get("PYTHONPATH", "")
    environment = f'Environment="PYTHONPATH={_unit_text(path)}"\n' if path else ""
    command = " ".join(f'"{_unit_text(word)}"' for word in _command(home))
    return (
        f"[Unit]\nDescription=mlops-tui daemon of {_unit_text(str(home.path))}\n\n"
        f"[Service]\nExecStart={command}\n{environment}KillMode=process\nRestart=on-failure\nRestartSec=5\n\n"
        "[Install]\nWantedBy=default.target\n"
    )


def _unit_text(text: str) -> str:
    if "\n" in text:
        raise Problem("bad_home", "the home's path has a line break", "use another home", status=2)
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")


# --- cron ---------------------------------------------------------------------------------------------------------


def _cron(home: Home, remove: bool, dry_run: bool) -> Plan:
    mark = f"# {_name(home)}"
    line = f"@reboot {_cron_command(home)} {mark}"
    found = _run("crontab", "-l")
    others = [entry for entry in found.stdout.splitlines() if not entry.endswith(mark)]
    wanted = others if remove else [*others, line]
    if remove:
        plan = Plan(title=f"Do not start the daemon of {home.path} at boot", steps=["take the @reboot entry out of your crontab"],
                    undo="mlops-tui daemon enable")  # fmt: skip
    else:
        plan = Plan(title=f"Start the daemon of {home.path} at boot", steps=[f"add to your crontab: {line}"],
                    undo="mlops-tui daemon enable --remove")  # fmt: skip
    if not dry_run and wanted != found.stdout.splitlines():
        _must("crontab", "-", text="".join(entry + "\n" for entry in wanted))
    return plan


def _cron_command(home: Home) -> str:
    """cron takes % for the end of a line."""
    command = shlex.join(_command(home))
    path = daemon_environment(home).get("PYTHONPATH")
    if "\n" in command:
        raise Problem("bad_home", "the home's path has a line break", "use another home", status=2)
    return (f"PYTHONPATH={shlex.quote(path)} {command}" if path else command).replace("%", "\\%")


# --- commands -----------------------------------------------------------------------------------------------------


def _run(*command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _must(*command: str, text: str | None = None) -> None:
    result = _run(*command, text=text)
    if result.returncode != 0:
        raise Problem(
            "enable_failed",
            f"`{shlex.join(command)}` failed: {result.stderr.strip()}",
            "see `mlops-tui doctor`",
        )
