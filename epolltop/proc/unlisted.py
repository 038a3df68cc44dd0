"""References to open files that no descriptor table shows: descriptors in flight, and files registered with io_uring.

The kernel says in /proc/PID/fdinfo how many descriptors wait in a Unix socket, of whatever kind, and what is registered
with a ring, by name. It does not say what waits in a socket that is in flight itself.

Costs on Linux 6.18: 3 µs for each descriptor, and 10 µs for each socket and ring.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator

from epolltop.model.batch import Unlisted
from epolltop.proc import fd_tables as tables
from epolltop.proc import kcmp
from epolltop.proc.kcmp import Place
from epolltop.proc.pids import OwnPids
from epolltop.proc.procfs import Procfs

WITHIN_S = 2.0
"""What remains is left out then."""
_RING = "anon_inode:[io_uring]"
_SOCKET_BYTES, _RING_BYTES = 4096, 1 << 20
"""Of an fdinfo; that of a ring has a line for each file."""
_IN_FLIGHT = re.compile(rb"^scm_fds:\s*(\d+)$", re.MULTILINE)
# Older kernels leave out "anon_inode:".
_REGISTERED = re.compile(rb"^ *\d+: (?:anon_inode:)?\[eventpoll\]$", re.MULTILINE)


def in_flight(info: bytes) -> int:
    """How many descriptors wait in a socket, by its fdinfo; 0 of what is no Unix socket."""
    found = _IN_FLIGHT.search(info)
    return int(found[1]) if found else 0


def registered(info: bytes) -> int:
    """How often epoll instances are registered with a ring, by its fdinfo, which lacks them while the ring is busy."""
    return len(_REGISTERED.findall(info))


def find_unlisted(root: str = "/proc", *, within_s: float = WITHIN_S) -> Unlisted:
    """Looks at all sockets and rings of a tree that we may read, for so long at most."""
    deadline = time.monotonic() + within_s
    sockets: dict[str, int] = {}
    rings: dict[Place, int] = {}
    complete = True
    for place, link in _links(root):
        if time.monotonic() > deadline:
            complete = False
            break
        if place is None:
            complete = False
            continue
        pid, fd = place
        if link.startswith("socket:") and link not in sockets:
            sockets[link] = in_flight(_info(root, pid, fd, _SOCKET_BYTES))
        elif link == _RING and (number := registered(_info(root, pid, fd, _RING_BYTES))):
            rings[pid, fd] = number
    compares = kcmp.available() and OwnPids(Procfs(root)).ours
    files, apart = kcmp.group(rings, kcmp.compare if compares else kcmp.refused)
    waiting = [number for number in sockets.values() if number]
    return Unlisted(
        sum(waiting),
        len(waiting),
        sum(rings[place] for place in (*(ring[0] for ring in files), *apart)),
        complete,
    )


def _links(root: str) -> Iterator[tuple[Place | None, str]]:
    """None: those of a process that may not be read."""
    for pid in [int(name) for name in os.listdir(root) if name.isdecimal()]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            try:
                for fd, link in tables.links(root, pid):
                    yield (pid, fd), link
            except PermissionError:
                yield None, ""


def _info(root: str, pid: int, fd: int, limit: int) -> bytes:
    """Nothing, if it is gone."""
    try:
        file = os.open(f"{root}/{pid}/fdinfo/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
    try:
        return os.read(file, limit)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
    finally:
        os.close(file)
