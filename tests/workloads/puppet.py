"""Takes steps with descriptors, as processes and threads that each have a channel of their own.

    puppet.py DIRECTORY NAME

A channel is two FIFOs, NAME.steps and NAME.replies, which the other side holds open. A line on the first is a step,
[name, arguments] as JSON; the line on the second that answers it is an object: `done`, or `errno` if the kernel
refused, and `when` it happened: nanoseconds of the boot clock just before and just after. Nothing here creates an
instance but the steps that say so, and nothing is wrapped in an object whose end would close it: all descriptors are
numbers. Those of the channels are kept out of the way of the others.
"""

from __future__ import annotations

import _socket
import _thread
import array
import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import platform
import resource
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.workloads import rings, turns
from tests.workloads.no_room import no_room

Reply = dict[str, Any]

OUT_OF_THE_WAY = 5000
"""Descriptors of channels are at least this."""
_libc = ctypes.CDLL(None, use_errno=True)
_holding_gil = ctypes.PyDLL(None, use_errno=True)
"""For calls after which another process goes on: no other thread may hold a lock of the interpreter meanwhile."""
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 22, 38, 36
_EPOLL_CREATE1, _EXIT = {"x86_64": (291, 60), "aarch64": (20, 93)}[platform.machine()]
_CLONE3, _CLOSE_RANGE, _PIDFD_OPEN, _PIDFD_GETFD = 435, 436, 434, 438
_CLONE_FILES = 0x400
_where: list[str] = []  # the channels


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _did(result: int) -> Reply:
    return {"done": result} if result >= 0 else {"errno": ctypes.get_errno()}


def create1(flags: int) -> Reply:
    return _did(_libc.epoll_create1(flags))


def create(size: int) -> Reply:
    return _did(_libc.epoll_create(size))


def create_without_room() -> Reply:
    """Fails, because the table of descriptors may not grow."""
    with no_room():
        return create1(0)


def create1_compat(flags: int) -> Reply:
    return _compat(329, flags)


def create_compat(size: int) -> Reply:
    return _compat(254, size)


def _compat(number: int, argument: int) -> Reply:
    """A call through the 32-bit entry."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    # push rbx; mov eax, number; mov ebx, argument; int 0x80; pop rbx; ret
    code.write(struct.pack("<BBIBI", 0x53, 0xB8, number, 0xBB, argument & 0xFFFFFFFF) + b"\xcd\x80\x5b\xc3")
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    result = call()
    return {"done": result} if result >= 0 else {"errno": -result}


def has_compat() -> Reply:
    """Whether there is a 32-bit entry, tried by a child: where there is none it ends by a signal."""
    if platform.machine() != "x86_64":
        return {"done": False}
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    trial = os.fork()
    if not trial:
        os._exit(0 if "done" in create1_compat(0) else 1)
    _, status = os.waitpid(trial, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    return {"done": status == 0}


def pairs(count: int) -> Reply:
    """Creates and closes, one after another; the same descriptor number each time. With the times between the calls."""
    new, close = _libc.epoll_create1, _libc.close
    numbers = set()
    times = [_now_ns()]
    for _ in range(count):
        fd = new(0)
        times.append(_now_ns())
        numbers.add(fd)
        close(fd)
        times.append(_now_ns())
    (number,) = numbers
    return {"done": number, "times": times}


def hold(count: int) -> Reply:
    """Creates and keeps. With the times between the calls."""
    fds, times = [], [_now_ns()]
    for _ in range(count):
        fds.append(_libc.epoll_create1(0))
        times.append(_now_ns())
    return {"done": fds, "times": times}


def close(fd: int) -> Reply:
    return _did(_libc.close(fd))


def close_range(first: int, last: int, flags: int) -> Reply:
    return _did(_libc.syscall(_CLOSE_RANGE, first, last, flags))


def dup(fd: int) -> Reply:
    return _did(_libc.dup(fd))


def dup2(fd: int, over: int) -> Reply:
    return _did(_libc.dup2(fd, over))


def dup3(fd: int, over: int, flags: int) -> Reply:
    return _did(_libc.dup3(fd, over, flags))


def dup_from(fd: int, lowest: int, cloexec: bool) -> Reply:
    return _did(_libc.fcntl(fd, fcntl.F_DUPFD_CLOEXEC if cloexec else fcntl.F_DUPFD, lowest))


def fork(name: str) -> Reply:
    """A process with a copy of the table of descriptors."""
    return _went_on_as(name, os.fork)


def clone(name: str, share_files: bool, pid: int = 0) -> Reply:
    """As fork, but with the very table if asked for, and as that very pid if one is given."""
    wanted = ctypes.c_int32(pid)
    set_tid = (ctypes.addressof(wanted), 1) if pid else (0, 0)
    # struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size
    flags = _CLONE_FILES if share_files else 0
    arguments = (ctypes.c_uint64 * 11)(flags, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, *set_tid, 0)
    size = ctypes.c_size_t(ctypes.sizeof(arguments))

    def fork() -> int:
        python = ctypes.pythonapi  # does what os.fork does: else locks of other threads stay taken
        python.PyOS_BeforeFork()
        pid = int(_holding_gil.syscall(_CLONE3, ctypes.byref(arguments), size))
        python.PyOS_AfterFork_Parent() if pid else python.PyOS_AfterFork_Child()
        return pid

    return _went_on_as(name, fork)


def _went_on_as(name: str, fork: Callable[[], int]) -> Reply:
    pid = fork()
    if not pid:
        _serve(name)
        os._exit(0)
    return _did(pid)


def thread(name: str) -> Reply:
    _thread.start_new_thread(_serve, (name,))
    return {"done": 0}


def unshare_files() -> Reply:
    return _did(_libc.unshare(_CLONE_FILES))


def execute(name: str) -> Reply:
    """Becomes a fresh puppet, which greets on another channel."""
    os.execv(sys.executable, [sys.executable, "-ISs", __file__, _where[0], name])


def end() -> Reply:
    """exit_group."""
    os._exit(0)


def be_killed() -> Reply:
    """SIGKILL to the process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the process lives")


