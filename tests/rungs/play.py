"""Moves drawn at random: puppets do them, the oracle is told what came of it, the account says it in words."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.waiting import eventually

from .oracle import LATE_NS, Bounds, Call, Kind, Oracle, Process, Slot, Table, Thread
from .stage import Stage, name_of, now_ns, start_of

TASKS_MAX = 8
CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC = 2, 4
RING_STEPS = {"ring", "register_files", "unregister_files", "close_by_ring"}
_O_CLOEXEC = 0o2000000
_TICK_NS = 10_000_000


@dataclass
class Play:
    """One run of a program that a seed describes."""

    stage: Stage
    random: Random
    spared: frozenset[str] = frozenset()
    """Moves that are not made."""
    oracle: Oracle = field(default_factory=Oracle)
    account: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    """Names of the moves that the kernel let happen."""

    def __post_init__(self) -> None:
        self.start(self.stage.first, "fork", {}, Table())

    def move(self) -> None:
        """Draws moves until one is possible, and makes it."""
        names = [name for name in _MOVES if name not in self.spared]
        weights = [_MOVES[name][0] for name in names]
        while True:
            threads = self.oracle.threads()
            if not threads:
                self.start(self.stage.first, "fork", {}, Table())
            thread = self.random.choice(self.oracle.threads())
            (name,) = self.random.choices(names, weights)
            if _MOVES[name][1](self, thread):
                self.done.add(name)
                return

    def finish(self) -> None:
        """Ends everybody, one after another."""
        while self.oracle.processes:
            _kill(self, self.oracle.processes[-1].threads[0])
        self.collect()

    def close(self) -> None:
        """Ends those that are left, whatever they are about."""
        for process in self.oracle.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        for name in self.channels:
            self.stage.forget(name)

    # What moves are made of.

    def do(self, thread: Thread, step: str, /, **arguments: Any) -> tuple[dict[str, Any], Bounds]:
        """A step of a thread; what it answered, and when it happened."""
        before = now_ns()
        thread.rings |= step in RING_STEPS
        reply = self.stage.do(thread.channel, step, **arguments)
        self._note(f"{thread} {step}", arguments, reply)
        return reply, (before, now_ns())

    def begun(self, thread: Thread, step: str, /, **arguments: Any) -> int:
        """A step that does not end with an answer; when it was about to begin."""
        before = now_ns()
        self.stage.begin(thread.channel, step, **arguments)
        self._note(f"{thread} {step}", arguments, {})
        return before

    def _note(self, what: str, arguments: dict[str, Any], reply: dict[str, Any]) -> None:
        said = ", ".join(f"{name}={value}" for name, value in arguments.items())
        came = f" -> {name_of(reply['errno'])}" if "errno" in reply else f" -> {reply['done']}" if reply else ""
        self.account.append(f"{what}({said}){came}")

    def channel(self) -> str:
        """A fresh one, forgotten at the end."""
        self.channels.append(self.stage.channel())
        return self.channels[-1]

    def start(
        self, parent: str, step: str, arguments: dict[str, Any], table: Table, like: Thread | None = None
    ) -> Thread | None:
        """A new process by fork or clone; None if the kernel refused."""
        name = self.channel()
        reply = self.stage.do(parent, step, name=name, **arguments)
        self._note(f"{like or 'first'} {step}", arguments, reply)
        if "errno" in reply:
            return None
        pid = self.stage.greeting(name)["pid"]
        return self.oracle.begin(Process(pid, start_of(pid)), pid, table, name, like=like)

    def fds(self, thread: Thread, kind: Kind | None = Kind.EPOLL) -> list[int]:
        """Those of a table, or of one kind."""
        return sorted(fd for fd, slot in thread.table.slots.items() if kind is None or slot.file.kind is kind)

    def pick(self, thread: Thread, kind: Kind | None = Kind.EPOLL) -> int | None:
        """One of them."""
        fds = self.fds(thread, kind)
        return self.random.choice(fds) if fds else None

    def collect(self) -> None:
        """Has the kernel's collector end what only it can end, as the sockets that were in it show by going."""
        if not self.oracle.orphans:
            return
        before = now_ns()
        inodes = {file.inode for file in self.oracle.orphans if file.kind is Kind.SOCKET}

        def gone() -> bool:
            self.stage.do(self.stage.first, "collect")
            with open("/proc/net/unix", encoding="ascii", errors="replace") as sockets:
                listed = {int(line.split()[6]) for line in list(sockets)[1:]}
            return not inodes & listed

        eventually(gone, 20)
        self.account.append(f"the kernel collected {list(self.oracle.orphans)}")
        # The files that were in flight follow their sockets; whoever looks for the events gives them time.
        self.oracle.collected((before, now_ns() + LATE_NS))


