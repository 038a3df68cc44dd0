"""Instances come into being."""

from __future__ import annotations

import select
from itertools import pairwise

from tests.kernel.calls import SIZED
from tests.rungs.files import Call, Thread
from tests.rungs.random_run import RandomRun


def create1(run: RandomRun, thread: Thread) -> bool:
    run.call(thread, Call(flags=run.random.choice([0, select.EPOLL_CLOEXEC])))
    return True


def create(run: RandomRun, thread: Thread) -> bool:
    size = run.random.choice([1, 2, 1024, 2**31 - 1])
    return SIZED and "errno" not in run.call(thread, Call(size=size))


def create_compat(run: RandomRun, thread: Thread) -> bool:
    """Through the 32-bit entry."""
    if not run.puppets.compat:
        return False
    if len({id(thread.table) for thread in thread.process.threads}) > 1:
        return False  # two that are found at once in one process, at one number, could not be told apart
    calls = Call(flags=0, compat=True), Call(flags=select.EPOLL_CLOEXEC, compat=True), Call(size=7, compat=True)
    return "errno" not in run.call(thread, run.random.choice(calls))


def pairs(run: RandomRun, thread: Thread) -> bool:
    if thread.refused:
        return False
    reply, _ = run.do(thread, "pairs", count=run.random.randint(1, 300))
    begun, *times = reply["times"]
    for created, closed in zip(times[::2], times[1::2], strict=True):
        run.oracle.create(thread, reply["done"], Call(flags=0), (begun, created))
        run.oracle.close(thread, [reply["done"]], (created, closed))
        begun = closed
    return True


def hold(run: RandomRun, thread: Thread) -> bool:
    if thread.refused or len(run.oracle.alive()) > 200:
        return False
    reply, _ = run.do(thread, "hold", count=run.random.randint(2, 40))
    for fd, when in zip(reply["done"], pairwise(reply["times"]), strict=True):
        run.oracle.create(thread, fd, Call(flags=0), when)
    return True