def look_at(pid: int) -> Reply:
    """Lists and reads all descriptors of a process, as lsof does, until it has ended; how often."""
    looks = 0
    while True:
        try:
            fds = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            return {"done": looks}
        for fd in fds:
            with contextlib.suppress(OSError):
                os.readlink(f"/proc/{pid}/fd/{fd}")
                Path(f"/proc/{pid}/fdinfo/{fd}").read_bytes()
        looks += 1


def end_thread() -> Reply:
    """exit of this thread alone."""
    _libc.syscall(_EXIT, 0)
    raise AssertionError("the thread lives")


def sockets(cloexec: bool) -> Reply:
    one, other = _socket.socketpair()
    fds = one.detach(), other.detach()
    for fd in fds:
        os.set_inheritable(fd, not cloexec)
    return {"done": fds, "inodes": [os.fstat(fd).st_ino for fd in fds]}


def send(through: int, fds: list[int]) -> Reply:
    socket = _socket.socket(fileno=through)
    try:
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", fds))
        return {"done": socket.sendmsg([b"x"], [rights], _socket.MSG_DONTWAIT)}
    except OSError as error:
        return {"errno": error.errno}
    finally:
        socket.detach()


def receive(through: int, cloexec: bool) -> Reply:
    socket = _socket.socket(fileno=through)
    try:
        flags = _socket.MSG_DONTWAIT | (_socket.MSG_CMSG_CLOEXEC if cloexec else 0)
        _, rights, _, _ = socket.recvmsg(1, _socket.CMSG_SPACE(16 * 4), flags)
        return {"done": [fd for _, _, data in rights for fd in array.array("i", data)]}
    except OSError as error:
        return {"errno": error.errno}
    finally:
        socket.detach()


def collect() -> Reply:
    """Closing a socket while others are in flight wakes the kernel's collector."""
    for end in _socket.socketpair():
        end.close()
    return {"done": 0}


def take_from(pid: int, fd: int) -> Reply:
    """pidfd_getfd."""
    pidfd = _libc.syscall(_PIDFD_OPEN, pid, 0)
    try:
        return _did(_libc.syscall(_PIDFD_GETFD, pidfd, fd, 0))
    finally:
        _libc.close(pidfd)


def refuse_creation(number: int) -> Reply:
    """Has seccomp answer this very errno to each further epoll_create1 of this thread, in place of the call."""
    # struct sock_filter: load the number of the call; if it is not that one, skip one; refuse; allow.
    program = struct.pack("<HBBI", 0x20, 0, 0, 0) + struct.pack("<HBBI", 0x15, 0, 1, _EPOLL_CREATE1)
    program += struct.pack("<HBBI", 0x06, 0, 0, 0x00050000 | number) + struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return _did(-1)
    return _did(_libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0))


_STEPS: dict[str, Callable[..., Reply]] = {
    step.__name__: step
    for step in (
        create1, create, create_without_room, create1_compat, create_compat, has_compat, pairs, hold, close,
        close_range, dup, dup2, dup3, dup_from, fork, clone, thread, unshare_files, execute, end,
        be_killed, look_at, end_thread, sockets, send, receive, collect, take_from, refuse_creation, *rings.STEPS,
        *turns.STEPS,
    )
}  # fmt: skip


def _open(path: str) -> int:
    low = os.open(path, os.O_RDWR)
    fd = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    os.close(low)
    return fd


def _serve(name: str) -> None:
    """Takes steps until it ends with the process; reads and writes descriptors, because objects would close them."""
    channel = os.path.join(_where[0], name)
    steps, replies = _open(channel + ".steps"), _open(channel + ".replies")
    reply: Reply = {"pid": os.getpid(), "tid": threading.get_native_id()}
    pending = b""
    while True:
        os.write(replies, json.dumps(reply).encode() + b"\n")
        while b"\n" not in pending:
            pending += os.read(steps, 65536)
        line, pending = pending.split(b"\n", 1)
        step, arguments = json.loads(line)
        before = _now_ns()
        reply = _STEPS[step](**arguments)
        reply["when"] = before, _now_ns()


if __name__ == "__main__":
    _where.append(sys.argv[1])
    signal.signal(signal.SIGUSR1, lambda *_: None)  # ends a wait
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for anybody
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    _serve(sys.argv[2])
