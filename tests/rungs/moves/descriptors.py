"""Copies of descriptors come and go."""

from __future__ import annotations

from typing import Any

from tests.rungs.files import Process, Thread
from tests.rungs.random_run import RandomRun

CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC = 2, 4
_O_CLOEXEC = 0o2000000


def close(run: RandomRun, thread: Thread) -> bool:
    fd = run.pick(thread, None)
    if fd is None:
        return False
    _, when = run.do(thread, "close", fd=fd)
    run.oracle.close(thread, [fd], when)
    return True


def close_range(run: RandomRun, thread: Thread) -> bool:
    fds = run.fds(thread, None)
    if not fds:
        return False
    first, last = sorted(run.random.choices(fds, k=2))
    flags = run.random.choice([0, 0, CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC])
    reply, when = run.do(thread, "close_range", first=first, last=last, flags=flags)
    if "errno" in reply:  # Linux 5.9 knows the call, 5.11 the last of its flags
        return False
    fds = [fd for fd in fds if first <= fd <= last]
    if flags & CLOSE_RANGE_UNSHARE:
        run.oracle.unshare(thread, when)
    if flags & CLOSE_RANGE_CLOEXEC:
        for fd in fds:
            thread.table.slots[fd].cloexec = True
    else:
        run.oracle.close(thread, fds, when)
    return True


def dup(run: RandomRun, thread: Thread) -> bool:
    fd = run.pick(thread, None)
    if fd is None:
        return False
    how, cloexec = run.random.choice([("dup", False), ("dup_from", False), ("dup_from", True)])
    lowest = run.random.choice([0, 100, 500])
    arguments: dict[str, Any] = {} if how == "dup" else {"lowest": lowest, "cloexec": cloexec}
    reply, when = run.do(thread, how, fd=fd, **arguments)
    run.oracle.put(thread, reply["done"], thread.table.slots[fd].file, when, cloexec=cloexec)
    return True


def dup_over(run: RandomRun, thread: Thread) -> bool:
    fds = run.fds(thread, None)
    if len(fds) < 2:
        return False
    fd, over = run.random.sample(fds, 2)
    how, flags = run.random.choice([("dup2", 0), ("dup3", 0), ("dup3", _O_CLOEXEC)])
    _, when = run.do(thread, how, fd=fd, over=over, **({} if how == "dup2" else {"flags": flags}))
    run.oracle.put(thread, over, thread.table.slots[fd].file, when, cloexec=bool(flags))
    return True


def take_from(run: RandomRun, thread: Thread) -> bool:
    """pidfd_getfd: from the table of another process' first thread."""
    others = [other for other in run.oracle.processes if other is not thread.process and _leads(other)]
    if not others:
        return False
    victim = run.random.choice(others).threads[0]
    fd = run.pick(victim, None)
    if fd is None:
        return False
    slot = victim.table.slots[fd]
    reply, when = run.do(thread, "take_from", pid=victim.process.pid, fd=fd)
    run.oracle.put(thread, reply["done"], slot.file, when, cloexec=True)
    return True


def _leads(process: Process) -> bool:
    return process.threads[0].tid == process.pid
