"""Loops that are late: what their threads do at the moment of a poll.

An iterator over all threads tells their states and their system calls, all in one instant. It is begun only when a loop
is late. The descriptor that a call is about is named afterwards, and only if the thread has not run since then.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from epolltop.bcc.iterator_pass import IteratorPass
from epolltop.bcc.program import AttachError, Program
from epolltop.model.bounds import LATE_LOOKS_MAX
from epolltop.model.holding import Descriptor
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.limits import LATE_CUT, LATE_UNSEEN, Limit
from epolltop.model.loop_activity import LoopKey, Turn
from epolltop.model.watch import Target
from epolltop.own_process.pace import Pace
from epolltop.proc.procfs import Procfs
from epolltop.proc.system_calls import system_call
from epolltop.sources.bpf import loop_wire
from epolltop.sources.bpf.late_stacks import LateStacks
from epolltop.sources.bpf.loop_wire import WireLate

LOOKS_PER_POLL = 100
"""Loops that one poll looks at, those that left last: 3 ms without the names of descriptors. Who is away for longer may
have left for good."""
LOOK_SHARE = 0.02
"""Of a core, for the threads of the machine: with 10,000 a look takes 15 ms, so the next one waits 0.8 s."""
NAMING_S, NAMING_SHARE = 0.1, 0.02
"""For those names at one poll, and of all time: after names that took so long there are none for five seconds."""
_WAKING = 0x200  # include/linux/sched.h, with the following
_STOPPED = 0x4 | 0x8 | 0x8000  # __TASK_STOPPED, __TASK_TRACED, TASK_FROZEN
_DEAD = 0x80

NameTargets = Callable[[Mapping[LoopKey, tuple[int, Descriptor]], float], Mapping[LoopKey, Target]]
"""`InterestLists.targets`."""


class LateLoops:
    """Keeps the last look at each loop that was late, while its thread has a turn with it."""

    def __init__(
        self, program: Program, procfs: Procfs, name_targets: NameTargets, late_ns: int, stacks: LateStacks | None
    ) -> None:
        """Loads the iterator; looks at nothing yet.

        Args:
            program: was compiled for that late_ns.
            procfs: where threads are found.
            name_targets: tells what descriptors are for.
            late_ns: from when on a loop is late.
            stacks: takes them, if they are wanted.
        """
        self._procfs, self._name_targets, self._late_ns, self._stacks = procfs, name_targets, late_ns, stacks
        self._looking = Pace(LOOK_SHARE, time.thread_time_ns)
        self._naming = Pace(NAMING_SHARE, time.monotonic_ns)
        self._looks: dict[LoopKey, LateLook] = {}
        self._marks: dict[LoopKey, bytes] = {}
        self._still: set[LoopKey] = set()
        """Have not run since the look before."""
        self._left_out = 0
        self._unseen: tuple[Limit, ...] = ()
        try:
            self._begin = program.iterator("bpf_iter__task")
        except AttachError as error:
            self._unseen = (Limit.of(LATE_UNSEEN, refused=str(error)),)

    def look(self, turns: Mapping[LoopKey, Turn], now_ns: int) -> Mapping[LoopKey, LateLook]:
        """The looks at loops, the oldest first: at those that are late now, and the last ones at others.

        Args:
            turns: of all threads.
            now_ns: boot clock.
        """
        self._looks = {key: look for key, look in self._looks.items() if key in turns}
        if not self._looking.is_due:
            return dict(self._looks)  # samples wait until then
        before_ns = now_ns - self._late_ns
        late = [key for key, turn in turns.items() if 0 < turn.returned_ns <= before_ns]
        samples = self._stacks.sampled() if self._stacks else {}
        alone = _alone({*late, *samples}, turns)
        late = sorted(alone.intersection(late), key=lambda key: -turns[key].returned_ns)
        samples = {key: sample for key, sample in samples.items() if key in alone}
        self._left_out = max(0, len(late) - LOOKS_PER_POLL)
        seen = (self._looking.run(lambda: self._see(late[:LOOKS_PER_POLL])) if late else None) or {}
        stacks = self._stacks.take(seen, samples, self._still, self._has_not_run) if self._stacks else {}
        ran = {key: LateLook(sample.returned_ns, sample.time_ns, Doing.ON_CPU) for key, sample in samples.items()}
        for key, look in (ran | self._looks_of(seen)).items():
            self._looks.pop(key, None)
            self._looks[key] = look._replace(stack=stacks.get(key, ()))
        for key in list(itertools.islice(self._looks, max(0, len(self._looks) - LATE_LOOKS_MAX))):
            del self._looks[key]
        return dict(self._looks)

    def limits(self) -> Iterator[Limit]:
        """What is not looked at."""
        yield from self._unseen
        if self._left_out:
            yield Limit.of(LATE_CUT, loops=self._left_out)
        if self._stacks:
            yield from self._stacks.limits()

    def _see(self, wanted: Sequence[LoopKey]) -> dict[LoopKey, WireLate]:
        """Threads in one instant; those that left last come last."""
        before, self._marks = self._marks, {key: self._procfs.ran(key.process.pid, key.tid) for key in wanted}
        self._still = {key for key, mark in self._marks.items() if mark and mark == before.get(key)}
        if self._unseen:
            return {}
        raw = IteratorPass(self._begin).go_on(math.inf)
        assert raw is not None, "there is no end of time"
        seen = {each.key: each for each in loop_wire.late(raw)}
        return {key: seen[key] for key in reversed(wanted) if key in seen}

    def _looks_of(self, seen: Mapping[LoopKey, WireLate]) -> dict[LoopKey, LateLook]:
        """With their targets, as far as these are known."""
        looks = {key: look_of(each) for key, each in seen.items()}
        known = {key: self._looks[key].target for key in self._still.intersection(looks, self._looks)}
        looks |= {key: looks[key]._replace(target=target) for key, target in known.items()}
        return looks | self._named(looks)

    def _named(self, looks: Mapping[LoopKey, LateLook]) -> dict[LoopKey, LateLook]:
        """Those whose target is known only now."""
        of = {
            key: (key.tid, Descriptor(key.process, look.fd))
            for key, look in looks.items()
            if look.fd is not None and look.target is None
        }
        found = self._naming.run(lambda: self._name_targets(of, NAMING_S)) if of else None
        return {
            key: looks[key]._replace(target=target) for key, target in (found or {}).items() if self._has_not_run(key)
        }

    def _has_not_run(self, key: LoopKey) -> bool:
        """Since before this look."""
        return bool(self._marks[key]) and self._marks[key] == self._procfs.ran(key.process.pid, key.tid)


def _alone(keys: Collection[LoopKey], turns: Iterable[LoopKey]) -> set[LoopKey]:
    """Of several threads with one instance some may be away, while others wait: those do not count."""
    files = {key.file for key in keys if key.file}
    attendants = Counter([key.file for key in turns if key.file in files]) if files else Counter()
    return {key for key in keys if attendants[key.file] == 1}


def look_of(seen: WireLate) -> LateLook:
    """What the members of a thread mean."""
    doing = _doing(seen)
    # The registers of a thread on a CPU are those with which it entered the kernel at some time.
    if doing in {Doing.ON_CPU, Doing.UNKNOWN} or seen.number < 0:
        return LateLook(seen.returned_ns, seen.time_ns, doing)
    call = system_call(seen.number, compat=bool(seen.compat))
    fd = ctypes.c_int32(seen.argument & 0xFFFFFFFF).value if call.about_descriptor and doing is Doing.BLOCKED else None
    return LateLook(seen.returned_ns, seen.time_ns, doing, call.name, fd)


def _doing(seen: WireLate) -> Doing:
    if seen.state & _DEAD:
        return Doing.UNKNOWN  # the first thread, which is over, while others of the process live
    if seen.on_cpu:
        return Doing.ON_CPU
    if seen.state & _STOPPED:
        return Doing.STOPPED
    if not seen.state & ~_WAKING:
        return Doing.THROTTLED if seen.throttled else Doing.RUNNABLE
    return Doing.BLOCKED if seen.number >= 0 else Doing.PAGE_FAULT
