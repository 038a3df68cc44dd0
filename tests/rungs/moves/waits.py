"""Threads wait on instances: for events that come or do not, as long as they are told to, and in wrong ways."""

from __future__ import annotations

import select

from tests.rungs.files import ADD, NOT_OPEN, Asked, Call, Ctl, Kind, Thread
from tests.rungs.random_run import RandomRun
from tests.workloads.turns import WAITS

from . import sockets
from .creations import create1
from .processes import execute, may_start, same_pid_again

_MS = 1_000_000
_AN_HOUR = 3_600_000 * _MS
_TURNS_MAX = 12


def wait(run: RandomRun, thread: Thread) -> bool:
    """Until something ends it."""
    fd = run.pick(thread)
    if fd is None or len(run.oracle.threads()) < 2 or thread.rings:
        return False
    run.wait(thread, fd, Asked(_call(run), run.random.choice([1, 8, 64]), run.random.choice([None, _AN_HOUR])))
    return True


def wake(run: RandomRun, _: Thread) -> bool:
    waiting = run.oracle.waiting()
    if not waiting:
        return False
    run.interrupt(run.random.choice(waiting))
    return True


def feed(run: RandomRun, thread: Thread) -> bool:
    """An instance, one on which somebody waits if there is, watches a socket that can be written to."""
    waited = {other.wait.file for other in run.oracle.waiting() if other.wait}
    fds = run.fds(thread)
    if not fds or not (run.fds(thread, Kind.SOCKET) or sockets.sockets(run, thread)):
        return False
    fd = run.random.choice([fd for fd in fds if thread.table.slots[fd].file in waited] or fds)
    change = Ctl(
        fd,
        ADD,
        run.random.choice(run.fds(thread, Kind.SOCKET)),
        select.EPOLLOUT | run.random.choice([0, select.EPOLLET]),
    )
    return run.change(thread, [change]) == [0]


def turns(run: RandomRun, thread: Thread) -> bool:
    """Several waits in a row, none of which lasts, mostly on one instance."""
    fd = run.pick(thread)
    if fd is None:
        return False
    run.turns(thread, [_turn(run, thread, fd) for _ in range(run.random.randint(1, _TURNS_MAX))])
    return True


def succeed(run: RandomRun, thread: Thread) -> bool:
    """A process waits and is killed; another one gets its pid, and waits, too."""
    fd = run.pick(thread)
    if fd is None or not may_start(run):
        return False
    first = run.start(thread.channel, "fork", {}, thread.table.copy(), thread)
    if first is None:
        return False
    turns(run, first)
    run.kill(first.process)
    if same_pid_again(run, thread):
        turns(run, run.oracle.processes[-1].threads[0])
    return True


def renew(run: RandomRun, thread: Thread) -> bool:
    """Instances come and go, often at one address, and each is waited on."""
    if thread.refused:
        return False
    for _ in range(4):
        fd = run.call(thread, Call(flags=0))["done"]
        run.turns(thread, [(fd, Asked(_call(run), 8, 0))])
        _, when = run.do(thread, "close", fd=fd)
        run.oracle.close(thread, [fd], when)
    return True


def overtake(run: RandomRun, thread: Thread) -> bool:
    """The first thread waits, perhaps for ever; another one executes a program, gets its number and waits, too."""
    first = thread.process.threads[0]
    if thread is first or first.tid != thread.process.pid or first.wait or not turns(run, first):
        return False
    run.random.choice([wait, turns])(run, first)
    if execute(run, thread):
        create1(run, thread)
        turns(run, thread)
    return True


def _turn(run: RandomRun, thread: Thread, fd: int) -> tuple[int, Asked]:
    call, ms = _call(run), run.random.choice([0, 0, 0, 1, 1, 3])
    ns = run.random.choice([0, 1, 300_000]) if call == "epoll_pwait2" else 0
    most, usual = run.random.choice([1, 7, 8, 64]), run.random.random() < 0.7
    if usual:
        return fd, Asked(call, most, ms * _MS + ns)
    others = [fd, NOT_OPEN, *run.fds(thread, None)]
    most = run.random.choice([most, 0, -1])
    return run.random.choice(others), Asked(call, most, ms * _MS, has_room=run.random.random() < 0.5)


def _call(run: RandomRun) -> str:
    return run.random.choice(list(WAITS))
