"""What all programs with a defect share: how they begin and end, and the processes that load them.

A child inherits the instances that there are, which is a defect of its own. So programs start beats and other children
before they create an instance.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator

_PR_SET_PDEATHSIG = 1
_INHERITED_MAX = 64
_libc = ctypes.CDLL(None, use_errno=True)


def steady(**told: object) -> None:
    """Prints the pid and what else a test must know, and from here on ends the process when stdin ends."""
    sys.stdout.write(json.dumps({"pid": os.getpid(), **told}) + "\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_stdin, daemon=True).start()


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def child(work: Callable[[], object]) -> int:
    """A process that does some work, and that the kernel kills when this one ends; its pid."""
    parent, pid = os.getpid(), os.fork()
    if pid:
        return pid
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        if os.getppid() == parent:
            work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def child_loop(work: Callable[[Callable[[int], None]], object]) -> tuple[int, int]:
    """A child with an instance.

    Args:
        work: calls its argument with the descriptor of the instance when its loop begins.

    Returns:
        Its pid and that descriptor.
    """
    reading, writing = os.pipe()
    pid = child(lambda: work(lambda epfd: _say(writing, epfd)))
    os.close(writing)
    (epfd,) = struct.unpack("i", os.read(reading, 4))
    os.close(reading)
    return pid, epfd


def _say(writing: int, epfd: int) -> None:
    os.write(writing, struct.pack("i", epfd))
    os.close(writing)


def beat(per_s: float, size: int = 1) -> int:
    """A pipe into which a child writes so many bytes, so many times a second. It stops while the pipe is full."""
    reading, writing = os.pipe()

    def write() -> None:
        _keep_only(writing)
        for _ in paced(per_s):
            os.write(writing, bytes(size))

    child(write)
    os.close(writing)
    return reading


def clients(listener: socket.socket, per_s: float) -> None:
    """A child that connects so many times a second, and closes each connection when the server has sent a byte.

    The reset leaves nothing behind in TIME-WAIT.
    """
    address = listener.getsockname()

    def connect() -> None:
        _keep_only()
        for _ in paced(per_s):
            with socket.create_connection(address) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.recv(1)

    child(connect)


def paced(per_s: float) -> Iterator[None]:
    """So many times a second, without hurry after what took longer."""
    due = time.monotonic()
    while True:
        yield
        due = max(due + 1 / per_s, time.monotonic())
        time.sleep(max(0, due - time.monotonic()))


def _keep_only(*descriptors: int) -> None:
    """Closes what a child inherited and does not need."""
    for fd in set(range(3, _INHERITED_MAX)).difference(descriptors):
        with contextlib.suppress(OSError):
            os.close(fd)


def listening() -> socket.socket:
    """A listener of TCP on the loopback that does not block."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setblocking(False)
    return listener


def idle() -> int:
    """A pipe from which nothing ever comes, and which never ends."""
    reading, writing = os.pipe()
    _kept.append(writing)
    return reading


def allow(descriptors: int) -> None:
    """Sets the soft limit of descriptors of this process."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def inode(fd: int) -> int:
    return os.fstat(fd).st_ino


_kept: list[object] = []
