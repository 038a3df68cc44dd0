"""Instances and listeners that several processes have."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable

from . import stage

_WORKERS = 4
_TURN = 8
"""Connections that a worker accepts before it leaves the next ones to the others (nginx: 16)."""


def shared_after_fork(healthy: bool) -> None:
    """A child waits on the instance that it inherited, and both read what comes.

    As in eventlet/eventlet#68, unbit/uwsgi#1713, sid-project/sid#85. The twin's child closes it, and waits on one of
    its own.
    """

    def serve(loop: select.epoll, beat: int) -> None:
        _read(loop, beat)

    _fork(healthy, serve)


def shared_after_fork_changes(healthy: bool) -> None:
    """A child never waits on the instance that it inherited, but turns the watch of its parent off and on.

    As in systemd/systemd#72, where workers of udev turned off a watch of their parent. The twin's child closes it, and
    does the same to one of its own.
    """

    def change(loop: select.epoll, beat: int) -> None:
        while True:
            loop.modify(beat, 0)
            time.sleep(0.1)
            loop.modify(beat, select.EPOLLIN)
            time.sleep(0.1)

    _fork(healthy, change)


def inherited_by_exec(healthy: bool) -> None:
    """The instance lacks close-on-exec, and a program that knows nothing of it has it.

    As in cesanta/mongoose#2369. The twin's instance has close-on-exec.
    """
    beat = stage.beat(20)
    with select.epoll() as loop:
        os.set_inheritable(loop.fileno(), not healthy)
        loop.register(beat, select.EPOLLIN)
        child = stage.child(lambda: os.execvp("sleep", ["sleep", "3600"]))
        while _program(child) != "sleep":
            time.sleep(0.01)
        stage.steady(epfd=loop.fileno(), children=[child])
        while loop.poll():
            os.read(beat, 1)


def herd(healthy: bool) -> None:
    """Wakes 4 processes for each of 100 connections a second: three of them accept nothing.

    As in unbit/uwsgi#115, gevent/gevent#1536, puma/puma#3934. The twin watches the listener with EPOLLEXCLUSIVE, and
    its workers take turns. Each worker has something else to do for 3 ms first: if one accepted at once, the waits of
    the others would go on inside the kernel.
    """
    _accept(100, first_s=0.003, exclusive=healthy, in_turns=healthy)


def unbalanced(healthy: bool) -> None:
    """One of 4 processes gets nearly all of 300 connections a second: EPOLLEXCLUSIVE wakes the first that watches.

    As in Cloudflare's "Why does one NGINX worker take all the load?". The twin's workers take turns: each adds the
    listener anew after some connections, like nginx.
    """
    _accept(300, first_s=0, exclusive=True, in_turns=healthy)


def _fork(healthy: bool, work: Callable[[select.epoll, int], None]) -> None:
    """A parent that reads, and a child that does some work with the same instance, or with its own."""
    parents, childs = stage.beat(20), stage.beat(20)
    for fd in (parents, childs):
        os.set_blocking(fd, False)
    loop = select.epoll()
    loop.register(parents, select.EPOLLIN)

    def child(say: Callable[[int], None]) -> None:
        if not healthy:
            say(loop.fileno())
            work(loop, parents)
        loop.close()
        own = select.epoll()
        own.register(childs, select.EPOLLIN)
        say(own.fileno())
        work(own, childs)

    pid, child_epfd = stage.child_loop(child)
    stage.steady(epfd=loop.fileno(), fd=parents, children=[pid], child_epfd=child_epfd)
    _read(loop, parents)


def _read(loop: select.epoll, beat: int) -> None:
    while loop.poll():
        with contextlib.suppress(BlockingIOError):
            os.read(beat, 1)


def _program(pid: int) -> str:
    return os.path.basename(os.readlink(f"/proc/{pid}/exe"))


def _accept(per_s: float, *, first_s: float, exclusive: bool, in_turns: bool) -> None:
    """Workers with an instance each, which watch one listener."""
    listener = stage.listening()
    stage.clients(listener, per_s)
    events = select.EPOLLIN | (select.EPOLLEXCLUSIVE if exclusive else 0)

    def serve(say: Callable[[int], None]) -> None:
        accepted = 0
        with select.epoll() as loop:
            loop.register(listener, events)
            say(loop.fileno())
            while loop.poll():
                time.sleep(first_s)
                with contextlib.suppress(BlockingIOError):
                    connection, _ = listener.accept()
                    connection.send(b".")
                    connection.close()
                    accepted += 1
                    if in_turns and accepted % _TURN == 0:
                        loop.unregister(listener)
                        loop.register(listener, events)

    workers = [stage.child_loop(serve) for _ in range(_WORKERS)]
    stage.steady(
        pids=[pid for pid, _ in workers],
        epfds=[epfd for _, epfd in workers],
        fd=listener.fileno(),
        inode=stage.inode(listener.fileno()),
        per_s=per_s,
    )
    signal.pause()