_Move = Callable[[Play, Thread], bool]
_MOVES: dict[str, tuple[float, _Move]] = {}


def _drawn(weight: float) -> Callable[[_Move], _Move]:
    def register(move: _Move) -> _Move:
        _MOVES[move.__name__.strip("_")] = weight, move
        return move

    return register


def _made(play: Play, thread: Thread, call: Call, reply: dict[str, Any], when: Bounds) -> bool:
    """Tells the oracle how a creation ended."""
    if "errno" in reply:
        refused = call.size is None and not call.compat and thread.refused != 0
        play.oracle.fail(thread, reply["errno"], call, when, refused=refused)
    else:
        play.oracle.create(thread, reply["done"], call, when)
    return "errno" not in reply


@_drawn(8)
def _create1(play: Play, thread: Thread) -> bool:
    call = Call(flags=play.random.choice([0, select.EPOLL_CLOEXEC]))
    _made(play, thread, call, *play.do(thread, "create1", flags=call.flags))
    return True


@_drawn(3)
def _create(play: Play, thread: Thread) -> bool:
    call = Call(size=play.random.choice([1, 2, 1024, 2**31 - 1]))
    return _made(play, thread, call, *play.do(thread, "create", size=call.size))


@_drawn(1)
def _create_compat(play: Play, thread: Thread) -> bool:
    if len({id(thread.table) for thread in thread.process.threads}) > 1:
        return False  # two that are found at once in one process, at one number, could not be told apart
    return play.stage.compat and _made(play, thread, Call(flags=0, compat=True), *play.do(thread, "create_compat"))


@_drawn(4)
def _fail(play: Play, thread: Thread) -> bool:
    call = play.random.choice([Call(flags=4), Call(flags=0x80000001), Call(size=0), Call(size=-1), None])
    if call is None:
        call, (reply, when) = Call(flags=0), play.do(thread, "create_without_room")
        expected = thread.refused or errno.EMFILE
    elif call.size is not None:
        reply, when = play.do(thread, "create", size=call.size)
        expected = errno.EINVAL
    else:
        reply, when = play.do(thread, "create1", flags=call.flags)
        expected = thread.refused or errno.EINVAL
    assert reply["errno"] == expected
    _made(play, thread, call, reply, when)
    return True


@_drawn(0.3)
def _refuse_creation(play: Play, thread: Thread) -> bool:
    if thread.refused:
        return False
    number = play.random.choice([errno.EPERM, errno.ENFILE, errno.ENOMEM])
    play.do(thread, "refuse_creation", number=number)
    thread.refused = number
    return True


@_drawn(2)
def _pairs(play: Play, thread: Thread) -> bool:
    if thread.refused:
        return False
    count = play.random.randint(1, 300)
    reply, when = play.do(thread, "pairs", count=count)
    for _ in range(count):
        play.oracle.create(thread, reply["done"], Call(flags=0), when)
        play.oracle.close(thread, [reply["done"]], when)
    return True


@_drawn(1)
def _hold(play: Play, thread: Thread) -> bool:
    if thread.refused or len(play.oracle.alive()) > 200:
        return False
    reply, when = play.do(thread, "hold", count=play.random.randint(2, 40))
    for fd in reply["done"]:
        play.oracle.create(thread, fd, Call(flags=0), when)
    return True


@_drawn(5)
def _close(play: Play, thread: Thread) -> bool:
    fd = play.pick(thread, None)
    if fd is None:
        return False
    _, when = play.do(thread, "close", fd=fd)
    play.oracle.close(thread, [fd], when)
    return True


@_drawn(1.5)
def _close_range(play: Play, thread: Thread) -> bool:
    fds = play.fds(thread, None)
    if not fds:
        return False
    first, last = sorted(play.random.choices(fds, k=2))
    flags = play.random.choice([0, 0, CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC])
    reply, when = play.do(thread, "close_range", first=first, last=last, flags=flags)
    if "errno" in reply:  # Linux 5.9 knows the call, 5.11 the last of its flags
        return False
    fds = [fd for fd in fds if first <= fd <= last]
    if flags & CLOSE_RANGE_UNSHARE:
        play.oracle.unshare(thread, when)
    if flags & CLOSE_RANGE_CLOEXEC:
        for fd in fds:
            thread.table.slots[fd].cloexec = True
    else:
        play.oracle.close(thread, fds, when)
    return True


@_drawn(3)
def _dup(play: Play, thread: Thread) -> bool:
    fd = play.pick(thread, None)
    if fd is None:
        return False
    how, cloexec = play.random.choice([("dup", False), ("dup_from", False), ("dup_from", True)])
    lowest = play.random.choice([0, 100, 500])
    arguments: dict[str, Any] = {} if how == "dup" else {"lowest": lowest, "cloexec": cloexec}
    reply, when = play.do(thread, how, fd=fd, **arguments)
    play.oracle.put(thread, reply["done"], thread.table.slots[fd].file, when, cloexec=cloexec)
    return True


