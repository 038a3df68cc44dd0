"""References that no descriptor table shows, held by real sockets and rings."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from epolltop.model.holding import Unlisted
from epolltop.proc import kcmp
from epolltop.proc.fdinfo import in_flight, registered
from epolltop.proc.unlisted import find_unlisted
from tests.workloads import rings
from tests.workloads.client import Actor

ME = os.getpid()
NEW = b"pos:\t0\nflags:\t02\nUserFiles:\t4\n    0: anon_inode:[eventpoll]\n    1: /tmp/[eventpoll]\n"
NEW += b"    2: anon_inode:[eventfd]\n    3: anon_inode:[eventpoll]\nUserBufs:\t1\n    0: 0x7f00/4096\nPollList:\n"
OLD = b"UserFiles:\t3\n    0: [eventpoll]\n    1: <none>\n    2: [eventfd]\nUserBufs:\t0\n"

Find = Callable[..., Unlisted]


@pytest.fixture(name="find")
def _find(tmp_path: Path) -> Find:
    """Looks at no other processes than these, and our own."""
    (tmp_path / "self").symlink_to(str(ME))

    def find(*pids: int, within_s: float = 10) -> Unlisted:
        for pid in {ME, *pids}:
            place = tmp_path / str(pid)
            place.unlink(missing_ok=True)
            place.symlink_to(f"/proc/{pid}")
        return find_unlisted(str(tmp_path), within_s=within_s)

    return find


@pytest.fixture(name="ring")
def _ring() -> Iterator[int]:
    ring = rings.ring()
    if "errno" in ring:
        pytest.skip(f"no io_uring here: {os.strerror(ring['errno'])}")
    yield ring["done"]
    os.close(ring["done"])


def test_the_words_of_the_kernel() -> None:
    assert in_flight(b"pos:\t0\nflags:\t02\nino:\t7\nscm_fds: 253\n") == 253
    assert in_flight(b"pos:\t0\nflags:\t02\nino:\t7\n") == 0, "of a TCP socket"
    assert (registered(NEW), registered(OLD), registered(b"")) == (2, 1, 0)


def test_what_is_in_flight_is_counted_once_whoever_has_the_socket(find: Find) -> None:
    with Actor() as actor:
        actor.do("ready_to_send")
        fd = actor.create()
        assert find(actor.pid) == (0, 0, 0, True)
        actor.do("send", fd=fd)
        child = actor.do("fork")["pid"]
        assert find(actor.pid, child) == (1, 1, 0, True)
        actor.do("receive")
        assert find(actor.pid, child) == (0, 0, 0, True)


def test_every_kind_of_socket_tells(find: Find) -> None:
    with ExitStack() as stack:
        instance = stack.enter_context(select.epoll()).fileno()
        for number, kind in enumerate((socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET), 1):
            ends = [stack.enter_context(end) for end in socket.socketpair(type=kind)]
            socket.send_fds(ends[0], [b"x"], [instance] * number)
        assert find() == (1 + 2 + 3, 3, 0, True)
        listening, connecting = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        listening.bind("")  # the kernel finds a name
        listening.listen()
        connecting.connect(listening.getsockname())
        socket.send_fds(connecting, [b"x"], [instance])
        assert find() == (7, 4, 0, True), "nobody has accepted it yet"


def test_what_is_registered_with_a_ring_is_counted_once_however_many_descriptors_it_has(find: Find, ring: int) -> None:
    with select.epoll() as one, select.epoll() as other:
        targets = [one.fileno(), 0, other.fileno(), one.fileno()]
        assert rings.register_files(ring, targets) == {"done": 0}
        one.close()
        copy = os.dup(ring)
        assert find().registered == (3 if kcmp.available() else 6)
        os.close(copy)
        assert rings.unregister_files(ring) == {"done": 0}
        assert find() == (0, 0, 0, True)


def test_two_rings_are_two(find: Find, ring: int) -> None:
    other = rings.ring()["done"]
    with select.epoll() as instance:
        for each in (ring, other):
            assert rings.register_files(each, [instance.fileno()]) == {"done": 0}
        assert find().registered == 2
    os.close(other)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_who_may_not_be_read_may_have_some() -> None:
    code = "import os; from epolltop.proc.unlisted import find_unlisted"
    code += "; os.setgroups([]); os.setuid(65534); print(find_unlisted())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "Unlisted(in_flight=0, sockets=0, registered=0, complete=False)\n"


def test_it_ends_in_time_and_says_so(find: Find) -> None:
    with closing(select.epoll()):
        assert not find(within_s=0).complete
