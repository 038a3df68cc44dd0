"""Descriptors that run out, and loops that come and go."""

from __future__ import annotations

import os
import select
import signal
import socket

from . import stage

_LEAKED_MAX = 1_000
_SMALL_LIMIT = 64


def instance_leak(healthy: bool) -> None:
    """Creates 10 selectors a second, uses each once, and never closes one.

    As in netty/netty#3120 (9,628 selectors), waydroid/waydroid#2357, pika/pika#772. The twin closes each one.
    """
    requests, (_, target) = stage.beat(10), os.pipe()
    stage.allow(_LEAKED_MAX + _SMALL_LIMIT)
    kept: list[select.epoll] = []
    with select.epoll() as loop:
        loop.register(requests, select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), per_s=10)
        while len(kept) < _LEAKED_MAX:
            loop.poll()
            os.read(requests, 1)
            selector = select.epoll()
            selector.register(target, select.EPOLLOUT)
            selector.poll()
            if healthy:
                selector.close()
            else:
                kept.append(selector)
        signal.pause()


def descriptor_leak(healthy: bool) -> None:
    """Answers 20 connections a second, and never closes one.

    As in OpenSmalltalk/opensmalltalk-vm#684, http-kit/http-kit#326: sockets stay in CLOSE_WAIT. The twin closes each
    one.
    """
    stage.allow(_LEAKED_MAX + _SMALL_LIMIT)
    listener = stage.listening()
    stage.clients(listener, 20)
    kept: list[socket.socket] = []
    with select.epoll() as loop:
        loop.register(listener, select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), fd=listener.fileno(), per_s=20)
        while len(kept) < _LEAKED_MAX:
            loop.poll()
            connection, _ = listener.accept()
            connection.send(b".")
            if healthy:
                connection.close()
            else:
                kept.append(connection)
        signal.pause()


def near_fd_limit(healthy: bool) -> None:
    """Has 95 % of the descriptors open that it may have.

    As before the failures in netty/netty#9413 and Alluxio/alluxio#11307. The twin has 30 %.
    """
    beat = stage.beat(10)
    stage.allow(_SMALL_LIMIT)
    with select.epoll() as loop:
        loop.register(beat, select.EPOLLIN)
        wanted = int(_SMALL_LIMIT * (0.3 if healthy else 0.96))
        while os.open(os.devnull, os.O_RDONLY) < wanted - 1:
            pass
        stage.steady(epfd=loop.fileno(), fds=wanted, fd_limit=_SMALL_LIMIT)
        while loop.poll():
            os.read(beat, 1)


def loop_per_request(healthy: bool) -> None:
    """Creates a loop for each of 50 requests a second, and closes it again.

    As the event loop group per client of netty/netty#3120, had it been closed. The twin keeps one loop for all.
    """
    requests = stage.beat(50)
    kept = _loop_on(requests)
    stage.steady(epfd=kept.fileno(), fd=requests, per_s=50)
    while True:
        loop = kept if healthy else _loop_on(requests)
        loop.poll()
        os.read(requests, 1)
        if not healthy:
            loop.close()


def _loop_on(requests: int) -> select.epoll:
    loop = select.epoll()
    loop.register(requests, select.EPOLLIN)
    return loop
