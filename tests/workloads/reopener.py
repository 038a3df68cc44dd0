"""Opens, copies, swaps and closes watched files at random, and an instance that watches them, as fast as it can.

What a program gets back of each watch says what the target is: its kind in the lowest four bits, above them the inode
of a socket or pipe, the interval of a timer in nanoseconds, the first number of an eventfd, the signals of a signalfd.
So whoever reads the list can judge every name. The line on stdout says the pid and the instance. Arguments: a seed, how
many moves it makes without a pause, and which.
"""

from __future__ import annotations

import ctypes
import os
import random
import select
import socket
import struct
import sys
from collections.abc import Callable

KINDS = ("pipe read", "pipe write", "socket", "eventfd", "timerfd", "signalfd")
NUMBERS = range(100, 112)
INSTANCE = 90
_ASIDE = range(200, 212)
_EPOLL_CTL_ADD, _EPOLL_CTL_DEL = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)
_serial = 0


def _make(kind: int) -> tuple[int, int]:
    """A descriptor, and what is said of it."""
    global _serial  # noqa: PLW0603
    _serial += 1
    if kind < 2:
        ends = os.pipe()
        os.close(ends[1 - kind])
        return ends[kind], os.fstat(ends[kind]).st_ino
    if kind == 2:
        one, other = socket.socketpair()
        other.close()
        fd = one.detach()
        return fd, os.fstat(fd).st_ino
    if kind == 3:
        return _libc.eventfd(_serial, 0), _serial
    if kind == 4:
        fd = _libc.timerfd_create(1, 0)
        _libc.timerfd_settime(fd, 0, struct.pack("qqqq", 0, _serial, 3600, 0), None)
        return fd, _serial
    mask = _serial << 33  # real-time signals, which no one else uses
    return _libc.signalfd(-1, struct.pack("Q", mask), 0), mask


def _watch(fd: int, data: int) -> None:
    event = struct.pack("=IQ" if os.uname().machine == "x86_64" else "=I4xQ", select.EPOLLIN, data)
    _libc.epoll_ctl(INSTANCE, _EPOLL_CTL_ADD, fd, event)


def open_anew(number: int) -> None:
    kind = random.randrange(len(KINDS))
    fd, said = _make(kind)
    os.dup2(fd, number)
    os.close(fd)
    _watch(number, said << 4 | kind)


def close(number: int) -> None:
    os.close(number)


def close_a_copied_one(number: int) -> None:
    os.dup2(number, random.choice(_ASIDE))
    os.close(number)


def swap_for_a_moment(number: int) -> None:
    other = random.choice(NUMBERS)
    kept = os.dup(number)
    try:
        os.dup2(other, number)
    finally:
        os.dup2(kept, number)
        os.close(kept)


def swap_for_good(number: int) -> None:
    os.dup2(random.choice(_ASIDE), number)


def unwatch(number: int) -> None:
    _libc.epoll_ctl(INSTANCE, _EPOLL_CTL_DEL, number, None)


def another_instance(_: int) -> None:
    """Seldom: whoever counts failed changes of each instance, in a test beside this one, has room for thousands."""
    if random.random() < 0.001:
        fd = _libc.epoll_create1(0)
        os.dup2(fd, INSTANCE)
        os.close(fd)


MOVES = (open_anew, open_anew, open_anew, close, close_a_copied_one, swap_for_a_moment, swap_for_good, unwatch)


MIXES: dict[str, tuple[Callable[[int], None], ...]] = {
    "all": (*MOVES, another_instance),
    "swaps": (swap_for_a_moment,),
}


def main(seed: str, moves: str, mix: str) -> None:
    random.seed(int(seed))
    os.dup2(_libc.epoll_create1(0), INSTANCE)
    for number in NUMBERS:
        open_anew(number)
    sys.stdout.write(f"{os.getpid()} {INSTANCE}\n")
    sys.stdout.flush()
    while True:
        for _ in range(int(moves)):
            try:
                random.choice(MIXES[mix])(random.choice(NUMBERS))
            except OSError:
                continue
        if select.select([0], [], [], 0)[0]:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