@_drawn(3)
def _dup_over(play: Play, thread: Thread) -> bool:
    fds = play.fds(thread, None)
    if len(fds) < 2:
        return False
    fd, over = play.random.sample(fds, 2)
    how, flags = play.random.choice([("dup2", 0), ("dup3", 0), ("dup3", _O_CLOEXEC)])
    _, when = play.do(thread, how, fd=fd, over=over, **({} if how == "dup2" else {"flags": flags}))
    play.oracle.put(thread, over, thread.table.slots[fd].file, when, cloexec=bool(flags))
    return True


@_drawn(1)
def _watch(play: Play, thread: Thread) -> bool:
    """One instance watches another: that is no reference, and the kernel may refuse it."""
    fds = play.fds(thread)
    if len(fds) < 2:
        return False
    fd, target = play.random.sample(fds, 2)
    reply, _ = play.do(thread, "watch", fd=fd, target=target)
    return "errno" not in reply


@_drawn(4)
def _wait(play: Play, thread: Thread) -> bool:
    fd = play.pick(thread)
    if fd is None or len(thread.process.threads) < 2 or thread.rings:
        return False
    play.account.append(f"{thread} wait(fd={fd})")
    play.stage.wait(thread.channel, thread.process.pid, thread.tid, fd)
    thread.waits_on = thread.table.slots[fd].file
    return True


@_drawn(8)
def _wake(play: Play, _: Thread) -> bool:
    waiting = [thread for process in play.oracle.processes for thread in process.threads if thread.waits_on]
    if not waiting:
        return False
    thread = play.random.choice(waiting)
    before = now_ns()
    play.stage.interrupt(thread.process.pid, thread.tid)
    reply = play.stage.answer(thread.channel)
    assert reply == {"errno": errno.EINTR}
    play.account.append(f"{thread} is woken")
    play.oracle.stop_waiting(thread, (before, now_ns()))
    return True


def _may_start(play: Play) -> bool:
    return sum(len(process.threads) for process in play.oracle.processes) < TASKS_MAX


@_drawn(2)
def _fork(play: Play, thread: Thread) -> bool:
    if not _may_start(play):
        return False
    return play.start(thread.channel, "fork", {}, thread.table.copy(), thread) is not None


@_drawn(1)
def _clone_files(play: Play, thread: Thread) -> bool:
    if not _may_start(play):
        return False
    return play.start(thread.channel, "clone", {"share_files": True}, thread.table, thread) is not None


@_drawn(1)
def _same_pid_again(play: Play, thread: Thread) -> bool:
    """What had the pid has ended some clock ticks before, or nobody could tell them apart."""
    if not _may_start(play) or not play.oracle.past:
        return False
    former = play.oracle.past[-1]
    if any(process.pid == former.pid for process in play.oracle.processes):
        return False
    eventually(lambda: now_ns() > (former.start + 2) * _TICK_NS and not os.path.exists(f"/proc/{former.pid}"))
    arguments = {"share_files": False, "pid": former.pid}
    return play.start(thread.channel, "clone", arguments, thread.table.copy(), thread) is not None


@_drawn(2)
def _thread(play: Play, thread: Thread) -> bool:
    if not _may_start(play):
        return False
    name = play.channel()
    play.do(thread, "thread", name=name)
    tid = play.stage.greeting(name)["tid"]
    play.oracle.begin(thread.process, tid, thread.table, name, like=thread)
    return True


@_drawn(1)
def _unshare(play: Play, thread: Thread) -> bool:
    if len(play.oracle.sharing(thread.table)) < 2:
        return False
    _, when = play.do(thread, "unshare_files")
    play.oracle.unshare(thread, when)
    return True


@_drawn(0.5)
def _execute(play: Play, thread: Thread) -> bool:
    name = play.channel()
    before = play.begun(thread, "execute", name=name)
    play.stage.greeting(name)
    play.oracle.execute(thread, name, (before, now_ns()))
    return True


@_drawn(1)
def _end(play: Play, thread: Thread) -> bool:
    before = play.begun(thread, "end")
    play.stage.ended(thread.channel)
    play.oracle.end(thread.process, (before, now_ns()))
    return True


@_drawn(1)
def _kill(play: Play, thread: Thread) -> bool:
    before = now_ns()
    play.stage.kill(thread.channel)
    play.account.append(f"{thread.process} is killed")
    play.oracle.end(thread.process, (before, now_ns()))
    return True


