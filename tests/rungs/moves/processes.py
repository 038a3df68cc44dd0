"""Processes and threads come and go, and with them their tables."""

from __future__ import annotations

import os
from itertools import pairwise

from tests.rungs.files import Call, Thread
from tests.rungs.puppets import now_ns, start_of
from tests.rungs.random_run import RandomRun
from tests.waiting import eventually

TASKS_MAX = 8
_TICK_NS = 10_000_000
_BURST = 200  # instances


def fork(run: RandomRun, thread: Thread) -> bool:
    if not may_start(run):
        return False
    return run.start(thread.channel, "fork", {}, thread.table.copy(), thread) is not None


def clone_files(run: RandomRun, thread: Thread) -> bool:
    if not may_start(run):
        return False
    return run.start(thread.channel, "clone", {"share_files": True}, thread.table, thread) is not None


def same_pid_again(run: RandomRun, thread: Thread) -> bool:
    """What had the pid has ended some clock ticks before, or nobody could tell them apart."""
    if not may_start(run) or not run.oracle.past:
        return False
    former = run.oracle.past[-1]
    if any(process.pid == former.pid for process in run.oracle.processes):
        return False
    eventually(lambda: now_ns() > (former.start + 2) * _TICK_NS and not os.path.exists(f"/proc/{former.pid}"))
    arguments = {"share_files": False, "pid": former.pid}
    return run.start(thread.channel, "clone", arguments, thread.table.copy(), thread) is not None


def thread(run: RandomRun, thread: Thread) -> bool:
    if not may_start(run):
        return False
    name = run.channel()
    run.puppets.do(thread.channel, "thread", name=name)
    tid = run.puppets.greeting(name)["tid"]
    run.note(thread, "thread", {}, {"done": tid})
    start = start_of(thread.process.pid, tid)
    run.oracle.begin(thread.process, tid, start, thread.table, name, like=thread)
    return True


def unshare(run: RandomRun, thread: Thread) -> bool:
    if len(run.oracle.sharing(thread.table)) < 2:
        return False
    _, when = run.do(thread, "unshare_files")
    run.oracle.unshare(thread, when)
    return True


def execute(run: RandomRun, thread: Thread) -> bool:
    return thread.table is thread.process.threads[0].table and _execute(run, thread)


def execute_with_another_table(run: RandomRun, thread: Thread) -> bool:
    """The table that a thread had made its own is that of the process from then on."""
    return thread.table is not thread.process.threads[0].table and _execute(run, thread)


def _execute(run: RandomRun, thread: Thread) -> bool:
    name = run.channel()
    before = run.begun(thread, "execute", name=name)
    run.puppets.greeting(name)
    run.oracle.execute(thread, name, (before, now_ns()))
    return True


def end(run: RandomRun, thread: Thread) -> bool:
    before = run.begun(thread, "end")
    run.puppets.ended(thread.channel)
    run.oracle.end(thread.process, (before, now_ns()))
    return True


def kill(run: RandomRun, thread: Thread) -> bool:
    run.kill(thread.process)
    return True


def burst(run: RandomRun, thread: Thread) -> bool:
    """A new process makes many and ends at once, by itself or killed, while its parent looks at all that it has.

    Whoever looks at a file may be the last to let go of it.
    """
    if thread.refused or not may_start(run):
        return False
    child = run.start(thread.channel, "fork", {}, thread.table.copy(), thread)
    if child is None:
        return False
    ending = run.random.choice(["end", "be_killed"])
    run.puppets.begin(thread.channel, "look_at", pid=child.process.pid)
    run.puppets.begin(child.channel, "hold", count=_BURST)
    run.puppets.begin(child.channel, ending)  # it is there when the one before is done
    reply = run.puppets.answer(child.channel)
    run.puppets.ended(child.channel)
    run.puppets.answer(thread.channel)
    after = now_ns()
    run.note(child, "hold", {"count": _BURST})
    for fd, when in zip(reply["done"], pairwise(reply["times"]), strict=True):
        run.oracle.create(child, fd, Call(flags=0), when)
    run.note(child, ending, {})
    run.oracle.end(child.process, (reply["times"][-1], after))
    return True


def end_thread(run: RandomRun, thread: Thread) -> bool:
    """A leader that ends before its threads leaves them its process."""
    return len(thread.process.threads) > 1 and not _leaves_another_table(thread) and _end_thread(run, thread)


def leave_to_another_table(run: RandomRun, thread: Thread) -> bool:
    """The next one had made its table its own: that is the table of the process from then on."""
    return _leaves_another_table(thread) and _end_thread(run, thread)


def _leaves_another_table(thread: Thread) -> bool:
    first, *others = thread.process.threads
    return thread is first and bool(others) and others[0].table is not first.table


def _end_thread(run: RandomRun, thread: Thread) -> bool:
    before = run.begun(thread, "end_thread")
    run.puppets.thread_ended(thread.process.pid, thread.tid)
    run.oracle.end_thread(thread, (before, now_ns()))
    return True


def may_start(run: RandomRun) -> bool:
    """Whether there is room for another task."""
    return sum(len(process.threads) for process in run.oracle.processes) < TASKS_MAX
