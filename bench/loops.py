"""What loops.c does, for machines without a C compiler; a call costs about 0.2 µs more than there.

Usage and output are those of loops.c. It is run as a file, so it imports nothing of the package.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

BATCH = 64
NUMBERS_FROM, NUMBERS_MAX = 2048, 8192
STACK = 256 << 10
"""Of a thread that only waits."""

_libc = ctypes.CDLL(None)


def pair() -> None:
    """Creates an instance and closes it."""
    fd = _libc.epoll_create1(select.EPOLL_CLOEXEC)
    if fd < 0:
        raise OSError("epoll_create1 failed")
    _libc.close(fd)


def run(call: Callable[[], object], for_ns: int) -> tuple[int, float, float]:
    """Calls for a while: how often, mean and best ns of a call."""
    start = before = now = time.monotonic_ns()
    best, count = 1 << 62, 0
    while now - start < for_ns:
        for _ in range(BATCH):
            call()
        count += BATCH
        now = time.monotonic_ns()
        best = min(best, now - before)
        before = now
    return count, (now - start) / count, best / BATCH


def paced(for_ns: int, interval_ns: int) -> tuple[int, float, float]:
    """One pair an interval: how many, median and best ns of a pair."""
    samples: list[int] = []
    start = due = time.monotonic_ns()
    while due - start < for_ns:
        before = time.monotonic_ns()
        if before < due:
            continue
        pair()
        samples.append(time.monotonic_ns() - before)
        due = max(due, before - interval_ns) + interval_ns
    samples.sort()
    return len(samples), float(samples[len(samples) // 2]), float(samples[0])


def echo(ns: int) -> tuple[int, float, float]:
    """A byte to an event loop in another process, and back, for a while."""
    ours, its = socket.socketpair()
    if not os.fork():
        ours.close()
        instance = watching(its)
        while instance.poll() and (byte := its.recv(1)):
            its.send(byte)
        os._exit(0)
    its.close()
    echoed = run(lambda: ours.send(b"x") and ours.recv(1), ns)
    ours.close()
    os.wait()  # so that its CPU time counts, too
    return echoed


def watching(ready: socket.socket) -> select.epoll:
    """An instance that watches one descriptor."""
    instance = select.epoll()
    instance.register(ready, select.EPOLLIN)
    return instance


def readable() -> socket.socket:
    """A socket with a byte that nobody reads."""
    ready, other = socket.socketpair()
    other.send(b"x")
    return ready


def start_loops(wanted: int, per_s: int) -> None:
    """Threads, each an event loop, with so many waits a second in all, which time out."""

    def loop() -> None:
        instance = select.epoll()
        while not instance.poll(wanted / per_s, 1):
            pass

    threading.stack_size(STACK)
    for _ in range(wanted):
        threading.Thread(target=loop, daemon=True).start()
    print(wanted, flush=True)
    sys.stdin.read()


def churn(per_s: int, each: int) -> None:
    """So many children a second, each with instances that go with it, until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    while not select.select([sys.stdin], [], [], 1 / per_s)[0]:
        if not os.fork():
            _kept = [select.epoll() for _ in range(each)]
            os._exit(0)


def listed(wanted: int, _: int) -> None:
    """Turns on an instance with so many watches, for as long as it is told to, again and again."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ready = readable()
    instance, files, done = watching(ready), [], 1
    while done < wanted:  # few files with many numbers make a long list
        files.append(os.eventfd(0))
        for fd in range(NUMBERS_FROM, NUMBERS_FROM + min(NUMBERS_MAX, wanted - done)):
            os.dup2(files[-1], fd)
            instance.register(fd, select.EPOLLIN)
            done += 1
    print(done, flush=True)
    for line in sys.stdin:
        print(*turns(instance, ready, int(line) * 1_000_000), flush=True)


def turns(instance: select.epoll, ready: socket.socket, for_ns: int) -> tuple[int, int, int]:
    """Waits and changes for a while: how many turns, ns, and the longest in ns."""
    start = before = now = time.monotonic_ns()
    longest = count = 0
    while now - start < for_ns:
        instance.poll(0, 8)
        instance.modify(ready, select.EPOLLIN)
        count += 1
        now = time.monotonic_ns()
        longest = max(longest, now - before)
        before = now
    return count, now - start, longest


_LASTING: dict[str, Callable[[int, int], None]] = {"loops": start_loops, "churn": churn, "list": listed}
"""Until stdin ends."""


def main(mode: str, amount: int, second: int = 0) -> None:
    """Runs one mode."""
    ns = amount * 1_000_000
    if mode == "pairs":
        run(pair, ns)
        print(*run(pair, ns))
    elif mode == "paced":
        print(*paced(ns, second))
    elif mode == "getppid":
        print(*run(os.getppid, ns))
    elif mode == "wait":
        instance = watching(readable())
        print(*run(lambda: instance.poll(0, 8), ns))
    elif mode == "ctl":
        ready = readable()
        instance = watching(ready)
        print(*run(lambda: instance.modify(ready, select.EPOLLIN), ns))
    elif mode == "echo":
        print(*echo(ns))
    elif mode in _LASTING:
        _LASTING[mode](amount, second)
    else:
        kept = [select.epoll() for _ in range(amount if mode == "hold" else 1)]
        print(len(kept) if mode == "hold" else run(pair, ns)[0], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
