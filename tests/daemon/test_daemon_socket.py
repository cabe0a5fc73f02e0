"""Lock, socket and who may talk to it."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.address import check_folders
from mlops_tui.client.presence import held, wait_until_free
from mlops_tui.daemon import peer
from mlops_tui.daemon.lock import DaemonLock
from mlops_tui.daemon.sockets import BoundSocket, answers


@dataclass(frozen=True)
class Elsewhere(Home):
    """A home whose socket is not in the shared folder of this user."""

    @property
    def socket(self) -> Path:
        return self.path / "s" / "x" / "daemon.sock"


@pytest.fixture
def place(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path)


def test_only_one_has_the_lock_and_its_file_stays(place: Elsewhere) -> None:
    first, second = DaemonLock(place.lock_file), DaemonLock(place.lock_file)
    assert not held(place)
    assert first.acquire()
    assert held(place)
    assert not second.acquire()
    assert not second.acquire_or(lambda: True, 10)
    assert not wait_until_free(place, 0)
    first.release()
    assert place.lock_file.exists()
    assert not held(place)
    assert second.acquire()
    second.release()


def test_the_socket_is_ours_alone(place: Elsewhere) -> None:
    assert not check_folders(place, create=False)
    assert not answers(place)
    bound = BoundSocket(place)
    assert stat.S_IMODE(place.socket.stat().st_mode) == 0o600
    assert [
        stat.S_IMODE(folder.stat().st_mode) for folder in (place.socket.parent, place.socket.parent.parent)
    ] == [0o700] * 2
    assert answers(place)
    bound.unlink()
    bound.unlink()
    assert not place.socket.exists()
    bound.socket.close()


def test_a_socket_that_was_left_behind_is_replaced_but_not_that_of_another(place: Elsewhere) -> None:
    old = BoundSocket(place)
    new = BoundSocket(place)
    old.unlink()
    assert place.socket.exists()
    new.unlink()
    assert not place.socket.exists()
    old.socket.close()
    new.socket.close()


def test_a_folder_that_others_may_enter_is_closed(place: Elsewhere) -> None:
    place.socket.parent.mkdir(parents=True, mode=0o755)
    place.socket.parent.parent.chmod(0o777)
    assert check_folders(place, create=True)
    assert stat.S_IMODE(place.socket.parent.parent.stat().st_mode) == 0o700


def test_a_folder_of_another_user_is_refused_with_the_reason(
    place: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.socket.parent.parent.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    with pytest.raises(Problem, match="belongs to uid") as raised:
        check_folders(place, create=True)
    assert raised.value.status == 2
    assert raised.value.hint


def test_a_link_in_place_of_the_folder_is_refused(place: Elsewhere, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    place.socket.parent.parent.symlink_to(tmp_path / "real")
    with pytest.raises(Problem, match="is not a folder"):
        check_folders(place, create=True)


class Transport:
    """A connection as the protocol sees it."""

    def __init__(self) -> None:
        self.pair = socket.socketpair(socket.AF_UNIX)
        self.aborted = False

    def get_extra_info(self, _name: str) -> socket.socket:
        return self.pair[0]

    def abort(self) -> None:
        self.aborted = True


def test_the_kernel_says_who_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    transport: Any = Transport()
    assert peer.peer_uid(transport.pair[0]) == os.getuid()
    monkeypatch.setattr(peer, "peer_uid", lambda _connection: os.getuid() + 1)
    protocol = peer.OwnerOnly.__new__(peer.OwnerOnly)
    protocol.connection_made(transport)
    assert transport.aborted
    protocol.connection_lost(None)
    for end in transport.pair:
        end.close()
