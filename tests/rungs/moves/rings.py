"""io_uring refers to instances, waits on them, and makes and closes descriptors."""

from __future__ import annotations

from tests.rungs.files import Kind, Thread
from tests.rungs.random_run import RandomRun


def ring(run: RandomRun, thread: Thread) -> bool:
    if len(run.fds(thread, Kind.RING)) > 2:
        return False
    reply, _ = run.do(thread, "ring")
    if "errno" in reply:  # there is none, or it is switched off
        return False
    run.oracle.ring(thread, reply["done"])
    return True


def register_files(run: RandomRun, thread: Thread) -> bool:
    ring, fds = run.pick(thread, Kind.RING), run.fds(thread)
    if ring is None or not fds or thread.table.slots[ring].file.messages:
        return False
    fds = run.random.sample(fds, min(len(fds), run.random.randint(1, 3)))
    reply, _ = run.do(thread, "register_files", ring=ring, fds=fds)
    assert "errno" not in reply
    run.oracle.register(thread, ring, fds)
    return True


def unregister_files(run: RandomRun, thread: Thread) -> bool:
    ring = _used(run, thread)
    if ring is None:
        return False
    _, when = run.do(thread, "unregister_files", ring=ring)
    run.oracle.unregister(thread, ring, when)
    return True


def close_by_ring(run: RandomRun, thread: Thread) -> bool:
    fd = run.pick(thread)
    if fd is None:
        return False
    reply, when = run.do(thread, "close_by_ring", fd=fd)
    if "errno" in reply:
        return False
    run.oracle.close(thread, [fd], when)
    return True


def poll_by_ring(run: RandomRun, thread: Thread) -> bool:
    ring, fd = run.pick(thread, Kind.RING), run.pick(thread)
    if ring is None or fd is None:
        return False
    reply, _ = run.do(thread, "poll_by_ring", ring=ring, fd=fd)
    assert "errno" not in reply
    run.oracle.poll(thread, ring, fd)
    return True


def install_from_ring(run: RandomRun, thread: Thread) -> bool:
    ring = _used(run, thread)
    if ring is None:
        return False
    (registered,) = thread.table.slots[ring].file.messages
    index = run.random.randrange(len(registered))
    reply, when = run.do(thread, "install_from_ring", ring=ring, index=index)
    if "errno" in reply:
        return False
    run.oracle.put(thread, reply["done"], registered[index], when, cloexec=True)
    return True


def _used(run: RandomRun, thread: Thread) -> int | None:
    """A ring with which files are registered."""
    used = [fd for fd in run.fds(thread, Kind.RING) if thread.table.slots[fd].file.messages]
    return run.random.choice(used) if used else None
