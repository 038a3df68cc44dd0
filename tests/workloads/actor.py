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
import mmap
import os
import platform
import resource
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.workloads import rings
from tests.workloads.kinds import open_kind

Reply = dict[str, Any]

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 15, 22, 38
_EPOLL_CREATE1, _SYS_EXIT = {"x86_64": (291, 60), "aarch64": (20, 93)}[platform.machine()]
_WAITS = {
    "x86_64": {"epoll_wait": 232, "epoll_pwait": 281, "epoll_pwait2": 441},
    "aarch64": {"epoll_pwait": 22, "epoll_pwait2": 441},
}[platform.machine()]
_SYS_EPOLL_CTL = {"x86_64": 233, "aarch64": 21}[platform.machine()]
_SYS_CLONE3 = 435
_CLONE_FILES = 0x400
_sockets: list[Any] = []
_children: dict[int, tuple[IO[str], IO[str]]] = {}
_waiters: list[tuple[threading.Thread, int]] = []
_kept: list[select.epoll] = []  # their end would close the descriptor, which is not theirs alone


def _result(value: int) -> Reply:
    return {"fd": value, "errno": 0} if value >= 0 else {"fd": None, "errno": ctypes.get_errno()}


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def create1(flags: int = select.EPOLL_CLOEXEC) -> Reply:
    return _result(_libc.epoll_create1(flags))


def create_legacy(size: int) -> Reply:
    return _result(_libc.epoll_create(size))


def hold(count: int) -> Reply:
    """Creates and keeps, as quickly as Python can."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return {"fds": [_libc.epoll_create1(0) for _ in range(count)]}


def close(fds: list[int]) -> Reply:
    for fd in fds:
        os.close(fd)
    return {}


def close_range(first: int, last: int) -> Reply:
    os.closerange(first, last + 1)
    return {}


def pairs(count: int) -> Reply:
    """Creates and closes, one after another; the same descriptor number each time."""
    new = select.epoll
    numbers = set()
    for _ in range(count):
        instance = new()
        numbers.add(instance.fileno())
        instance.close()
    return {"numbers": sorted(numbers)}


def fail(count: int) -> Reply:
    """Calls so often with a flag that there is not."""
    call = _libc.epoll_create1
    for _ in range(count):
        call(1)
    return {}


def churn_until_told(path: str, pause_s: float = 0.0) -> Reply:
    """Creates and closes until a file exists; rests after each thousand."""
    count = 0
    while not os.path.exists(path):
        pairs(1000)
        count += 1000
        time.sleep(pause_s)
    return {"count": count}


def brief(seconds: float) -> Reply:
    """One instance that lives so long, with the boot clock read around both ends."""
    before_create = _now_ns()
    fd = _libc.epoll_create1(0)
    after_create = _now_ns()
    time.sleep(seconds)
    before_close = _now_ns()
    os.close(fd)
    return {"create": [before_create, after_create], "close": [before_close, _now_ns()], "fd": fd}


def create_without_room() -> Reply:
    """Fails, because the table of descriptors may not grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        return create1()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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


def ready_to_send() -> Reply:
    """Gets what comes with importing socket over with."""
    import socket

    return {"family": int(socket.AF_UNIX)}


def send(fd: int) -> Reply:
    """Puts a descriptor in flight: sent to a socket of our own, not received, closed here."""
    import socket

    _sockets[:] = socket.socketpair()
    socket.send_fds(_sockets[0], [b"x"], [fd])
    os.close(fd)
    return {}


def receive() -> Reply:
    import socket

    _, fds, _, _ = socket.recv_fds(_sockets[1], 1, 1)
    return {"fd": fds[0]}


def drop_sockets() -> Reply:
    while _sockets:
        _sockets.pop().close()
    return {}


def send_in_circle(fd: int) -> Reply:
    """In flight together with the sockets it flies through: only the kernel's collector can end it."""
    import socket

    one, other = socket.socketpair()
    socket.send_fds(one, [b"x"], [fd, one.fileno(), other.fileno()])
    os.close(fd)
    one.close()
    other.close()
    return collect()


def collect() -> Reply:
    """Closing a socket while others are in flight wakes the kernel's collector."""
    import socket

    for end in socket.socketpair():
        end.close()
    return {}


