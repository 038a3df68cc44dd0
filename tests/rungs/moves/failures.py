"""Creations that fail, and are told as such."""

from __future__ import annotations

import errno

from tests.kernel.calls import SIZED
from tests.rungs.files import Call, Thread
from tests.rungs.random_run import RandomRun


def fail(run: RandomRun, thread: Thread) -> bool:
    """By an argument that the kernel does not take."""
    calls = [Call(flags=4), Call(flags=0x80000001)]
    calls += [Call(size=0), Call(size=-1)] if SIZED else []
    calls += [Call(flags=4, compat=True), Call(size=-1, compat=True)] if run.puppets.compat else []
    call = run.random.choice(calls)
    assert run.call(thread, call)["errno"] == (run.refusal(thread, call) or errno.EINVAL)
    return True


def fail_for_room(run: RandomRun, thread: Thread) -> bool:
    """Because the table of descriptors may not grow."""
    call = Call(flags=0)
    reply, when = run.do(thread, "create_without_room")
    assert reply["errno"] == (run.refusal(thread, call) or errno.EMFILE)
    run.created(thread, call, reply, when)
    return True


def refuse_creation(run: RandomRun, thread: Thread) -> bool:
    if thread.refused:
        return False
    number = run.random.choice([errno.EPERM, errno.ENFILE, errno.ENOMEM])
    run.do(thread, "refuse_creation", number=number)
    thread.refused = number
    return True
