"""Loops that use a core for nothing. Each also gets 50 bytes a second, which it and its healthy twin read."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Callable

from . import stage

_PER_S = 50


def stale_watch(healthy: bool) -> None:
    """Closes a watched pipe that has a byte, while a copy keeps it open: events come, and DEL fails with EBADF.

    As in MagicStack/uvloop#61, libuv/libuv#1148, joyent/libuv#1099. The twin deletes the watch before it closes.
    """
    beat = stage.beat(_PER_S)
    fd, writing = os.pipe()
    copy = os.dup(fd)
    os.write(writing, b".")
    with select.epoll() as loop:
        loop.register(fd, select.EPOLLIN)
        if healthy:
            loop.unregister(fd)
        os.close(fd)
        stage.steady(epfd=loop.fileno(), fd=fd, inode=stage.inode(copy), copy=copy)

        def delete(_: int) -> None:
            with contextlib.suppress(OSError):
                loop.unregister(fd)

        _serve(loop, beat, delete)


def writable(healthy: bool) -> None:
    """Waits until it may write to a socket, and goes on waiting for that when it has nothing to write.

    As in OpenAtomFoundation/pikiwidb#251, syslog-ng/syslog-ng#3951, nodejs/node#11307. The twin waits only for input as
    soon as it has written.
    """
    beat = stage.beat(_PER_S)
    here, there = socket.socketpair()
    with select.epoll() as loop:
        loop.register(here, select.EPOLLIN | select.EPOLLOUT)
        stage.steady(epfd=loop.fileno(), fd=here.fileno(), inode=stage.inode(here.fileno()), peer=there.fileno())

        def write(_: int) -> None:
            if healthy:
                loop.modify(here, select.EPOLLIN)

        _serve(loop, beat, write)


def hangup(healthy: bool) -> None:
    """Waits for no event of a socket whose peer has closed it: the kernel reports HUP all the same.

    As in h2o/h2o#603, apple/cups#4605, netty/netty#327. The twin closes the socket.
    """
    beat = stage.beat(_PER_S)
    here, there = socket.socketpair()
    there.close()
    with select.epoll() as loop:
        loop.register(here, 0)
        stage.steady(epfd=loop.fileno(), fd=here.fileno(), inode=stage.inode(here.fileno()))

        def end(_: int) -> None:
            if healthy:
                here.close()

        _serve(loop, beat, end)


def accept(healthy: bool) -> None:
    """Cannot accept a connection, because it may not open another descriptor, so the listener stays readable.

    As in nodejs/node#45242, vibe-d/eventcore#49. The twin has descriptors left.
    """
    beat, listener = stage.beat(_PER_S), stage.listening()
    stage.clients(listener, 20)
    stage.allow(64)
    with select.epoll() as loop:
        loop.register(listener, select.EPOLLIN)
        with contextlib.suppress(OSError):
            while not healthy:
                os.open(os.devnull, os.O_RDONLY)
        stage.steady(epfd=loop.fileno(), fd=listener.fileno(), inode=stage.inode(listener.fileno()), fd_limit=64)

        def answer(_: int) -> None:
            try:
                connection, _peer = listener.accept()
            except OSError as error:
                if error.errno != errno.EMFILE:
                    raise
            else:
                connection.send(b".")
                connection.close()

        _serve(loop, beat, answer)


def shared(healthy: bool) -> None:
    """A child waits on the instance that it inherited, and gets the events of its parent, who is slow to read.

    As in eventlet/eventlet#68, smol-rs/polling#37, grpc/grpc#32196. The twin's child has an instance of its own.
    """
    parents, childs = stage.beat(25), stage.beat(_PER_S)
    inherited = select.epoll()
    inherited.register(parents, select.EPOLLIN)

    def serve(say: Callable[[int], None]) -> None:
        loop = inherited
        if healthy:
            inherited.close()
            loop = select.epoll()
        os.close(parents)
        loop.register(childs, select.EPOLLIN)
        say(loop.fileno())
        _serve(loop, childs, lambda _: None, registered=True)

    child, child_epfd = stage.child_loop(serve)
    stage.steady(epfd=inherited.fileno(), fd=parents, children=[child], child_epfd=child_epfd)
    while True:
        for fd, _ in inherited.poll():
            if fd == parents:
                time.sleep(0.03)
                os.read(fd, 4096)


def unread(healthy: bool) -> None:
    """Never reads what has come.

    As in libevent/libevent#1092, kvspb/nginx-auth-ldap#62. The twin reads it.
    """
    beat = stage.beat(_PER_S)
    with select.epoll() as loop:
        loop.register(beat, select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), fd=beat, inode=stage.inode(beat))
        while loop.poll():
            if healthy:
                os.read(beat, 4096)


def timer(healthy: bool) -> None:
    """Waits for 0 and for 1 ms in turn, without a timer that is due.

    As in ossrs/state-threads#17, Tencent/libco#52. The twin waits until its next timer is due, for a second.
    """
    _time_out([1] if healthy else [0, 0.001])


def timer_zero(healthy: bool) -> None:
    """Asks not to wait at all, always.

    As in rakshasa/libtorrent#757 (microseconds become 0 milliseconds). The twin waits for a second.
    """
    _time_out([1] if healthy else [0])


def ctl(healthy: bool) -> None:
    """Deletes and adds a watch after each wake. Its edge is new each time, and wakes it again.

    As in intel/asynch_mode_nginx#82. The twin leaves the watch as it is.
    """
    beat = stage.beat(_PER_S)
    here, there = socket.socketpair()
    edge = select.EPOLLOUT | select.EPOLLET
    with select.epoll() as loop:
        loop.register(here, edge)
        stage.steady(epfd=loop.fileno(), fd=here.fileno(), inode=stage.inode(here.fileno()), peer=there.fileno())

        def rearm(_: int) -> None:
            if not healthy:
                loop.unregister(here)
                loop.register(here, edge)

        _serve(loop, beat, rearm)


def _time_out(timeouts: list[float]) -> None:
    beat = stage.beat(_PER_S)
    with select.epoll() as loop:
        loop.register(beat, select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), fd=beat, timeouts_s=timeouts)
        while True:
            for timeout in timeouts:
                if loop.poll(timeout):
                    os.read(beat, 4096)


def _serve(loop: select.epoll, beat: int, handle: Callable[[int], None], *, registered: bool = False) -> None:
    """Reads the beat, and handles all other events."""
    if not registered:
        loop.register(beat, select.EPOLLIN)
    while True:
        for fd, _ in loop.poll():
            if fd == beat:
                os.read(beat, 4096)
            else:
                handle(fd)
