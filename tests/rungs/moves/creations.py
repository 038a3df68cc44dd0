"""Instances come into being."""

from __future__ import annotations

import select

from tests.kernel.calls import SIZED
from tests.rungs.files import Call, Thread
from tests.rungs.play import Play


def create1(play: Play, thread: Thread) -> bool:
    call = Call(flags=play.random.choice([0, select.EPOLL_CLOEXEC]))
    play.created(thread, call, *play.do(thread, "create1", flags=call.flags))
    return True


def create(play: Play, thread: Thread) -> bool:
    call = Call(size=play.random.choice([1, 2, 1024, 2**31 - 1]))
    return SIZED and play.created(thread, call, *play.do(thread, "create", size=call.size))


def create_compat(play: Play, thread: Thread) -> bool:
    if len({id(thread.table) for thread in thread.process.threads}) > 1:
        return False  # two that are found at once in one process, at one number, could not be told apart
    return play.stage.compat and play.created(thread, Call(flags=0, compat=True), *play.do(thread, "create_compat"))


def pairs(play: Play, thread: Thread) -> bool:
    if thread.refused:
        return False
    count = play.random.randint(1, 300)
    reply, when = play.do(thread, "pairs", count=count)
    for _ in range(count):
        play.oracle.create(thread, reply["done"], Call(flags=0), when)
        play.oracle.close(thread, [reply["done"]], when)
    return True


def hold(play: Play, thread: Thread) -> bool:
    if thread.refused or len(play.oracle.alive()) > 200:
        return False
    reply, when = play.do(thread, "hold", count=play.random.randint(2, 40))
    for fd in reply["done"]:
        play.oracle.create(thread, fd, Call(flags=0), when)
    return True
