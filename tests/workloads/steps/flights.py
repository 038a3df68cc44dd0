"""Instances in flight: sent to a socket and not received. `socket` is imported when something is sent."""

from __future__ import annotations

import os
from typing import Any

from tests.workloads.steps import Reply

_sockets: list[Any] = []


def ready_to_send() -> Reply:
    """Gets what comes with importing socket over with."""
    import socket

    return {"family": int(socket.AF_UNIX)}


def send(fd: int) -> Reply:
    """Puts a descriptor in flight: sent to a socket of our own, not received, closed here."""
    import socket

    _sockets[:] = socket.socketpair()
    socket.send_fds(_sockets[0], [b"x"], [fd])
    os.close(fd)
    return {}


def receive() -> Reply:
    import socket

    _, fds, _, _ = socket.recv_fds(_sockets[1], 1, 1)
    return {"fd": fds[0]}


def drop_sockets() -> Reply:
    while _sockets:
        _sockets.pop().close()
    return {}


def send_in_circle(fd: int) -> Reply:
    """In flight together with the sockets it flies through: only the kernel's collector can end it."""
    import socket

    one, other = socket.socketpair()
    socket.send_fds(one, [b"x"], [fd, one.fileno(), other.fileno()])
    os.close(fd)
    one.close()
    other.close()
    return collect()


def collect() -> Reply:
    """Closing a socket while others are in flight wakes the kernel's collector."""
    import socket

    for end in socket.socketpair():
        end.close()
    return {}


STEPS = (ready_to_send, send, receive, drop_sockets, send_in_circle, collect)