def wait(fd: int, count: int = 1, call: str = "epoll_pwait", timeout_ms: int = 0) -> Reply:
    """Waits so often; what the calls returned, -errno where they failed, and when the first began and the last ended.

    By number, because older C libraries have no epoll_pwait2.
    """
    events = ctypes.create_string_buffer(16 * 64)
    timespec = struct.pack("qq", timeout_ms // 1000, timeout_ms % 1000 * 1_000_000)
    until = timespec if call == "epoll_pwait2" else ctypes.c_long(timeout_ms)
    returned: dict[int, int] = {}
    inside, began = 0, _now_ns()
    for _ in range(count):
        before = _now_ns()
        told = _libc.syscall(_WAITS[call], fd, events, 64, until, None, 8)
        told = -ctypes.get_errno() if told < 0 else told
        inside += _now_ns() - before
        returned[told] = returned.get(told, 0) + 1
    when = {"began_ns": began, "ended_ns": _now_ns(), "inside_ns": inside}
    return {"returned": returned, "tid": threading.get_native_id(), **when}


def wait_for_signal(fd: int, seconds: float) -> Reply:
    """A wait without end, which a signal ends after some time."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return wait(fd, timeout_ms=-1)


def wait_in_thread(fd: int, timeout_ms: int = -1) -> Reply:
    """A thread that waits on the instance, until `wake`."""
    reading, writing = os.pipe()
    instance = select.epoll.fromfd(fd)
    instance.register(reading, select.EPOLLIN)
    _kept.append(instance)
    started: list[int] = []

    def wait() -> None:
        started.append(threading.get_native_id())
        instance.poll(timeout_ms / 1000 if timeout_ms >= 0 else None)

    thread = threading.Thread(target=wait)
    thread.start()
    while not started:
        time.sleep(0)
    _waiters.append((thread, writing))
    return {"tid": started[0]}


def wake() -> Reply:
    thread, writing = _waiters.pop()
    os.write(writing, b"x")
    thread.join()
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


# push rbx; mov eax, 329; xor ebx, ebx; int 0x80; pop rbx; ret
_EPOLL_CREATE1_0 = b"\x53\xb8\x49\x01\x00\x00\x31\xdb\xcd\x80\x5b\xc3"
# push rbx; mov ebx, edi; mov eax, 256; xor ecx, ecx; xor edx, edx; xor esi, esi; int 0x80; pop rbx; ret
_EPOLL_WAIT_NONE = b"\x53\x89\xfb\xb8\x00\x01\x00\x00\x31\xc9\x31\xd2\x31\xf6\xcd\x80\x5b\xc3"

# push rbx; mov ebx, edi; mov eax, 255; mov ecx, 2; xor edx, edx; xor esi, esi; int 0x80; pop rbx; ret
_EPOLL_CTL_DEL_0 = b"\x53\x89\xfb\xb8\xff\x00\x00\x00\xb9\x02\x00\x00\x00\x31\xd2\x31\xf6\xcd\x80\x5b\xc3"


def _compat_call(instructions: bytes) -> Callable[[int], int]:
    """A function that makes a system call through the 32-bit entry."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(instructions)
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return lambda argument: function(argument) if code else -1  # which keeps the code


def _has_compat_calls() -> bool:
    """Whether a child can make one: the kernel may have no such entry."""
    trial = os.fork()
    if not trial:
        os._exit(0 if _compat_call(_EPOLL_CREATE1_0)(0) >= 0 else 1)
    return os.waitpid(trial, 0)[1] == 0


def create_compat() -> Reply:
    """One instance by a 32-bit call of epoll_create1(0), if there are such calls."""
    return {"fd": _compat_call(_EPOLL_CREATE1_0)(0) if _has_compat_calls() else None}


def pairs_compat(count: int) -> Reply:
    """The same as pairs, by 32-bit calls."""
    call = _compat_call(_EPOLL_CREATE1_0)
    for _ in range(count):
        os.close(call(0))
    return {}


def wait_compat(fd: int, count: int) -> Reply:
    """32-bit calls of epoll_wait for no events, which are refused; how many there were."""
    waited = count if _has_compat_calls() else 0
    call = _compat_call(_EPOLL_WAIT_NONE)
    for _ in range(waited):
        call(fd)
    return {"waited": waited}


def pipe() -> Reply:
    return {"fds": os.pipe()}


def open_file() -> Reply:
    """One that no instance can watch."""
    return {"fd": os.open(__file__, os.O_RDONLY)}


def ctl(fd: int, calls: list[list[int]], count: int = 1, bad_address: bool = False) -> Reply:
    """Asks so often for each of these changes in turn: operation and target.

    Returns:
        How often each operation returned what, -errno where it failed, and the longest time from call to call.
    """
    event = None if bad_address else struct.pack("=IQ", select.EPOLLIN, 0).ljust(16, b"\0")
    returned: dict[str, int] = {}
    last, longest = _now_ns(), 0
    for _ in range(count):
        for operation, target in calls:
            told = _libc.syscall(_SYS_EPOLL_CTL, fd, operation, target, event)
            result = f"{operation}:{-ctypes.get_errno() if told < 0 else told}"
            returned[result] = returned.get(result, 0) + 1
            now = _now_ns()
            last, longest = now, max(longest, now - last)
    return {"returned": returned, "longest_s": longest / 1e9}


def register_and_close(count: int, target: int) -> Reply:
    """Creates so many instances, one after another: each watches the target, fails to watch it again, and is closed."""
    for _ in range(count):
        instance = select.epoll()
        instance.register(target, select.EPOLLIN)
        try:
            instance.register(target, select.EPOLLIN)
        except FileExistsError:
            instance.close()
    return {}


def ctl_by_io_uring(fd: int, calls: list[list[int]]) -> Reply:
    """Hands each of these changes to io_uring; what came of them, or why there is no ring."""
    made = rings.ring()
    if "errno" in made:
        return {"results": None, "why": os.strerror(made["errno"])}
    os.close(made["done"])
    return {"results": [rings.ctl_by_ring(fd, operation, target) for operation, target in calls]}


def wait_by_io_uring(fd: int) -> Reply:
    """Has io_uring wait on an instance that has events; what came of it."""
    return rings.wait_by_ring(fd)


def ctl_compat(fd: int, count: int) -> Reply:
    """32-bit calls of epoll_ctl to remove stdin, which is not watched; how many there were."""
    called = count if _has_compat_calls() else 0
    call = _compat_call(_EPOLL_CTL_DEL_0)
    for _ in range(called):
        call(fd)
    return {"called": called}


def rest(seconds: float) -> Reply:
    time.sleep(seconds)
    return {}


def watch(fd: int, count: int) -> Reply:
    """Registers so many pipes."""
    instance = select.epoll.fromfd(fd)
    targets = []
    for _ in range(count):
        ends = os.pipe()
        instance.register(ends[0], select.EPOLLIN)
        targets.append(list(ends))
    _kept.append(instance)
    return {"targets": targets}


def register(fd: int, target: int, events: int = select.EPOLLIN) -> Reply:
    """Has an instance watch a descriptor."""
    instance = select.epoll.fromfd(fd)
    instance.register(target, events)
    _kept.append(instance)
    return {}


def refuse_creation(number: int) -> Reply:
    """Has seccomp answer this very errno to each further epoll_create1, in place of the call."""
    # struct sock_filter: load the number of the call; if it is not that one, skip one; refuse; allow.
    program = struct.pack("<HBBI", 0x20, 0, 0, 0) + struct.pack("<HBBI", 0x15, 0, 1, _EPOLL_CREATE1)
    program += struct.pack("<HBBI", 0x06, 0, 0, 0x00050000 | number) + struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))
    no_new_privileges = _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return {"failed_with": no_new_privileges or _libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0)}


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
        create1, create_legacy, hold, open_kind, share_table, close,
        close_range, pairs, fail, churn_until_told, brief, create_without_room,
        dup, dup2, dup_to, set_cloexec, execute, fork, clone_as, child, reap, ready_to_send, send, receive,
        drop_sockets,
        send_in_circle, collect, wait, wait_for_signal, wait_in_thread, wake, create_in_thread, outlive_leader,
        own_table_in_thread,
        create_compat, pairs_compat, wait_compat, pipe, open_file, ctl, register_and_close, ctl_by_io_uring,
        wait_by_io_uring, ctl_compat, rest, watch, register, refuse_creation, name, become,
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
