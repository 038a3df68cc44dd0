"""Load for servers: connections that ask at the same time, and ask again when all are answered."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from .fleet import connected

CONNECTIONS = 16


class Talk(NamedTuple):
    """What a server is asked, and how its answer ends."""

    question: bytes
    ending: bytes


HTTP = Talk(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"ok")


def load(address: object, talk: Talk, rounds: int) -> None:
    """Asks over and over.

    Args:
        address: as `connected` takes it.
        talk: what is asked.
        rounds: how often, on each connection.
    """
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connected(address)) for _ in range(CONNECTIONS)]
        for _ in range(rounds):
            for connection in connections:
                connection.sendall(talk.question)
            for connection in connections:
                answer = b""
                while not answer.endswith(talk.ending):
                    part = connection.recv(4096)
                    assert part, f"the server closed the connection after {answer!r}"
                    answer += part
