"""Sockets as the kernel describes them, whichever way it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from epolltop.model.watch import TargetKind

SOCKETS_MAX = 100_000
"""Sockets of one network namespace that are gone through, 2 µs each."""

LISTENING = 10
"""The state of a socket that accepts connections, include/net/tcp_states.h."""
STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    LISTENING: "LISTEN",
    11: "CLOSING",
}


class Address(NamedTuple):
    """Where packets go."""

    host: str
    port: int

    @property
    def text(self) -> str:
        """As in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Socket(NamedTuple):
    """One socket."""

    kind: TargetKind
    state: int
    """Of `STATES`, whatever its protocol."""
    local: Address | None = None
    remote: Address | None = None
    """None: not connected."""
    name: bytes = b""
    """Of a Unix socket: a path, or anything after a NUL; empty if it has none."""
    incoming: int | None = None
    """Bytes unread, of UDP the memory that they take; connections that wait to be accepted if it listens. None if the
    kernel did not say."""
    outgoing: int | None = None
    """Bytes unsent, or sent and not yet acknowledged; how many connections may wait if it listens."""
    peer: int = 0
    """Inode of the Unix socket at the other end; 0 if there is none."""
    protocol: str = ""
    """Of a netlink socket."""
    read: int | None = None
    """Bytes of a TCP connection that its program has read; None if the kernel did not say."""
    written: int | None = None
    """Bytes of a TCP connection that its program has written, likewise."""


@dataclass(frozen=True, slots=True)
class NamespaceSockets:
    """Sockets of a network namespace that were asked for."""

    by_inode: Mapping[int, Socket] = field(default_factory=dict)
    listeners: frozenset[Address] = frozenset()
    """All addresses at which connections are accepted."""
    complete: bool = True
    """All sockets of the namespace were gone through."""
