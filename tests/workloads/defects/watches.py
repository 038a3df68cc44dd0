"""Interest lists in which something is wrong. Each loop also reads 20 bytes a second, if nothing else is said."""

from __future__ import annotations

import itertools
import os
import select
import socket
import time
from collections.abc import Callable

from . import stage

_PER_S = 20


def stale(healthy: bool) -> None:
    """Closes a watched pipe while a copy keeps it open, so that it stays in the interest list. No event comes.

    As in jiixyj/epoll-shim#7, libuv/libuv#1468, manticoresoftware/manticoresearch#4056. The twin deletes the watch
    before it closes.
    """
    beat, fd = stage.beat(_PER_S), stage.idle()
    copy = os.dup(fd)
    with select.epoll() as loop:
        loop.register(fd, select.EPOLLIN)
        if healthy:
            loop.unregister(fd)
        os.close(fd)
        stage.steady(epfd=loop.fileno(), fd=fd, inode=stage.inode(copy), copy=copy)
        _read(loop, beat)


def kept_by_child(healthy: bool) -> None:
    """Closes a watched pipe that a child inherited and keeps, so that it stays in the interest list.

    As in curl/curl#21779, h2o/h2o#1427. The twin deletes the watch before it closes.
    """
    beat, fd = stage.beat(_PER_S), stage.idle()
    inode = stage.inode(fd)
    child = stage.child(_sleep)
    with select.epoll() as loop:
        loop.register(fd, select.EPOLLIN)
        if healthy:
            loop.unregister(fd)
        os.close(fd)
        stage.steady(epfd=loop.fileno(), fd=fd, inode=inode, children=[child])
        _read(loop, beat)


def closed_by_child(healthy: bool) -> None:
    """A child inherits an instance, and closes its copy of a watched pipe: the watch is good for the parent alone.

    As in unbit/uwsgi#1713, grpc/grpc#43432. The twin's child closes the instance, too.
    """
    beat, fd = stage.beat(_PER_S), stage.idle()
    with select.epoll() as loop:
        loop.register(fd, select.EPOLLIN)

        def close(say: Callable[[int], None]) -> None:
            os.close(fd)
            inherited = loop.fileno()
            if healthy:
                loop.close()
            say(-1 if healthy else inherited)
            _sleep()

        child, child_epfd = stage.child_loop(close)
        inode = stage.inode(fd)
        stage.steady(epfd=loop.fileno(), fd=fd, inode=inode, children=[child], child_epfd=child_epfd)
        _read(loop, beat)


def nested(healthy: bool) -> None:
    """Watches an instance that watches an instance.

    As in flux-framework/flux-core#2554. The twin watches all with one instance.
    """
    beat = stage.beat(_PER_S)
    inner, outer = _nest(beat, healthy)
    stage.steady(epfd=outer.fileno(), inner_epfds=inner)
    while outer.poll():
        os.read(beat, 1)


def nested_churning(healthy: bool) -> None:
    """Watches an instance that watches an instance, and adds one of them anew with each event.

    As in flux-framework/flux-core#2554, where each ADD looks at all paths. The twin watches all with one instance, and
    adds a pipe anew.
    """
    beat, other = stage.beat(_PER_S), stage.idle()
    inner, outer = _nest(beat, healthy)
    anew = inner[-1] if inner else other
    if healthy:
        outer.register(anew, select.EPOLLIN)
    stage.steady(epfd=outer.fileno(), inner_epfds=inner, fd=anew)
    while outer.poll():
        os.read(beat, 1)
        outer.unregister(anew)
        outer.register(anew, select.EPOLLIN)


def near_limit(healthy: bool) -> None:
    """Has 900 watches, where a test pretends that its user may have 1,000.

    As epoll(7) says, ADD fails with ENOSPC at fs.epoll.max_user_watches. The twin has 300. A test binds a file with its
    own limit over that of the machine, in a mount namespace of its own, and runs this as a user who has no other
    watches.
    """
    beat, target, wanted = stage.beat(_PER_S), stage.idle(), 300 if healthy else 900
    stage.allow(3 * wanted)
    with select.epoll() as loop:
        for _ in range(wanted - 1):
            loop.register(os.dup(target), select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), watches=wanted, watches_max=1_000)
        _read(loop, beat)


def stalled_edge(healthy: bool) -> None:
    """Reads one byte of a request and waits for the next edge, which does not come: the client waits for an answer.

    As in tokio-rs/mio#45, anuragsoni/poll#15. The twin reads until EAGAIN, and answers 20 requests a second.
    """
    here, there = socket.socketpair()

    def ask() -> None:
        here.close()
        for _ in stage.paced(_PER_S):
            there.send(bytes(100))
            there.recv(1)

    child = stage.child(ask)
    there.close()
    here.setblocking(False)
    with select.epoll() as loop:
        loop.register(here, select.EPOLLIN | select.EPOLLET)
        stage.steady(epfd=loop.fileno(), fd=here.fileno(), inode=stage.inode(here.fileno()), children=[child])
        got = 0
        while loop.poll():
            for size in itertools.repeat(1, 100 if healthy else 1):
                try:
                    got += len(here.recv(size))
                except BlockingIOError:
                    break
            if got >= 100:
                got = 0
                here.send(b".")


def waits_for_nothing(healthy: bool) -> None:
    """Waits for ever on an instance that watches nothing.

    As what canonical/snapd#12963 allows and argues about. The twin watches a pipe.
    """
    with select.epoll() as loop:
        if healthy:
            loop.register(stage.idle(), select.EPOLLIN)
        stage.steady(epfd=loop.fileno())
        loop.poll()


def _nest(fd: int, flat: bool) -> tuple[list[int], select.epoll]:
    """The instances inside, innermost first, and the outermost of three; or one alone."""
    inner, middle, outer = select.epoll(), select.epoll(), select.epoll()
    if flat:
        inner.close()
        middle.close()
        outer.register(fd, select.EPOLLIN)
        return [], outer
    inner.register(fd, select.EPOLLIN)
    middle.register(inner, select.EPOLLIN)
    outer.register(middle, select.EPOLLIN)
    _kept.extend((inner, middle))
    return [inner.fileno(), middle.fileno()], outer


def _read(loop: select.epoll, beat: int) -> None:
    loop.register(beat, select.EPOLLIN)
    while loop.poll():
        os.read(beat, 1)


def _sleep() -> None:
    while True:
        time.sleep(3600)


_kept: list[select.epoll] = []
