"""What a run depended on and no one wrote down: code state, interpreter, packages, hardware, environment.

Standard library and the store's redaction only: the SDK captures in the trainer's process, the daemon in a helper thread.
Nothing here may hang or fail a run: what cannot be found out is recorded as unknown, with the reason.
"""

from __future__ import annotations

import json
import os
import platform
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlops_store.machine import memory
from mlops_store.redact import redact_argv, redact_env, redact_text

if TYPE_CHECKING:
    from importlib.metadata import Distribution

DIFF_CAP = 256 * 1024
_GIT_SECONDS = 5.0
_PYTHON_SECONDS = 20.0

_DIFF = ["diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--", "."]
_PACKAGES = (
    "import json,sys;from importlib.metadata import distributions as d;"
    "json.dump({'version':sys.version,'packages':{m.metadata['Name']:m.version for m in d() if m.metadata['Name']}},sys.stdout)"
)


def capture(
    folder: str,
    command: list[str],
    env: Mapping[str, str],
    python: str,
    seed: int | None,
    argv: list[str] | None = None,
) -> dict[str, Any]:
    """The content of `capture.json`. `folder` is where the code is; `python` the interpreter that will run it.

    `argv` is the command line of whoever asked. Takes up to about 25 seconds where git or the interpreter hangs.
    """
    return {
        "time": time.time_ns() // 1_000_000,
        "git": git_state(folder),
        "interpreter": interpreter(python),
        "hardware": hardware(),
        "seed": seed,
        "command": redact_argv(list(command)),
        "argv": redact_argv(list(argv or [])),
        "cwd": folder,
        "environment": redact_env(env),
    }


# --- code ---------------------------------------------------------------------------------------------


def git_state(folder: str) -> dict[str, Any]:
    """Commit, branch, and what differs from it below `folder`: {commit, branch, dirty, untracked, diff, diff_truncated}.

    {"unknown": reason} where there is no git, no repository or no answer. The diff is redacted and capped at 256 KiB.
    """
    deadline = time.monotonic() + _GIT_SECONDS
    asked = ["status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--untracked-files=normal", "--", "."]  # fmt: skip
    try:
        status, _ = _git(asked, folder, deadline, 65536)
        lines = [line for line in status.split("\0") if line]
        heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# "))
        if heads.get("branch.oid", "(initial)") == "(initial)":
            raise RuntimeError("there is no commit yet")
        changed = any(line[0] in "12u" for line in lines)
        diff, cut = _git(_DIFF, folder, deadline, DIFF_CAP) if changed else ("", False)
    except (OSError, RuntimeError) as error:
        return {"unknown": redact_text(str(error))[:500]}
    branch = heads.get("branch.head", "")
    return {
        "commit": heads["branch.oid"],
        "branch": "HEAD" if branch == "(detached)" else branch,
        "dirty": any(not line.startswith("# ") for line in lines),
        "untracked": [line[2:] for line in lines if line.startswith("? ")][:200],
        "diff": _masked(diff),
        "diff_truncated": cut,
    }


@lru_cache(maxsize=4)
def _masked(text: str) -> str:
    """A diff as it may be kept. The same text is masked alike: runs that follow each other in one process mostly have the same."""
    return redact_text(text)


def _git(arguments: list[str], folder: str, deadline: float, cap: int) -> tuple[str, bool]:
    """At most `cap` bytes of what git says, and whether that is not all. Raises OSError, RuntimeError.

    A repository's own configuration may name programs to run: none of those that could be meant is asked for.
    """
    command = [
        "git",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.quotePath=false",
        "-C",
        folder,
        *arguments,
    ]
    env = {key: os.environ[key] for key in ("PATH", "HOME", "XDG_CONFIG_HOME") if key in os.environ}
    env |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat"}
    code, out, err, cut = bounded(command, env, max(0.1, deadline - time.monotonic()), cap)
    if code != 0 and not cut:
        raise RuntimeError(err.strip().splitlines()[0] if err.strip() else f"git ended with {code}")
    return out, cut


