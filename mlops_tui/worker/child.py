"""Starting the child of a shim: its identity is on disk before its program runs."""

from __future__ import annotations

import os
import signal
import sys

from mlops_tui import processes
from mlops_tui.worker.attempt_files import AttemptFiles

TYPE_CHECKING = False  # importing typing would cost a fifth of the start
if TYPE_CHECKING:
    from typing import Any, NoReturn


class Child:
    """A started child. `failure` turns up where its program could not be run."""

    __slots__ = ("failure_fd", "pid")

    def __init__(self, pid: int, failure_fd: int) -> None:
        self.pid = pid
        self.failure_fd = failure_fd


def command_of(spec: dict[str, Any], files: AttemptFiles) -> list[str]:
    """The argv of a spec, with `{run_dir}` and `{attempt}` filled in. Raises ValueError."""
    command = spec.get("command")
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise ValueError("spec.json names no command")
    filled = [
        word.replace("{run_dir}", files.run_dir).replace("{attempt}", str(files.attempt)) for word in command
    ]
    if any("\0" in word for word in filled):
        raise ValueError("the command holds a NUL character")
    return filled


def environment_of(spec: dict[str, Any], files: AttemptFiles) -> dict[str, str]:
    """The environment of the submitting client, and where the run is."""
    env = {str(key): str(value) for key, value in (spec.get("env") or {}).items()}
    env = {key: value for key, value in env.items() if key and "=" not in key and "\0" not in key + value}
    env.setdefault("PATH", os.defpath)
    # runs/<month>/<run_id>: the home is three levels up
    env["MLOPS_TUI_HOME"] = os.path.dirname(os.path.dirname(os.path.dirname(files.run_dir)))
    env["MLOPS_TUI_RUN_ID"] = os.path.basename(files.run_dir)
    env["MLOPS_TUI_RUN_DIR"] = files.run_dir
    env["MLOPS_TUI_ATTEMPT"] = str(files.attempt)
    return env


def start(spec: dict[str, Any], files: AttemptFiles, output: int) -> Child:
    """Forks; the child waits until `child.json` is there, then runs the program in a session of its own.

    `output` becomes its standard output and error.
    """
    command, env = command_of(spec, files), environment_of(spec, files)
    go_read, go_write = os.pipe()
    failure_read, failure_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go_write)
        os.close(failure_read)
        _become(spec, command, env, output, go_read, failure_write)
    os.close(go_read)
    os.close(failure_write)
    try:
        files.write("child.json", processes.identity(pid))
        os.write(go_write, b"g")
    except BrokenPipeError:
        pass  # killed before it began: whoever waits for it will see by what
    finally:
        # without its letter the child reads the end of the pipe and runs nothing
        os.close(go_write)
    return Child(pid, failure_read)


def _become(
    spec: dict[str, Any], command: list[str], env: dict[str, str], output: int, go: int, failure: int
) -> NoReturn:
    """In the child: everything up to exec. Never returns; what fails goes up the pipe."""
    where = "start"
    try:
        os.setsid()
        if os.read(go, 1) != b"g":
            os._exit(127)
        _reset_signals()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(failure, False)
        _limit(spec.get("limits") or {})
        os.nice(min(19, max(0, int(spec.get("nice") or 0))))
        where = f"enter {spec.get('cwd')}"
        os.umask(int(spec.get("umask", 0o022)) & 0o777)
        os.chdir(spec.get("cwd") or "/")
        where = f"run {command[0]!r}"
        os.execvpe(command[0], command, env)
    except BaseException as error:  # noqa: BLE001 - the copy of the shim must end here, whatever happened
        code = 126 if isinstance(error, PermissionError) else 127
        reason = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        os.write(failure, f"{code} cannot {where}: {reason}".encode(errors="backslashreplace")[:4000])
    os._exit(127)


def _reset_signals() -> None:
    """Python ignores SIGPIPE and SIGXFSZ, and the shim handles some more: a program expects the defaults."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                continue  # the C library keeps a few real-time signals to itself
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _limit(limits: dict[str, Any]) -> None:
    """The client's resource limits, as far as the daemon's own allow. Values are [soft, hard], -1 for none."""
    if not limits:
        return
    import resource

    for name, pair in limits.items():
        number = getattr(resource, str(name), None)
        if not str(name).startswith("RLIMIT_") or number is None:
            continue
        try:
            resource.setrlimit(number, (int(pair[0]), int(pair[1])))
        except (OSError, ValueError, TypeError, IndexError) as error:
            sys.stderr.write(f"mlops-tui: limit {name} not set: {error}\n")
