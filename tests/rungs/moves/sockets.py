"""Instances in flight: sent through sockets, and not yet received."""

from __future__ import annotations

from tests.rungs.files import Kind, Thread
from tests.rungs.play import Play


def sockets(play: Play, thread: Thread) -> bool:
    cloexec = play.random.choice([False, True])
    reply, _ = play.do(thread, "sockets", cloexec=cloexec)
    play.oracle.sockets(thread, tuple(reply["done"]), tuple(reply["inodes"]), cloexec=cloexec)
    return True


def send(play: Play, thread: Thread) -> bool:
    through, fds = play.pick(thread, Kind.SOCKET), play.fds(thread)
    if through is None or not fds:
        return False
    return _sends(play, thread, through, play.random.sample(fds, min(len(fds), play.random.randint(1, 3))))


def send_in_circle(play: Play, thread: Thread) -> bool:
    """Sockets fly through themselves, and an instance with them; this thread keeps none of them."""
    through, fd = play.pick(thread, Kind.SOCKET), play.pick(thread)
    if through is None or fd is None:
        return False
    file = thread.table.slots[through].file
    ends = [fd for fd, slot in thread.table.slots.items() if slot.file in (file, file.peer)]
    if not _sends(play, thread, through, [fd, *ends][:16]):
        return False
    for each in [fd, *ends]:
        _, when = play.do(thread, "close", fd=each)
        play.oracle.close(thread, [each], when)
    return True


def receive(play: Play, thread: Thread) -> bool:
    full = [fd for fd in play.fds(thread, Kind.SOCKET) if thread.table.slots[fd].file.messages]
    if not full:
        return False
    through, cloexec = play.random.choice(full), play.random.choice([False, True])
    reply, _ = play.do(thread, "receive", through=through, cloexec=cloexec)
    play.oracle.receive(thread, through, reply["done"], cloexec=cloexec)
    return True


def _sends(play: Play, thread: Thread, through: int, fds: list[int]) -> bool:
    peer = thread.table.slots[through].file.peer
    assert peer is not None
    reply, _ = play.do(thread, "send", through=through, fds=fds)
    assert ("errno" in reply) == peer.released
    if "errno" not in reply:
        play.oracle.send(thread, through, fds)
    return "errno" not in reply
