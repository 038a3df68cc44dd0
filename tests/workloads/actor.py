"""Does with epoll instances what it is told, step by step, and says what it did.

A line on stdin is a step, [name, arguments] as JSON; the line on stdout that answers it is an object. Nothing happens
between steps, and nothing here creates an instance but the steps that say so: hence `socket` is imported by the steps
that send, since it imports `selectors`, which tries an instance. Ends when stdin does.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.workloads.kinds import open_kind
from tests.workloads.steps import Reply, compat_calls, creations, flights, interest, waits
from tests.workloads.steps.creations import create1

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_SYS_EXIT = {"x86_64": 60, "aarch64": 93}[platform.machine()]
_SYS_CLONE3 = 435
_CLONE_FILES = 0x400
_children: dict[int, tuple[IO[str], IO[str]]] = {}


def dup(fd: int) -> Reply:
    return {"fd": os.dup(fd)}


def dup2(fd: int, over: int) -> Reply:
    return {"fd": os.dup2(fd, over)}


def dup_to(fd: int, lowest: int) -> Reply:
    return {"fd": fcntl.fcntl(fd, fcntl.F_DUPFD, lowest)}


def set_cloexec(fd: int, on: bool) -> Reply:
    fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC if on else 0)
    return {}


def execute() -> Reply:
    """Becomes a fresh actor, which greets in place of an answer."""
    os.execv(sys.executable, [sys.executable, "-I", __file__])


def fork() -> Reply:
    """A child with copies of all descriptors, which takes steps through `child`."""
    return _as_parent_or_child(os.fork)


def clone_as(pid: int) -> Reply:
    """As fork, but the child gets that very pid."""
    wanted = ctypes.c_int32(pid)
    return _as_parent_or_child(lambda: _clone3(wanted=wanted))


def share_table() -> Reply:
    """As fork, but the child, a process of its own, has the same table of descriptors, and takes no steps."""
    reading, writing = os.pipe()
    pid = _clone3(flags=_CLONE_FILES)
    if not pid:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # it keeps the pipe open itself
        os.read(reading, 1)
        os._exit(0)
    return {"pid": pid, "end": writing}


def _clone3(flags: int = 0, wanted: ctypes.c_int32 | None = None) -> int:
    # struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size
    set_tid = (ctypes.addressof(wanted), 1) if wanted else (0, 0)
    arguments = (ctypes.c_uint64 * 11)(flags, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, *set_tid, 0)
    return int(_libc.syscall(_SYS_CLONE3, ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments))))


def _as_parent_or_child(fork: Callable[[], int]) -> Reply:
    steps, replies = os.pipe(), os.pipe()
    pid = fork()
    if pid < 0:
        return {"pid": None, "errno": ctypes.get_errno()}
    if not pid:
        os.close(steps[1])
        os.close(replies[0])
        _serve(open(steps[0]), open(replies[1], "w"))  # noqa: SIM115
        os._exit(0)
    os.close(steps[0])
    os.close(replies[1])
    _children[pid] = (open(replies[0]), open(steps[1], "w"))  # noqa: SIM115
    return {"pid": pid}


def child(pid: int, its: list[Any]) -> Reply:
    """Has a child take a step."""
    replies, steps = _children[pid]
    steps.write(json.dumps(its) + "\n")
    steps.flush()
    reply: Reply = json.loads(replies.readline())
    return reply


def reap(pid: int) -> Reply:
    """Lets a child end, and waits for it."""
    for channel in _children.pop(pid):
        channel.close()
    os.waitpid(pid, 0)
    return {}


def create_in_thread(name: str = "") -> Reply:
    made: Reply = {}

    def make() -> None:
        if name:
            _libc.prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()))
        made.update(create1(), tid=threading.get_native_id())

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made


def outlive_leader(threads: int) -> Reply:
    """Ends the main thread; the last of some others goes on taking steps."""
    for _ in range(threads - 1):
        threading.Thread(target=signal.sigwait, args=({signal.SIGUSR2},), daemon=True).start()
    threading.Thread(target=_go_on).start()
    _libc.syscall(_SYS_EXIT, 0)
    raise AssertionError("the main thread lives")


def _go_on() -> None:
    _say(sys.stdout, {})
    _serve(sys.stdin, sys.stdout)
    os._exit(0)


def own_table_in_thread() -> Reply:
    """A thread that leaves the shared table of descriptors, so it has copies, and waits for the end."""
    ready = threading.Event()
    failed: list[int] = []

    def leave() -> None:
        failed.append(_libc.unshare(_CLONE_FILES))
        ready.set()
        threading.Event().wait()

    threading.Thread(target=leave, daemon=True).start()
    ready.wait()
    return {"failed": failed[0]}


def rest(seconds: float) -> Reply:
    time.sleep(seconds)
    return {}


def name(octets: str) -> Reply:
    """Renames the main thread; bytes in hexadecimal."""
    _libc.prctl(_PR_SET_NAME, ctypes.c_char_p(bytes.fromhex(octets)))
    return {}


def become(uid: int) -> Reply:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    return {}


_STEPS: dict[str, Callable[..., Reply]] = {
    step.__name__: step
    for step in (
        *creations.STEPS, *flights.STEPS, *waits.STEPS, *interest.STEPS, *compat_calls.STEPS, open_kind, dup,
        dup2, dup_to, set_cloexec, execute, fork, clone_as, share_table, child, reap, create_in_thread,
        outlive_leader, own_table_in_thread, rest, name, become,
    )
}  # fmt: skip


def _say(out: IO[str], reply: Reply) -> None:
    out.write(json.dumps(reply) + "\n")
    out.flush()


def _serve(steps: IO[str], out: IO[str]) -> None:
    for line in iter(steps.readline, ""):
        step, arguments = json.loads(line)
        try:
            reply = _STEPS[step](**arguments)
        except OSError as error:
            reply = {"failed": f"{step}: {errno.errorcode.get(error.errno or 0)} {error}"}
        _say(out, reply)


if __name__ == "__main__":
    _say(sys.stdout, {"pid": os.getpid(), "ppid": os.getppid()})
    _serve(sys.stdin, sys.stdout)
