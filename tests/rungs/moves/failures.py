"""Creations that fail, and are told as such."""

from __future__ import annotations

import errno

from tests.kernel.calls import SIZED
from tests.rungs.files import Call, Thread
from tests.rungs.play import Play


def fail(play: Play, thread: Thread) -> bool:
    """By an argument that the kernel does not take."""
    calls = [Call(flags=4), Call(flags=0x80000001)]
    calls += [Call(size=0), Call(size=-1)] if SIZED else []
    calls += [Call(flags=4, compat=True), Call(size=-1, compat=True)] if play.stage.compat else []
    call = play.random.choice(calls)
    assert play.call(thread, call)["errno"] == (play.refusal(thread, call) or errno.EINVAL)
    return True


def fail_for_room(play: Play, thread: Thread) -> bool:
    """Because the table of descriptors may not grow."""
    call = Call(flags=0)
    reply, when = play.do(thread, "create_without_room")
    assert reply["errno"] == (play.refusal(thread, call) or errno.EMFILE)
    play.created(thread, call, reply, when)
    return True


def refuse_creation(play: Play, thread: Thread) -> bool:
    if thread.refused:
        return False
    number = play.random.choice([errno.EPERM, errno.ENFILE, errno.ENOMEM])
    play.do(thread, "refuse_creation", number=number)
    thread.refused = number
    return True