@_drawn(1.5)
def _end_thread(play: Play, thread: Thread) -> bool:
    """A leader that ends before its threads leaves them its process."""
    if len(thread.process.threads) < 2:
        return False
    before = play.begun(thread, "end_thread")
    play.stage.thread_ended(thread.process.pid, thread.tid)
    play.oracle.end_thread(thread, (before, now_ns()))
    return True


@_drawn(2)
def _sockets(play: Play, thread: Thread) -> bool:
    cloexec = play.random.choice([False, True])
    reply, _ = play.do(thread, "sockets", cloexec=cloexec)
    play.oracle.sockets(thread, tuple(reply["done"]), tuple(reply["inodes"]), cloexec=cloexec)
    return True


def _sends(play: Play, thread: Thread, through: int, fds: list[int]) -> bool:
    peer = thread.table.slots[through].file.peer
    assert peer is not None
    reply, _ = play.do(thread, "send", through=through, fds=fds)
    assert ("errno" in reply) == peer.released
    if "errno" not in reply:
        play.oracle.send(thread, through, fds)
    return "errno" not in reply


@_drawn(6)
def _send(play: Play, thread: Thread) -> bool:
    through, fds = play.pick(thread, Kind.SOCKET), play.fds(thread)
    if through is None or not fds:
        return False
    return _sends(play, thread, through, play.random.sample(fds, min(len(fds), play.random.randint(1, 3))))


@_drawn(2)
def _send_in_circle(play: Play, thread: Thread) -> bool:
    """Sockets fly through themselves, and an instance with them; this thread keeps none of them."""
    through, fd = play.pick(thread, Kind.SOCKET), play.pick(thread)
    if through is None or fd is None:
        return False
    file = thread.table.slots[through].file
    ends = [fd for fd, slot in thread.table.slots.items() if slot.file in (file, file.peer)]
    if not _sends(play, thread, through, [fd, *ends][:16]):
        return False
    for each in [fd, *ends]:
        _, when = play.do(thread, "close", fd=each)
        play.oracle.close(thread, [each], when)
    return True


@_drawn(10)
def _receive(play: Play, thread: Thread) -> bool:
    full = [fd for fd in play.fds(thread, Kind.SOCKET) if thread.table.slots[fd].file.messages]
    if not full:
        return False
    through, cloexec = play.random.choice(full), play.random.choice([False, True])
    reply, _ = play.do(thread, "receive", through=through, cloexec=cloexec)
    play.oracle.receive(thread, through, reply["done"], cloexec=cloexec)
    return True


@_drawn(2)
def _ring(play: Play, thread: Thread) -> bool:
    if len(play.fds(thread, Kind.RING)) > 2:
        return False
    reply, _ = play.do(thread, "ring")
    if "errno" in reply:  # there is none, or it is switched off
        return False
    play.oracle.ring(thread, reply["done"])
    return True


@_drawn(5)
def _register_files(play: Play, thread: Thread) -> bool:
    ring, fds = play.pick(thread, Kind.RING), play.fds(thread)
    if ring is None or not fds or thread.table.slots[ring].file.messages:
        return False
    fds = play.random.sample(fds, min(len(fds), play.random.randint(1, 3)))
    reply, _ = play.do(thread, "register_files", ring=ring, fds=fds)
    assert "errno" not in reply
    play.oracle.register(thread, ring, fds)
    return True


@_drawn(6)
def _unregister_files(play: Play, thread: Thread) -> bool:
    used = [fd for fd in play.fds(thread, Kind.RING) if thread.table.slots[fd].file.messages]
    if not used:
        return False
    ring = play.random.choice(used)
    _, when = play.do(thread, "unregister_files", ring=ring)
    play.oracle.unregister(thread, ring, when)
    return True


@_drawn(1)
def _close_by_ring(play: Play, thread: Thread) -> bool:
    fd = play.pick(thread)
    if fd is None:
        return False
    reply, when = play.do(thread, "close_by_ring", fd=fd)
    if "errno" in reply:
        return False
    play.oracle.close(thread, [fd], when)
    return True


@_drawn(2)
def _take_from(play: Play, thread: Thread) -> bool:
    """pidfd_getfd: from the table of another process' first thread."""
    others = [other for other in play.oracle.processes if other is not thread.process and _leads(other)]
    if not others:
        return False
    victim = play.random.choice(others).threads[0]
    fd = play.pick(victim, None)
    if fd is None:
        return False
    slot: Slot = victim.table.slots[fd]
    reply, when = play.do(thread, "take_from", pid=victim.process.pid, fd=fd)
    play.oracle.put(thread, reply["done"], slot.file, when, cloexec=True)
    return True


def _leads(process: Process) -> bool:
    return process.threads[0].tid == process.pid