def bounded(
    command: list[str], env: Mapping[str, str], seconds: float, cap: int
) -> tuple[int, str, str, bool]:
    """(exit code, output, errors, cut) of a program that gets so much time and says so much, and no more.

    Raises OSError where it cannot start and RuntimeError where it does not end in time. Its whole group is killed then.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        cwd="/",
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    deadline = time.monotonic() + seconds
    buffers = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    out, err = list(buffers.values())
    waiting = set(buffers)
    try:
        while waiting and len(out) <= cap:
            ready = select.select(list(waiting), [], [], max(0.0, deadline - time.monotonic()))[0]
            if not ready:
                raise RuntimeError(f"{command[0]} gave no answer within {seconds:.0f} s")
            for handle in ready:
                block = os.read(handle, 65536)
                if not block:
                    waiting.discard(handle)
                elif len(buffers[handle]) <= cap:
                    buffers[handle] += block
        cut = len(out) > cap
        if not cut:
            process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{command[0]} gave no answer within {seconds:.0f} s") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
        process.stderr.close()
    return (
        process.returncode,
        bytes(out[:cap]).decode(errors="replace"),
        bytes(err).decode(errors="replace"),
        cut,
    )


# --- interpreter and hardware -------------------------------------------------------------------------


def interpreter(python: str = "") -> dict[str, Any]:
    """{path, version, packages: {name: version}} of an interpreter; our own is read without a process."""
    if not python or _is_ours(python):
        return {"path": sys.executable, "version": sys.version, "packages": packages()}
    try:
        code, out, err, cut = bounded(
            [python, "-I", "-c", _PACKAGES], {"PATH": os.defpath}, _PYTHON_SECONDS, 1 << 20
        )
        if code or cut:
            raise RuntimeError(err.strip().splitlines()[-1] if err.strip() else f"{python} ended with {code}")
        found = json.loads(out)
        return {"path": python, "version": str(found["version"]), "packages": dict(found["packages"])}
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        return {"path": python, "unknown": redact_text(str(error))[:500]}


def _is_ours(python: str) -> bool:
    """The same program at the same place: environments beside each other often link to one program."""
    ours = (os.path.realpath(sys.executable), os.path.realpath(os.path.dirname(sys.executable)))
    return (os.path.realpath(python), os.path.realpath(os.path.dirname(python))) == ours


def packages() -> dict[str, str]:
    """Name → version of every installed distribution that this interpreter sees."""
    return dict(_packages(tuple(sys.path), tuple(map(_changed, sys.path))))


def _changed(folder: str) -> int | None:
    """When something was installed there, or taken away, in ns: each version of a distribution has a folder of its own."""
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return None


@lru_cache(maxsize=4)
def _packages(_path: tuple[str, ...], _changes: tuple[int | None, ...]) -> dict[str, str]:
    from importlib.metadata import distributions  # 20 ms, and only captures need it

    found: dict[str, str] = {}
    for item in distributions():
        name, version = _name_and_version(item)
        if name:
            found.setdefault(name, version)
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def _name_and_version(item: Distribution) -> tuple[str, str]:
    """From the head of its metadata; `item.metadata` would parse the whole of it, read-me included, which takes milliseconds each."""
    text = item.read_text("METADATA") or item.read_text("PKG-INFO") or item.read_text("") or ""
    fields = {"Name": "", "Version": ""}
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        if key in fields:
            fields[key] = fields[key] or value.strip()
    return fields["Name"], fields["Version"]


def hardware() -> dict[str, Any]:
    """{host, system, machine, cpu, cores, usable_cores, memory_bytes}; cores that this process may use beside those there are."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "usable_cores": usable,
        "memory_bytes": memory(),
    }


@lru_cache(maxsize=1)
def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        return ""
    return ""
