"""Instances in flight: sent through sockets, and not yet received."""

from __future__ import annotations

from tests.rungs.files import Kind, Thread
from tests.rungs.random_run import RandomRun


def sockets(run: RandomRun, thread: Thread) -> bool:
    cloexec = run.random.choice([False, True])
    reply, _ = run.do(thread, "sockets", cloexec=cloexec)
    run.oracle.sockets(thread, tuple(reply["done"]), tuple(reply["inodes"]), cloexec=cloexec)
    return True


def send(run: RandomRun, thread: Thread) -> bool:
    through, fds = run.pick(thread, Kind.SOCKET), run.fds(thread)
    if through is None or not fds:
        return False
    return _sends(run, thread, through, run.random.sample(fds, min(len(fds), run.random.randint(1, 3))))


def send_in_circle(run: RandomRun, thread: Thread) -> bool:
    """Sockets fly through themselves, and an instance with them; this thread keeps none of them."""
    through, fd = run.pick(thread, Kind.SOCKET), run.pick(thread)
    if through is None or fd is None:
        return False
    file = thread.table.slots[through].file
    ends = [fd for fd, slot in thread.table.slots.items() if slot.file in (file, file.peer)]
    if not _sends(run, thread, through, [fd, *ends][:16]):
        return False
    for each in [fd, *ends]:
        _, when = run.do(thread, "close", fd=each)
        run.oracle.close(thread, [each], when)
    return True


def receive(run: RandomRun, thread: Thread) -> bool:
    full = [fd for fd in run.fds(thread, Kind.SOCKET) if thread.table.slots[fd].file.messages]
    if not full:
        return False
    through, cloexec = run.random.choice(full), run.random.choice([False, True])
    reply, _ = run.do(thread, "receive", through=through, cloexec=cloexec)
    run.oracle.receive(thread, through, reply["done"], cloexec=cloexec)
    return True


def _sends(run: RandomRun, thread: Thread, through: int, fds: list[int]) -> bool:
    peer = thread.table.slots[through].file.peer
    assert peer is not None
    reply, _ = run.do(thread, "send", through=through, fds=fds)
    assert ("errno" in reply) == peer.released
    if "errno" not in reply:
        run.oracle.send(thread, through, fds)
    return "errno" not in reply
