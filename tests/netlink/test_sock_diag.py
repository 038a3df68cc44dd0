"""What sock_diag tells is what ss prints, and what /proc/PID/net has; refusals are no answers."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from epolltop.model.socket import STATES, Socket
from epolltop.model.watch import TargetKind
from epolltop.netlink import sock_diag
from epolltop.own_process.pace import Deadline
from epolltop.proc.net import inet_sockets

ME = os.getpid()


def inode(each: socket.socket) -> int:
    return os.fstat(each.fileno()).st_ino


@pytest.fixture(name="opened", scope="module")
def _opened() -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:

        def new(family: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
            return stack.enter_context(socket.socket(family, kind))

        found = []
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            listener, connected, datagram = new(family), new(family), new(family, socket.SOCK_DGRAM)
            listener.bind((host, 0))
            listener.listen(5)
            connected.connect(listener.getsockname())
            accepted = stack.enter_context(listener.accept()[0])
            connected.send(b"abc")
            datagram.bind((host, 0))
            found += [listener, connected, accepted, datagram]
        yield found


def known(opened: list[socket.socket]) -> dict[int, Socket]:
    wanted = set(map(inode, opened))
    found = sock_diag.sockets_in(None, wanted, Deadline(10.0))
    assert found.complete
    return {number: each for number, each in found.by_inode.items() if number in wanted}


@pytest.mark.skipif(not shutil.which("ss"), reason="no ss(8) here")
def test_it_agrees_with_ss(opened: list[socket.socket]) -> None:
    printed = subprocess.run(["ss", "-Htuane"], capture_output=True, text=True, check=True).stdout
    lines = (re.match(r"\w+ +(\S+) +(\d+) +(\d+) +(\S+) +(\S+) .*ino:(\d+)", line) for line in printed.splitlines())
    theirs = {int(line[6]): line.groups()[:5] for line in lines if line}
    words = {"ESTABLISHED": "ESTAB", "CLOSE": "UNCONN"}
    ours = {
        number: (
            words.get(STATES[each.state], STATES[each.state]),
            str(each.incoming),
            str(each.outgoing),
            each.local and each.local.text,
            each.remote.text if each.remote else theirs[number][4],
        )
        for number, each in known(opened).items()
    }
    assert len(ours) == len(opened)
    assert ours == {number: theirs[number] for number in ours}


def test_it_agrees_with_proc(opened: list[socket.socket]) -> None:
    """But for how many connections may wait, and what was read and written: /proc does not have that."""
    wanted = set(map(inode, opened))
    theirs = inet_sockets("/proc", ME, wanted, Deadline(10.0))
    assert theirs.complete
    ours = {
        number: each._replace(
            outgoing=None if STATES[each.state] == "LISTEN" else each.outgoing, read=None, written=None
        )
        for number, each in known(opened).items()
    }
    assert ours == {number: each for number, each in theirs.by_inode.items() if number in wanted}


def test_what_a_connection_has_read_and_written_is_told() -> None:
    """To a byte: the beginning of a connection counts as one."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as there:
        here, _ = listener.accept()
        with here:
            there.sendall(bytes(100))
            assert len(here.recv(60, socket.MSG_WAITALL)) == 60
            found, reader, writer = known([here, there]), inode(here), inode(there)
    assert (found[reader].read, found[writer].written) == (60, 101)


def test_both_ends_of_a_unix_socket_are_known() -> None:
    one, other = socket.socketpair()
    with one, other:
        found = sock_diag.sockets_in(None, {inode(one)}, Deadline(10.0)).by_inode
        assert (found[inode(one)].kind, found[inode(one)].peer) == (TargetKind.UNIX, inode(other))
        assert found[inode(other)].peer == inode(one)


def test_a_refusal_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that the kernel does not know."""
    monkeypatch.setattr(sock_diag, "SOCK_DIAG_BY_FAMILY", 99)
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        sock_diag.sockets_in(None, {1}, Deadline(10.0))


def test_a_namespace_that_is_none_is_refused() -> None:
    with open("/dev/null") as nothing, pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        sock_diag.sockets_in(nothing.fileno(), {1}, Deadline(10.0))


def test_what_is_no_message_ends() -> None:
    """A length of nothing, as no kernel sends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        theirs.send(struct.pack("=IHHII", 0, 20, 0, 0, 0) + struct.pack("=IHHII", 16, 3, 0, 0, 0))
        assert list(sock_diag._answers(ours, b"", Deadline(10.0))) == [b""]


def test_an_answer_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.settimeout(0.01)
    with ours, theirs, pytest.raises(TimeoutError):
        list(sock_diag._answers(ours, b"", Deadline(10.0)))
