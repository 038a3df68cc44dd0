"""Load for servers: connections that ask at the same time, and ask again when all are answered."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Collection, Iterator
from typing import NamedTuple

from .fleet import connected

CONNECTIONS = 16


class Talk(NamedTuple):
    """What a server is asked, and how its answer ends."""

    question: bytes
    ending: bytes
    is_kept_alive: bool = True
    """Each connection is asked again. If not, it is for one question, and others follow."""


HTTP = Talk(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"ok")
HTTP_CLOSE = Talk(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"ok", is_kept_alive=False)
LINE = Talk(b"hello\n", b"hello\n")


def load(address: object, talk: Talk, rounds: int) -> None:
    """Asks over and over.

    Args:
        address: as `connected` takes it.
        talk: what is asked.
        rounds: how often, on as many connections at a time.
    """
    asked_on_each = rounds if talk.is_kept_alive else 1
    for _ in range(rounds // asked_on_each):
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(connected(address)) for _ in range(CONNECTIONS)]
            for _ in range(asked_on_each):
                _ask_once(connections, talk)


@contextlib.contextmanager
def busy(address: object, talk: Talk, pause_s: float = 0.001) -> Iterator[None]:
    """The same connections ask over and over, until the context is left."""
    is_over = threading.Event()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connected(address)) for _ in range(CONNECTIONS)]
        _ask_once(connections, talk)  # each is accepted then

        def ask() -> None:
            while not is_over.wait(pause_s):
                _ask_once(connections, talk)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield
        finally:
            is_over.set()
            asking.join()


def _ask_once(connections: Collection[socket.socket], talk: Talk) -> None:
    for connection in connections:
        connection.sendall(talk.question)
    for connection in connections:
        answer = b""
        while not answer.endswith(talk.ending):
            part = connection.recv(4096)
            assert part, f"the server closed the connection after {answer!r}"
            answer += part
