"""io_uring refers to instances, and closes descriptors."""

from __future__ import annotations

from tests.rungs.files import Kind, Thread
from tests.rungs.play import Play


def ring(play: Play, thread: Thread) -> bool:
    if len(play.fds(thread, Kind.RING)) > 2:
        return False
    reply, _ = play.do(thread, "ring")
    if "errno" in reply:  # there is none, or it is switched off
        return False
    play.oracle.ring(thread, reply["done"])
    return True


def register_files(play: Play, thread: Thread) -> bool:
    ring, fds = play.pick(thread, Kind.RING), play.fds(thread)
    if ring is None or not fds or thread.table.slots[ring].file.messages:
        return False
    fds = play.random.sample(fds, min(len(fds), play.random.randint(1, 3)))
    reply, _ = play.do(thread, "register_files", ring=ring, fds=fds)
    assert "errno" not in reply
    play.oracle.register(thread, ring, fds)
    return True


def unregister_files(play: Play, thread: Thread) -> bool:
    used = [fd for fd in play.fds(thread, Kind.RING) if thread.table.slots[fd].file.messages]
    if not used:
        return False
    ring = play.random.choice(used)
    _, when = play.do(thread, "unregister_files", ring=ring)
    play.oracle.unregister(thread, ring, when)
    return True


def close_by_ring(play: Play, thread: Thread) -> bool:
    fd = play.pick(thread)
    if fd is None:
        return False
    reply, when = play.do(thread, "close_by_ring", fd=fd)
    if "errno" in reply:
        return False
    play.oracle.close(thread, [fd], when)
    return True
