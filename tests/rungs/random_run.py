"""Moves drawn at random: puppets do them, the oracle is told what came of it, the account says it in words."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from random import Random
from typing import Any

from tests.waiting import eventually
from tests.workloads import rings

from .files import Asked, Bounds, Call, Ctl, File, Kind, Process, Table, Thread
from .oracle import LATE_NS, Oracle
from .puppets import Puppets, name_of, now_ns, start_of

_PREPARATIONS, _A_NEW_START = 500, 20
RING_STEPS = {step.__name__ for step in rings.STEPS}


@dataclass
class RandomRun:
    """One run of a program that a seed describes."""

    puppets: Puppets
    random: Random
    moves: Mapping[Move, float]
    """By weight."""
    oracle: Oracle = field(default_factory=Oracle)
    account: list[str] = field(default_factory=list)
    """A line for each step, and what the move made (+) and which instances it ended (-)."""
    channels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start_first()

    def move(self) -> None:
        """Draws moves until one is possible, and makes it."""
        while True:
            (move,) = self.random.choices(list(self.moves), list(self.moves.values()))
            if self._makes(move, self.random.choice(self._ready())):
                return

    def reach(self, move: Move, prepared_by: Sequence[Move] = ()) -> bool:
        """Makes this one, after others if nobody can yet; whether it was made.

        Args:
            move: the one.
            prepared_by: what has to come before, in that order, if that is not what programs do all the time.
        """
        for preparation in range(1, _PREPARATIONS + 1):
            if self._anybody_makes(move):
                return True
            if preparation % _A_NEW_START == 0:  # what everybody did by now may be in the way
                self._end_all()
            if not prepared_by or not all(self._anybody_makes(each) for each in prepared_by):
                self.move()
        return False

    def _anybody_makes(self, move: Move) -> bool:
        threads = self._ready()
        self.random.shuffle(threads)
        return any(self._makes(move, thread) for thread in threads)

    def _ready(self) -> list[Thread]:
        """The threads that can take a step; there is one."""
        if not self.oracle.threads():
            self._start_first()
        return self.oracle.threads()

    def _makes(self, move: Move, thread: Thread) -> bool:
        made, ended = len(self.oracle.made), len(self.oracle.released)
        done = move(self, thread)
        self._hear_waits()
        if done:
            self._add("+", self.oracle.made[made:])
            self._add("-", (end.file for end in self.oracle.released[ended:]))
        return done

    def finish(self) -> None:
        """Ends everybody, one after another."""
        self._end_all()
        self.collect()

    def _end_all(self) -> None:
        while self.oracle.processes:
            self.kill(self.oracle.processes[-1])

    def close(self) -> None:
        """Ends those that are left, whatever they are about."""
        for process in self.oracle.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        for name in self.channels:
            self.puppets.forget(name)

    # What moves are made of.

    def do(self, thread: Thread, step: str, /, **arguments: Any) -> tuple[dict[str, Any], Bounds]:
        """A step of a thread; what it answered, and when it happened."""
        thread.rings |= step in RING_STEPS
        reply = self.puppets.do(thread.channel, step, **arguments)
        self.note(thread, step, arguments, reply)
        before, after = reply["when"]
        return reply, (before, after)

    def begun(self, thread: Thread, step: str, /, **arguments: Any) -> int:
        """A step that does not end with an answer; when it was about to begin."""
        before = now_ns()
        self.puppets.begin(thread.channel, step, **arguments)
        self.note(thread, step, arguments)
        return before

    def note(
        self, who: object, step: str, arguments: dict[str, Any] | None = None, reply: dict[str, Any] | None = None
    ) -> None:
        """A line of the account; names of channels mean nothing there."""
        line = f"{who} {step}"
        if arguments is not None:
            line += f"({', '.join(f'{name}={value}' for name, value in arguments.items() if name != 'name')})"
        if reply:
            line += f" -> {name_of(reply['errno']) if 'errno' in reply else reply['done']}"
        self.account.append(line)

    def call(self, thread: Thread, call: Call) -> dict[str, Any]:
        """Has a thread make it, and tells the oracle how it ended; what the thread answered."""
        step = ("create1" if call.size is None else "create") + "_compat" * call.compat
        argument = {"flags": call.flags} if call.size is None else {"size": call.size}
        reply, when = self.do(thread, step, **argument)
        self.created(thread, call, reply, when)
        return reply

    def created(self, thread: Thread, call: Call, reply: dict[str, Any], when: Bounds) -> None:
        """Tells the oracle how a call ended."""
        if "errno" in reply:
            refused = self.refusal(thread, call) != 0
            self.oracle.fail(thread, reply["errno"], call, when, refused=refused)
        else:
            self.oracle.create(thread, reply["done"], call, when)

    def refusal(self, thread: Thread, call: Call) -> int:
        """What seccomp answers to it; 0: it lets it through."""
        return thread.refused if call.size is None and not call.compat else 0

    def channel(self) -> str:
        """A fresh one, forgotten at the end."""
        self.channels.append(self.puppets.channel())
        return self.channels[-1]

    def start(
        self, parent: str, step: str, arguments: dict[str, Any], table: Table, like: Thread | None = None
    ) -> Thread | None:
        """A new process by fork or clone; None if the kernel refused."""
        name = self.channel()
        reply = self.puppets.do(parent, step, name=name, **arguments)
        self.note(like or "first", step, arguments, reply)
        if "errno" in reply:
            return None
        pid = self.puppets.greeting(name)["pid"]
        process = Process(pid, start_of(pid))
        return self.oracle.begin(process, pid, process.start, table, name, like=like)

    def turns(self, thread: Thread, waits: Sequence[tuple[int, Asked]]) -> None:
        """Has a thread wait, again and again, each time on a descriptor; no wait may last."""
        asked_for = [_in_words(fd, asked) for fd, asked in waits]
        reply = self.puppets.do(thread.channel, "turns", waits=asked_for)
        self.note(thread, "turns", {"waits": asked_for}, {"done": [result for result, *_ in reply["done"]]})
        for (fd, asked), (result, before, after) in zip(waits, reply["done"], strict=True):
            self.oracle.enter(thread, fd, asked, (before, after))
            self.oracle.leave(thread, result, (before, after))

    def change(self, thread: Thread, changes: Sequence[Ctl]) -> list[int]:
        """Has a thread change interest lists; the errno of each change, 0 if it was done."""
        reply = self.puppets.do(thread.channel, "ctls", changes=changes)
        self.note(
            thread,
            "ctls",
            {"changes": [tuple(change) for change in changes]},
            {"done": [name_of(errno) for errno, *_ in reply["done"]]},
        )
        for change, (errno, before, after) in zip(changes, reply["done"], strict=True):
            self.oracle.change(thread, change, errno, (before, after))
        return [errno for errno, *_ in reply["done"]]

    def wait(self, thread: Thread, fd: int, asked: Asked) -> None:
        """Has a thread wait as long as it has to."""
        before = self.begun(thread, "turns", waits=[_in_words(fd, asked)])
        self.oracle.enter(thread, fd, asked, (before, before))
        answer = self._answer(thread)
        if answer is None:
            self.oracle.enter(thread, fd, asked, (before, now_ns()))
        else:
            ((result, before, after),) = answer["done"]
            self.oracle.enter(thread, fd, asked, (before, after))
            self.oracle.leave(thread, result, (before, after))

    def interrupt(self, thread: Thread) -> None:
        """Ends a wait by a signal."""
        before = now_ns()
        self.puppets.interrupt(thread.process.pid, thread.tid)
        self._left(thread, before, self.puppets.answer(thread.channel))

    def _answer(self, thread: Thread) -> dict[str, Any] | None:
        return self.puppets.answer_or_sleep(thread.channel, thread.process.pid, thread.tid)

    def _left(self, thread: Thread, earliest_ns: int, answer: dict[str, Any]) -> None:
        ((result, _, after),) = answer["done"]
        self.note(thread, "leaves the wait", {}, {"done": result})
        self.oracle.leave(thread, result, (earliest_ns, after))

    def _hear_waits(self) -> None:
        """What a move did may have ended waits, and these may end others."""
        while answers := [(thread, answer) for thread in self.oracle.waiting() if (answer := self._answer(thread))]:
            for thread, answer in answers:
                assert thread.wait is not None
                self._left(thread, thread.wait.entered[1], answer)

    def kill(self, process: Process) -> None:
        """Ends all its threads at once."""
        before = now_ns()
        self.puppets.kill(process.threads[0].channel)
        self.note(process, "is killed")
        self.oracle.end(process, (before, now_ns()))

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
            self.puppets.do(self.puppets.first, "collect")
            with open("/proc/net/unix", encoding="ascii", errors="replace") as sockets:
                listed = {int(line.split()[6]) for line in list(sockets)[1:]}
            return not inodes & listed

        eventually(gone, 20)
        self.account.append("the kernel's collector")
        self._add("-", self.oracle.orphans)
        # The files that were in flight follow their sockets; whoever looks for the events gives them time.
        self.oracle.collected((before, now_ns() + LATE_NS))

    def _start_first(self) -> None:
        self.start(self.puppets.first, "fork", {}, Table())

    def _add(self, sign: str, files: Iterable[File]) -> None:
        self.account[-1] += "".join(f"  {sign}{name}" for name in _named(files))


Move = Callable[[RandomRun, Thread], bool]


def _in_words(fd: int, asked: Asked) -> tuple[int, str, int, int, bool]:
    """As the step has it."""
    return fd, asked.call, asked.maxevents, -1 if asked.timeout_ns is None else asked.timeout_ns, asked.has_room


def _named(files: Iterable[File]) -> Iterable[str]:
    """Runs of one kind as first-last."""
    ordered = sorted(files, key=lambda file: file.number)
    for _, run in groupby(enumerate(ordered), lambda item: (item[1].kind, item[1].number - item[0])):
        first, *others = (file for _, file in run)
        yield f"{first}-{others[-1].number}" if others else str(first)
