"""Loops that are late: what their threads do at the moment of a poll, or in between.

An iterator over all threads tells their states and their system calls, all in one instant. It is begun only when a loop
is late. The descriptor that a call is about is named afterwards, and only if the thread has not run since then.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

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
from epolltop.sources.bpf.loop_wire import LateSample, WireLate

LOOKS_PER_POLL = 100
"""Loops that one poll looks at, those that left last: 3 ms without the names of descriptors. Who is away for longer may
have left for good."""
LOOK_SHARE, GLANCE_SHARE = 0.02, 0.005
"""Of a core, for the threads of the machine: with 10,000 a look takes 15 ms, so the next one waits 0.8 s, and a glance
between two polls three."""
NAMING_S, NAMING_SHARE = 0.1, 0.02
"""For those names at one poll, and of all time: after names that took so long there are none for five seconds."""
STACK_STAYS_NS = 5_000_000_000
"""A look with a stack stays before shorter absences: rules go by looks of the last ten seconds."""
_STOPPED = 0x4 | 0x8 | 0x8000  # include/linux/sched.h: __TASK_STOPPED, __TASK_TRACED, TASK_FROZEN
_DEAD = 0x80  # the same

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
            stacks: takes them, from then on or later, if they are wanted.
        """
        self._procfs, self._name_targets, self._late_ns, self._stacks = procfs, name_targets, late_ns, stacks
        self._threads = program.table("threads", loop_wire.THREAD, loop_wire.TURN)
        self._looking, self._glancing = (Pace(share, time.thread_time_ns) for share in (LOOK_SHARE, GLANCE_SHARE))
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
        left_ns = _left_by_others({*late, *samples}, turns)
        late = sorted((key for key in late if left_ns[key] <= before_ns), key=lambda key: -turns[key].returned_ns)
        samples = {key: each for key, each in samples.items() if left_ns[key] <= each.time_ns - self._late_ns}
        self._left_out, late = max(0, len(late) - LOOKS_PER_POLL), late[:LOOKS_PER_POLL]
        self._forget_all_but(late)
        self._take(late, samples, self._looking)
        return dict(self._looks)

    def glance(self, loops: Collection[LoopKey], now_ns: int) -> None:
        """Looks between two polls at those of some loops that are late now; the next `look` has what it saw.

        Args:
            loops: each alone on its instance; a thousand take 3 ms.
            now_ns: boot clock.
        """
        if not self._glancing.is_due:
            return
        told = {key: self._threads.raw(loop_wire.THREAD.pack(key.tid)) for key in loops}
        turns = {
            key: loop_wire.WireTurn(raw)
            for key, raw in told.items()
            if raw and loop_wire.loop_key(loop_wire.turn_loop(raw)) == key
        }
        late = [key for key, turn in turns.items() if 0 < turn.returned_ns <= now_ns - self._late_ns]
        if late:
            self._take(sorted(late, key=lambda key: -turns[key].returned_ns), {}, self._glancing)

    def _forget_all_but(self, late: Collection[LoopKey]) -> None:
        """What is known of the threads of others says nothing about their next time away."""
        self._marks = {key: self._marks[key] for key in late if key in self._marks}
        self._still.intersection_update(late)
        if self._stacks:
            self._stacks.keep(late)

    def _take(self, late: Sequence[LoopKey], samples: Mapping[LoopKey, LateSample], pace: Pace) -> None:
        """Keeps what these do now, and what samples tell."""
        seen = (pace.run(lambda: self._see(late)) if late else None) or {}
        stacks = self._stacks.take(seen, samples, self._still, self._has_not_run) if self._stacks else {}
        ran = {key: LateLook(sample.returned_ns, sample.time_ns, Doing.ON_CPU) for key, sample in samples.items()}
        looks = self._looks_of(seen)
        looks |= {key: look for key, look in ran.items() if key not in looks or self._has_no_stack_yet(looks[key])}
        for key, look in looks.items():
            if self._has_no_stack_yet(look) and self._has_stack(key, look.at_ns - STACK_STAYS_NS):
                continue  # who asks for stacks of long absences does not want them to give way to short ones
            self._looks.pop(key, None)
            self._looks[key] = look._replace(stack=stacks.get(key, ()))
        for key in list(itertools.islice(self._looks, max(0, len(self._looks) - LATE_LOOKS_MAX))):
            del self._looks[key]

    def _has_no_stack_yet(self, look: LateLook) -> bool:
        return self._stacks is not None and self._stacks.is_too_early(look.returned_ns, look.at_ns)

    def _has_stack(self, key: LoopKey, since_ns: int) -> bool:
        last = self._looks.get(key)
        return last is not None and bool(last.stack) and last.at_ns >= since_ns

    def limits(self) -> Iterator[Limit]:
        """What is not looked at."""
        yield from self._unseen
        if self._left_out:
            yield Limit.of(LATE_CUT, loops=self._left_out)
        if self._stacks:
            yield from self._stacks.limits()

    def _see(self, wanted: Sequence[LoopKey]) -> dict[LoopKey, WireLate]:
        """Threads in one instant; those that left last come last."""
        marks = {key: self._procfs.ran(key.process.pid, key.tid) for key in wanted}
        self._still.difference_update(wanted)
        self._still.update(key for key, mark in marks.items() if mark and mark == self._marks.get(key))
        self._marks |= marks
        if self._unseen:
            return {}
        raw = IteratorPass(self._begin).go_on(math.inf)
        assert raw is not None, "there is no end of time"
        seen = {each.key: each for each in loop_wire.late(raw)}
        return {key: seen[key] for key in reversed(wanted) if key in seen}

    def _looks_of(self, seen: Mapping[LoopKey, WireLate]) -> dict[LoopKey, LateLook]:
        """With their targets, as far as these are known."""
        looks = {key: look_of(each) for key, each in seen.items()}
        for key in self._still.intersection(looks, self._looks):
            if (last := self._looks[key]).returned_ns == looks[key].returned_ns:
                looks[key] = looks[key]._replace(target=last.target)
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


