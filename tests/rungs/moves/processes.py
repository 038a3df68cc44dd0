"""Processes and threads come, wait, and go, and with them their tables."""

from __future__ import annotations

import errno
import os
from itertools import pairwise

from tests.rungs.files import Call, Thread
from tests.rungs.play import Play
from tests.rungs.stage import now_ns
from tests.waiting import eventually

TASKS_MAX = 8
_TICK_NS = 10_000_000
_BURST = 200  # instances


def wait(play: Play, thread: Thread) -> bool:
    fd = play.pick(thread)
    if fd is None or len(thread.process.threads) < 2 or thread.rings:
        return False
    play.note(thread, "wait", {"fd": fd})
    play.stage.wait(thread.channel, thread.process.pid, thread.tid, fd)
    thread.waits_on = thread.table.slots[fd].file
    return True


def wake(play: Play, _: Thread) -> bool:
    waiting = [thread for process in play.oracle.processes for thread in process.threads if thread.waits_on]
    if not waiting:
        return False
    thread = play.random.choice(waiting)
    before = now_ns()
    play.stage.interrupt(thread.process.pid, thread.tid)
    reply = play.stage.answer(thread.channel)
    assert reply["errno"] == errno.EINTR
    play.note(thread, "is woken")
    play.oracle.stop_waiting(thread, (before, reply["when"][1]))
    return True


def fork(play: Play, thread: Thread) -> bool:
    if not _may_start(play):
        return False
    return play.start(thread.channel, "fork", {}, thread.table.copy(), thread) is not None


def clone_files(play: Play, thread: Thread) -> bool:
    if not _may_start(play):
        return False
    return play.start(thread.channel, "clone", {"share_files": True}, thread.table, thread) is not None


def same_pid_again(play: Play, thread: Thread) -> bool:
    """What had the pid has ended some clock ticks before, or nobody could tell them apart."""
    if not _may_start(play) or not play.oracle.past:
        return False
    former = play.oracle.past[-1]
    if any(process.pid == former.pid for process in play.oracle.processes):
        return False
    eventually(lambda: now_ns() > (former.start + 2) * _TICK_NS and not os.path.exists(f"/proc/{former.pid}"))
    arguments = {"share_files": False, "pid": former.pid}
    return play.start(thread.channel, "clone", arguments, thread.table.copy(), thread) is not None


def thread(play: Play, thread: Thread) -> bool:
    if not _may_start(play):
        return False
    name = play.channel()
    play.stage.do(thread.channel, "thread", name=name)
    tid = play.stage.greeting(name)["tid"]
    play.note(thread, "thread", {}, {"done": tid})
    play.oracle.begin(thread.process, tid, thread.table, name, like=thread)
    return True


def unshare(play: Play, thread: Thread) -> bool:
    if len(play.oracle.sharing(thread.table)) < 2:
        return False
    _, when = play.do(thread, "unshare_files")
    play.oracle.unshare(thread, when)
    return True


def execute(play: Play, thread: Thread) -> bool:
    return thread.table is thread.process.threads[0].table and _execute(play, thread)


def execute_with_another_table(play: Play, thread: Thread) -> bool:
    """The table that a thread had made its own is that of the process from then on."""
    return thread.table is not thread.process.threads[0].table and _execute(play, thread)


def _execute(play: Play, thread: Thread) -> bool:
    name = play.channel()
    before = play.begun(thread, "execute", name=name)
    play.stage.greeting(name)
    play.oracle.execute(thread, name, (before, now_ns()))
    return True


def end(play: Play, thread: Thread) -> bool:
    before = play.begun(thread, "end")
    play.stage.ended(thread.channel)
    play.oracle.end(thread.process, (before, now_ns()))
    return True


def kill(play: Play, thread: Thread) -> bool:
    play.kill(thread.process)
    return True


def burst(play: Play, thread: Thread) -> bool:
    """A new process makes many and ends at once, by itself or killed, while its parent looks at all that it has.

    Whoever looks at a file may be the last to let go of it.
    """
    if thread.refused or not _may_start(play):
        return False
    child = play.start(thread.channel, "fork", {}, thread.table.copy(), thread)
    if child is None:
        return False
    ending = play.random.choice(["end", "be_killed"])
    play.stage.begin(thread.channel, "look_at", pid=child.process.pid)
    play.stage.begin(child.channel, "hold", count=_BURST)
    play.stage.begin(child.channel, ending)  # it is there when the one before is done
    reply = play.stage.answer(child.channel)
    play.stage.ended(child.channel)
    play.stage.answer(thread.channel)
    after = now_ns()
    play.note(child, "hold", {"count": _BURST})
    for fd, when in zip(reply["done"], pairwise(reply["times"]), strict=True):
        play.oracle.create(child, fd, Call(flags=0), when)
    play.note(child, ending, {})
    play.oracle.end(child.process, (reply["times"][-1], after))
    return True


def end_thread(play: Play, thread: Thread) -> bool:
    """A leader that ends before its threads leaves them its process."""
    return len(thread.process.threads) > 1 and not _leaves_another_table(thread) and _end_thread(play, thread)


def leave_to_another_table(play: Play, thread: Thread) -> bool:
    """The next one had made its table its own: that is the table of the process from then on."""
    return _leaves_another_table(thread) and _end_thread(play, thread)


def _leaves_another_table(thread: Thread) -> bool:
    first, *others = thread.process.threads
    return thread is first and bool(others) and others[0].table is not first.table


def _end_thread(play: Play, thread: Thread) -> bool:
    before = play.begun(thread, "end_thread")
    play.stage.thread_ended(thread.process.pid, thread.tid)
    play.oracle.end_thread(thread, (before, now_ns()))
    return True


def _may_start(play: Play) -> bool:
    return sum(len(process.threads) for process in play.oracle.processes) < TASKS_MAX
