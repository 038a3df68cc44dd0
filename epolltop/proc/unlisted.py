"""References to open files that no descriptor table shows: descriptors in flight, and files registered with io_uring.

/proc/PID/fdinfo has the number of descriptors of any kind that wait in a Unix socket, and the names of the files that
are registered with a ring. It does not show what waits in a socket that is itself in flight.

Costs on Linux 6.18: 3 µs for each descriptor, and 10 µs for each socket and ring.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from epolltop.model.holding import Unlisted
from epolltop.own_process.pace import Deadline
from epolltop.proc import kcmp
from epolltop.proc.fd import links
from epolltop.proc.fdinfo import descriptors_in_flight, instances_in_ring
from epolltop.proc.kcmp import Slot
from epolltop.proc.pids import OwnPids
from epolltop.proc.procfs import Procfs
from epolltop.proc.reading import GONE

WITHIN_S = 2.0
"""Whatever is not reached within it is left out."""
_RING = "anon_inode:[io_uring]"


def find_unlisted(root: str = "/proc", *, within_s: float = WITHIN_S) -> Unlisted:
    """Looks at all sockets and rings of a tree that we may read, within a time limit."""
    deadline, procfs = Deadline(within_s), Procfs(root)
    sockets: dict[str, int] = {}
    rings: dict[Slot, int] = {}
    complete = True
    for place, link in _links(root, procfs.pids()):
        if deadline.is_over:
            complete = False
            break
        if place is None:
            complete = False
            continue
        pid, fd = place
        if link.startswith("socket:") and link not in sockets:
            sockets[link] = descriptors_in_flight(root, pid, fd)
        elif link == _RING and (number := instances_in_ring(root, pid, fd)):
            rings[pid, fd] = number
    compares = kcmp.available() and OwnPids(procfs).ours
    files, apart = kcmp.group(rings, kcmp.compare if compares else kcmp.refused)
    waiting = [number for number in sockets.values() if number]
    return Unlisted(
        sum(waiting),
        len(waiting),
        sum(rings[place] for place in (*(ring[0] for ring in files), *apart)),
        complete,
    )


def _links(root: str, pids: Iterable[int]) -> Iterator[tuple[Slot | None, str]]:
    """Yields None for a process whose descriptors may not be read."""
    for pid in pids:
        with contextlib.suppress(*GONE):
            try:
                for fd, link in links(root, pid):
                    yield (pid, fd), link
            except PermissionError:
                yield None, ""
