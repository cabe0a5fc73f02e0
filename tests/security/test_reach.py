"""Who can reach the daemon: nobody over the network, nobody else on this machine."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_store.home import Home
from mlops_tui.client import connect

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def sockets_of(pid: int) -> set[str]:
    """The inodes of the sockets that a process has open."""
    links = (os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd"))
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}


@linux
def test_no_port_is_open_and_the_socket_is_the_owners_alone(served_home: Home) -> None:
    with connect(served_home) as client:
        pid = client.ping().pid
        client.call("sql", {"query": "SELECT 1"})
        ours = sockets_of(pid)
        assert ours
        for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
            assert not ours & {line.split()[9] for line in lines}, table
    socket, folder = served_home.socket.stat(), served_home.socket.parent
    assert stat.S_ISSOCK(socket.st_mode) and stat.S_IMODE(socket.st_mode) == 0o600
    for place in (folder, folder.parent, served_home.path):
        found = place.lstat()
        assert stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
        assert found.st_uid == socket.st_uid == os.getuid()


@linux
def test_nothing_in_the_home_is_for_others_whatever_the_umask(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    code = "import mlops_tui\nwith mlops_tui.start_run(project='p', params={'a': 1}) as run:\n    run.log_metric('m', 1); run.log_artifact(__file__, 'a/b.py'); 1 / 0"
    script = tmp_path / "train.py"
    script.write_text(code)
    env = {**os.environ, "MLOPS_TUI_HOME": str(home.path)}
    assert (
        subprocess.run([sys.executable, str(script)], env=env, capture_output=True, umask=0).returncode == 1
    )
    found = [home.path, *home.path.rglob("*")]
    assert {"b.py", "exit.json", "error.json", "log.txt"} <= {path.name for path in found}
    assert [str(path) for path in found if path.stat().st_mode & 0o077] == []


OTHER = """
import os, socket, sys
folder, uid = int(sys.argv[1]), int(sys.argv[2])
os.fchdir(folder)
os.setgroups([]); os.setgid(uid); os.setuid(uid)
for path in (sys.argv[3], "daemon.sock"):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20)
    try:
        s.connect(path)
        s.sendall(b"GET /v1/ping HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        print("answer", s.recv(100))
    except OSError as error:
        print(type(error).__name__)
"""


def as_other(home: Home, folder: int) -> list[str]:
    """What uid 65534 gets at the socket: by its path, and from inside its folder."""
    words = [sys.executable, "-I", "-S", "-c", OTHER, str(folder), "65534", str(home.socket)]
    done = subprocess.run(words, pass_fds=[folder], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split("\n")[:2]


@linux
@pytest.mark.skipif(
    os.getuid() != 0,
    reason="only root can become somebody else; tests/daemon/test_daemon_socket.py has the unit test",
)
def test_another_user_is_refused_by_the_folder_and_behind_it_by_the_kernels_word(served_home: Home) -> None:
    with connect(served_home) as client:
        pid = client.ping().pid
    inner = os.open(served_home.socket.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert as_other(served_home, inner) == ["PermissionError", "PermissionError"]
        # were both modes wrong, the daemon itself would look who it is
        served_home.socket.chmod(0o666)
        served_home.socket.parent.chmod(0o711)
        by_path, inside = as_other(served_home, inner)
        assert by_path == "PermissionError"
        assert inside in ("answer b''", "ConnectionResetError", "BrokenPipeError")
    finally:
        os.close(inner)
        served_home.socket.parent.chmod(0o700)
        served_home.socket.chmod(0o600)
    with connect(served_home, autostart=False) as client:
        assert client.ping().pid == pid
    assert "a connection of uid 65534 was refused" in served_home.log_file.read_text()
