"""Interest lists change: of and with all kinds of files, in right ways and in wrong ones."""

from __future__ import annotations

import errno
import select

from tests.rungs.files import ADD, DEL, MOD, NOT_OPEN, Ctl, Kind, Thread
from tests.rungs.random_run import RandomRun

from . import sockets

_UNKNOWN = 9
_CHANGES_MAX = 8
_EVENTS = (
    select.EPOLLIN,
    select.EPOLLIN,
    select.EPOLLIN | select.EPOLLET,
    select.EPOLLOUT,
    select.EPOLLOUT | select.EPOLLONESHOT,
)


def change(run: RandomRun, thread: Thread) -> bool:
    """Several calls in a row, mostly for one instance."""
    fd = run.pick(thread)
    if fd is None:
        return False
    run.change(thread, [_any(run, thread, fd) for _ in range(run.random.randint(1, _CHANGES_MAX))])
    return True


def replace(run: RandomRun, thread: Thread) -> bool:
    """A watch is removed, and added again: at once, or more than a second later."""
    fd = run.pick(thread)
    if fd is None or not (run.fds(thread, Kind.SOCKET) or sockets.sockets(run, thread)):
        return False
    target, pause_s = run.random.choice(run.fds(thread, Kind.SOCKET)), run.random.choice([0, 0.1, 1.1])
    others = [_any(run, thread, fd) for _ in range(run.random.choice([0, 1]))]
    add = Ctl(fd, ADD, target)
    run.change(thread, [add, Ctl(fd, DEL, target, pause_s=pause_s), *others, add])
    return True


def replace_target(run: RandomRun, thread: Thread) -> bool:
    """A watch is removed, its descriptor comes to be another file's, and that one is watched."""
    fd, fds = run.pick(thread), run.fds(thread, Kind.SOCKET)
    if fd is None or len(fds) < 2:
        return False
    over, other = run.random.sample(fds, 2)
    run.change(thread, [Ctl(fd, ADD, over), Ctl(fd, DEL, over)])
    _, when = run.do(thread, "dup2", fd=other, over=over)
    run.oracle.put(thread, over, thread.table.slots[other].file, when, cloexec=False)
    run.change(thread, [Ctl(fd, ADD, over)])
    return True


def change_by_ring(run: RandomRun, thread: Thread) -> bool:
    """A request for io_uring."""
    fd, target = run.pick(thread), run.random.choice([NOT_OPEN, *run.fds(thread, None)])
    if fd is None:
        return False
    operation = run.random.choice([ADD, ADD, DEL, MOD])
    reply, when = run.do(thread, "ctl_by_ring", fd=fd, operation=operation, target=target)
    if reply.get("errno") == errno.EPERM:
        return False
    run.oracle.change(thread, Ctl(fd, operation, target), reply.get("errno", 0), when, by_ring=True)
    return True


def _any(run: RandomRun, thread: Thread, fd: int) -> Ctl:
    draw = run.random
    operation = draw.choice([ADD, ADD, MOD, DEL])
    targets: list[int | None] = list(run.fds(thread, None))
    those = run.fds(thread, Kind.SOCKET)
    if those and draw.random() < 0.5:
        targets = [*those]
    if draw.random() < 0.8:
        return Ctl(fd, operation, draw.choice(targets), draw.choice(_EVENTS))
    operation = draw.choice([operation, _UNKNOWN])
    target = draw.choice([fd, None, NOT_OPEN, draw.choice(targets)])
    return Ctl(draw.choice([fd, NOT_OPEN, *run.fds(thread, None)]), operation, target, has_event=draw.random() < 0.7)