def _left_by_others(keys: Collection[LoopKey], turns: Mapping[LoopKey, Turn]) -> dict[LoopKey, float]:
    """When the last other thread left the instance of each loop; 0: there is none, infinite: one waits, or no instance.

    Of several threads with one instance some may be away, while others wait: no loop is late then.
    """
    attendants: dict[int, list[tuple[float, LoopKey]]] = {key.file: [] for key in keys if key.file}
    for key, turn in turns.items():
        if key.file in attendants:
            attendants[key.file].append((turn.returned_ns or math.inf, key))
    last = {file: heapq.nlargest(2, of_file) for file, of_file in attendants.items()}
    return {
        key: next((ns for ns, other in last[key.file] if other != key), 0) if key.file else math.inf for key in keys
    }


def look_of(seen: WireLate) -> LateLook:
    """What the members of a thread mean."""
    doing = _doing(seen)
    # The registers of a thread on a CPU are those with which it entered the kernel at some time.
    told = LateLook(
        seen.returned_ns, seen.time_ns, doing, cpu_ns=seen.cpu_ns, runq_ns=None if seen.runq_ns < 0 else seen.runq_ns
    )
    if doing in {Doing.ON_CPU, Doing.UNKNOWN} or seen.number < 0:
        return told
    call = system_call(seen.number, compat=bool(seen.compat))
    fd = ctypes.c_int32(seen.argument & 0xFFFFFFFF).value if call.about_descriptor and doing is Doing.BLOCKED else None
    return told._replace(call=call.name, fd=fd)


def _doing(seen: WireLate) -> Doing:
    if seen.state & _DEAD:
        return Doing.UNKNOWN  # the first thread, which is over, while others of the process live
    if seen.on_cpu:
        return Doing.ON_CPU
    if seen.state & _STOPPED:
        return Doing.STOPPED
    if seen.is_runnable:
        return Doing.THROTTLED if seen.throttled else Doing.RUNNABLE
    return Doing.BLOCKED if seen.number >= 0 else Doing.PAGE_FAULT
