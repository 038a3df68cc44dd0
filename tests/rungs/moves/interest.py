"""Interest lists change: of and with all kinds of files, in right ways and in wrong ones."""

from __future__ import annotations

import errno
import select

from tests.rungs.files import Ctl, Kind, Thread
from tests.rungs.random_run import RandomRun

_ADD, _DEL, _MOD, _UNKNOWN = 1, 2, 3, 9
_CHANGES_MAX = 8
_NOT_OPEN = 1_000_000
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
    fd, target = run.pick(thread), run.pick(thread, None)
    if fd is None or target is None:
        return False
    add, pause_s = Ctl(fd, _ADD, target), run.random.choice([0, 0, 0.01, 0.01, 0.1, 0.1, 0.1, 1.1])
    run.change(thread, [add, Ctl(fd, _DEL, target, pause_s=pause_s), *[_any(run, thread, fd)] * (pause_s == 0.01), add])
    return True


def change_by_ring(run: RandomRun, thread: Thread) -> bool:
    """A request for io_uring."""
    fd, target = run.pick(thread), run.random.choice([_NOT_OPEN, *run.fds(thread, None)])
    if fd is None:
        return False
    operation = run.random.choice([_ADD, _ADD, _DEL, _MOD])
    reply, when = run.do(thread, "ctl_by_ring", fd=fd, operation=operation, target=target)
    if reply.get("errno") == errno.EPERM:
        return False
    run.oracle.change(thread, Ctl(fd, operation, target), reply.get("errno", 0), when, by_ring=True)
    return True


def _any(run: RandomRun, thread: Thread, fd: int) -> Ctl:
    draw = run.random
    operation = draw.choice([_ADD, _ADD, _MOD, _DEL])
    targets: list[int | None] = list(run.fds(thread, None))
    sockets = run.fds(thread, Kind.SOCKET)
    if sockets and draw.random() < 0.5:
        targets = [*sockets]
    if draw.random() < 0.8:
        return Ctl(fd, operation, draw.choice(targets), draw.choice(_EVENTS))
    operation = draw.choice([operation, _UNKNOWN])
    target = draw.choice([fd, None, _NOT_OPEN, draw.choice(targets)])
    return Ctl(draw.choice([fd, _NOT_OPEN, *run.fds(thread, None)]), operation, target, has_event=draw.random() < 0.7)
