"""A watch outlives its descriptor if the file is open elsewhere: it is stale, and named after what it is for."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from epolltop.model.holding import Descriptor
from epolltop.model.process import ProcessKey
from epolltop.model.watch import TargetKind, Watch
from epolltop.proc import kcmp
from epolltop.proc.procfs import Procfs
from epolltop.sources.interest import InterestLists

ME = os.getpid()
pytestmark = pytest.mark.skipif(not kcmp.available(), reason="kcmp(2) does not work here")


@pytest.fixture(name="instance")
def _instance() -> Iterator[select.epoll]:
    with select.epoll() as instance:
        yield instance


@contextmanager
def child(prepare: Callable[[], None]) -> Iterator[int]:
    """A copy of this process that prepares, and then does nothing."""
    ready, over = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(over[1])
            prepare()
            os.write(ready[1], b"x")
            os.read(over[0], 1)
        finally:
            os._exit(0)
    try:
        os.read(ready[0], 1)
        yield pid
    finally:
        for each in (*ready, *over):
            os.close(each)
        os.waitpid(pid, 0)


def watches(fd: int, *pids: int) -> list[Watch]:
    holders = [Descriptor(ProcessKey(pid, 0), fd) for pid in pids or (ME,)]
    return list(InterestLists(Procfs()).look({1: holders}, 10.0)[1].watches)


def test_a_copy_keeps_a_socket_watched(instance: select.epoll) -> None:
    one, other = socket.socketpair()
    number, inode = one.fileno(), os.fstat(one.fileno()).st_ino
    instance.register(number)
    with one.dup() as copy, other:
        one.close()
        (watch,) = watches(instance.fileno())
        assert (watch.fd, watch.stale, watch.target.kind) == (number, True, TargetKind.UNIX)
        details = dict(watch.target.details)
        assert (details["inode"], details["open_as_pid"], details["open_as_fd"]) == (inode, ME, copy.fileno())


def test_another_file_has_the_number_now(instance: select.epoll) -> None:
    number, copy = os.eventfd(3), os.eventfd(0)
    instance.register(number)
    os.dup2(number, copy)
    read, write = os.pipe()
    os.dup2(read, number)
    instance.register(number)
    found = {(watch.target.kind, watch.stale): watch for watch in watches(instance.fileno())}
    for each in (number, copy, read, write):
        os.close(each)
    assert found.keys() == {(TargetKind.EVENTFD, True), (TargetKind.PIPE, False)}
    eventfd = found[TargetKind.EVENTFD, True]
    assert (eventfd.fd, eventfd.target.text) == (number, "count 3")
    assert dict(eventfd.target.details)["open_as_fd"] == copy


def test_a_child_keeps_a_file_watched(instance: select.epoll) -> None:
    number = os.eventfd(3)
    instance.register(number)
    with child(lambda: None) as pid:
        os.close(number)
        (seen_by_us,) = watches(instance.fileno())
        (seen_in_all,) = watches(instance.fileno(), ME, pid)
    assert (seen_by_us.stale, seen_by_us.target.kind) == (True, TargetKind.UNKNOWN)
    assert (seen_in_all.stale, seen_in_all.target.kind) == (False, TargetKind.EVENTFD)
    assert seen_in_all.target.text == "count 3"


def test_numbers_are_those_of_the_process_that_added_them(instance: select.epoll) -> None:
    """An instance that was passed on: its new owner has other files under the same numbers."""
    eventfd, kept = os.eventfd(3), os.eventfd(0)
    instance.register(eventfd)
    one, other = socket.socketpair()

    def receive() -> None:
        timer = os.eventfd(77)
        os.dup2(timer, eventfd)
        os.close(instance.fileno())
        _, fds, _, _ = socket.recv_fds(other, 1, 1)
        os.dup2(fds[0], instance.fileno())

    socket.send_fds(one, [b"x"], [instance.fileno()])
    with child(receive) as pid, one, other:
        (by_receiver,) = watches(instance.fileno(), pid)
        (by_both,) = watches(instance.fileno(), pid, ME)
    for each in (eventfd, kept):
        os.close(each)
    assert (by_receiver.stale, by_receiver.target.text) == (True, "?")
    assert (by_both.stale, by_both.target.text) == (False, "count 3")


def test_a_socket_passed_on_is_named_by_its_inode(instance: select.epoll) -> None:
    with socket.socket() as listener, socket.socket() as connected:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        connected.connect(listener.getsockname())
        accepted, _ = listener.accept()
        instance.register(accepted.fileno())
        text = "{}:{} ← {}:{}".format(*listener.getsockname(), *connected.getsockname())
        with child(lambda: None) as pid:
            number = accepted.fileno()
            accepted.close()
            (watch,) = watches(instance.fileno())
        assert (watch.fd, watch.stale, watch.target.text, watch.shared) == (number, True, text, True)
        assert dict(watch.target.details)["open_as_pid"] == pid


def test_what_cannot_be_compared_is_not_judged(instance: select.epoll) -> None:
    def refused(*_: object) -> bool:
        raise PermissionError

    eventfd, (read, write) = os.eventfd(3), os.pipe()
    for each in (eventfd, read):
        instance.register(each)
    lists = InterestLists(Procfs(), is_target=refused)
    found = {
        watch.fd: (watch.target.kind, watch.stale)
        for watch in lists.look({1: [Descriptor(ProcessKey(ME, 0), instance.fileno())]}, 10.0)[1].watches
    }
    for each in (eventfd, read, write):
        os.close(each)
    assert found == {eventfd: (TargetKind.UNKNOWN, None), read: (TargetKind.PIPE, None)}
