"""Creations that fail, and are told as such."""

from __future__ import annotations

import errno

from tests.kernel.calls import SIZED
from tests.rungs.files import Call, Thread
from tests.rungs.play import Play


def fail(play: Play, thread: Thread) -> bool:
    call = play.random.choice([Call(flags=4), Call(flags=0x80000001), Call(size=0), Call(size=-1), None])
    if call is None:
        call, (reply, when) = Call(flags=0), play.do(thread, "create_without_room")
        expected = thread.refused or errno.EMFILE
    elif call.size is not None and not SIZED:
        return False
    elif call.size is not None:
        reply, when = play.do(thread, "create", size=call.size)
        expected = errno.EINVAL
    else:
        reply, when = play.do(thread, "create1", flags=call.flags)
        expected = thread.refused or errno.EINVAL
    assert reply["errno"] == expected
    play.created(thread, call, reply, when)
    return True


def refuse_creation(play: Play, thread: Thread) -> bool:
    if thread.refused:
        return False
    number = play.random.choice([errno.EPERM, errno.ENFILE, errno.ENOMEM])
    play.do(thread, "refuse_creation", number=number)
    thread.refused = number
    return True
