"""Calls that a loop makes too often, or in vain."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
from collections.abc import Callable

from . import stage

_DESCRIPTORS = 64


def idle_wakeups(healthy: bool) -> None:
    """Wakes 100 times a second because a timeout is over, though nothing is to be done.

    As in openrazer/openrazer#646 (100 to 110 a second), wezterm/wezterm#770, go-gitea/gitea#15048. The twin waits
    without a timeout.
    """
    with select.epoll() as loop:
        loop.register(stage.idle(), select.EPOLLIN)
        stage.steady(epfd=loop.fileno())
        while True:
            loop.poll(-1 if healthy else 0.01)


def churn(healthy: bool) -> None:
    """Modifies its watch four times a wake, 500 wakes a second.

    As in netty/netty#9397, lalinsky/zio#510, lpereira/lwan#125. The twin leaves the watch as it is.
    """
    beat = stage.beat(500)
    with select.epoll() as loop:
        loop.register(beat, select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), fd=beat)
        while loop.poll():
            os.read(beat, 4096)
            for events in () if healthy else (0, select.EPOLLOUT, 0, select.EPOLLIN):
                loop.modify(beat, events)


def ctl_errors(healthy: bool) -> None:
    """Asks for 20 changes a second of its interest list that fail, each with one of four errors.

    As in panjf2000/gnet#572 (EEXIST), MagicStack/uvloop#100 (EBADF), oven-sh/bun#40078. The twin asks for changes that
    the kernel makes.
    """
    beat, file, unused = stage.beat(20), os.open(__file__, os.O_RDONLY), stage.idle()
    with select.epoll() as loop:
        closed = os.dup(unused)
        os.close(closed)
        loop.register(beat, select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), fd=beat, per_s=20)
        wrong: tuple[Callable[[], None], ...] = (
            lambda: loop.register(beat, select.EPOLLIN),  # EEXIST
            lambda: loop.modify(unused, select.EPOLLIN),  # ENOENT
            lambda: loop.unregister(closed),  # EBADF
            lambda: loop.register(file, select.EPOLLIN),  # EPERM
        )
        right: tuple[Callable[[], None], ...] = (lambda: loop.modify(beat, select.EPOLLIN),)
        for change in itertools.cycle(right if healthy else wrong):
            loop.poll()
            os.read(beat, 1)
            with contextlib.suppress(OSError):
                change()


def saturated_batches(healthy: bool) -> None:
    """Asks for 8 events where 64 are ready, 50 times a second: it needs 8 waits instead of one.

    As libuv, which waits again up to 48 times, and the tools of opengilan look for. The twin asks for 128.
    """
    beat = stage.beat(50, size=_DESCRIPTORS)  # a byte for each descriptor, all at once
    with select.epoll() as loop:
        for _ in range(_DESCRIPTORS):
            loop.register(os.dup(beat), select.EPOLLIN)
        maxevents = 128 if healthy else 8
        stage.steady(epfd=loop.fileno(), maxevents=maxevents)
        while True:
            for fd, _ in loop.poll(-1, maxevents):
                os.read(fd, 1)


def interrupted_waits(healthy: bool) -> None:
    """A timer interrupts its waits 200 times a second. Python calls epoll_wait again each time.

    As in async-profiler/async-profiler#1798. The twin has no timer.
    """
    beat = stage.beat(20)
    signal.signal(signal.SIGALRM, lambda *_: None)
    with select.epoll() as loop:
        loop.register(beat, select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), per_s=200)
        if not healthy:
            signal.setitimer(signal.ITIMER_REAL, 1 / 200, 1 / 200)
        while loop.poll():
            os.read(beat, 1)
