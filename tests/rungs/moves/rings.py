"""io_uring refers to instances, waits on them, and makes and closes descriptors."""

from __future__ import annotations

from tests.rungs.files import Kind, Thread
from tests.rungs.play import Play

from .descriptors import watch_by


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
    ring = _used(play, thread)
    if ring is None:
        return False
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


def watch_by_ring(play: Play, thread: Thread) -> bool:
    return watch_by(play, thread, "watch_by_ring")


def poll_by_ring(play: Play, thread: Thread) -> bool:
    ring, fd = play.pick(thread, Kind.RING), play.pick(thread)
    if ring is None or fd is None:
        return False
    reply, _ = play.do(thread, "poll_by_ring", ring=ring, fd=fd)
    assert "errno" not in reply
    play.oracle.poll(thread, ring, fd)
    return True


def install_from_ring(play: Play, thread: Thread) -> bool:
    ring = _used(play, thread)
    if ring is None:
        return False
    (registered,) = thread.table.slots[ring].file.messages
    index = play.random.randrange(len(registered))
    reply, when = play.do(thread, "install_from_ring", ring=ring, index=index)
    if "errno" in reply:
        return False
    play.oracle.put(thread, reply["done"], registered[index], when, cloexec=True)
    return True


def _used(play: Play, thread: Thread) -> int | None:
    """A ring with which files are registered."""
    used = [fd for fd in play.fds(thread, Kind.RING) if thread.table.slots[fd].file.messages]
    return play.random.choice(used) if used else None
