"""The user stacks of late loops.

A thread that runs is sampled: a BPF program at a clock of each CPU takes its stack. The stack of one that does not is
read from its memory, and counts if the thread has not run meanwhile.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Set
from typing import NamedTuple

from epolltop.bcc.program import AttachError, Program
from epolltop.model.bounds import FRAME_CHARS_MAX
from epolltop.model.limits import LATE_STACKS_LEFT_OUT, LATE_UNSAMPLED, Limit
from epolltop.model.loop_activity import LoopKey
from epolltop.own_process.pace import Allowance
from epolltop.proc.local_memory import LocalMemory
from epolltop.proc.maps import Run
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf import loop_wire, wire
from epolltop.sources.bpf.loop_wire import LateSample, WireLate
from epolltop.sources.bpf.stack_names import Stacks
from epolltop.sources.bpf.user_stack import Registers, user_stack
from epolltop.symbols.stack_pool import NamedStack
from epolltop.text.safe import clipped

SAMPLES_PER_S = 49
"""Of each CPU, as profilers have it: not in step with what happens a hundred times a second."""
READ_SHARE, READ_S_MAX = 0.02, 0.1
"""Of time, and at one poll, for the memory of threads that do not run. A thread that is not read then is read later."""
_GUESS = "? "


class _Taken(NamedTuple):
    """A stack without names."""

    returned_ns: int
    """Of the time away in which it was taken."""
    raw: bytes
    """As `wire.stack_bytes` answers."""
    guesses: int = 0
    """See `UserStack`."""
    computes: bool = False
    """The thread ran when it was taken, or had been interrupted."""
    names: NamedStack = ()
    """As they were found last."""
    is_named: bool = False
    """There was room, and time for all names."""


class LateStacks:
    """Takes them at each poll."""

    def __init__(self, program: Program, procfs: Procfs, from_ns: int) -> None:
        """Begins to sample.

        Args:
            program: was compiled with LATE_STACKS_NS.
            procfs: where the memory of programs is found.
            from_ns: the same; stacks of loops that are away for less are not taken.
        """
        self._root, self._from_ns = procfs.root, from_ns
        self._stacks = Stacks(begin_with_calls=False)
        self._reading = Allowance(READ_SHARE, READ_S_MAX)
        self._map = program.table("late_samples", loop_wire.THREAD, loop_wire.LATE_SAMPLE)
        self._taken: dict[LoopKey, _Taken] = {}  # at the last poll
        self._left_out = 0  # then
        self._program, self._refused_before, self._refused = program, 0, 0
        self._unsampled: tuple[Limit, ...] = ()
        try:
            program.sample("sample_late", SAMPLES_PER_S)
        except AttachError as error:
            self._unsampled = (Limit.of(LATE_UNSAMPLED, refused=str(error)),)

    @property
    def may_read(self) -> bool:
        """False: the kernel lets us read no program, so that no frame has a name."""
        return self._stacks.may_read

    def is_too_early(self, returned_ns: int, at_ns: int) -> bool:
        """Whether a loop that left then has no stack yet."""
        return at_ns < returned_ns + self._from_ns

    @property
    def unread_maps(self) -> Set[Run]:
        """Programs so far that have a perf map of which nothing was read the last time."""
        return self._stacks.unread_maps

    def limits(self) -> Iterator[Limit]:
        """What is lacking."""
        yield from self._unsampled
        if left_out := self._left_out + self._refused:
            yield Limit.of(LATE_STACKS_LEFT_OUT, stacks=left_out)

    def sampled(self) -> dict[LoopKey, LateSample]:
        """The last samples of loops that ran late since the last call."""
        found: dict[LoopKey, LateSample] = {}
        for tid, raw in zip(*self._map.raw_columns(), strict=True):
            self._map.delete(tid)
            sample = loop_wire.late_sample(raw)
            found[sample.key] = sample
        refused = self._program.element("late_samples_refused", wire.NUMBER)[0]
        self._refused, self._refused_before = refused - self._refused_before, refused
        return found

    def keep(self, late: Collection[LoopKey]) -> None:
        """Forgets the stacks of loops that are not late any more."""
        self._taken = {key: self._taken[key] for key in late if key in self._taken}

    def take(
        self,
        seen: Mapping[LoopKey, WireLate],
        samples: Mapping[LoopKey, LateSample],
        still: Container[LoopKey],
        has_not_run: Callable[[LoopKey], bool],
    ) -> dict[LoopKey, NamedStack]:
        """By names, as far as there is time. What is not named now may be at the next poll.

        Args:
            seen: loops that are late now.
            samples: of these and others, since the last poll.
            still: those of which the thread has not run since then.
            has_not_run: whether one has not since it was seen.
        """
        taken = {key: _Taken(sample.returned_ns, sample.stack, computes=True) for key, sample in samples.items()}
        with self._reading.spend() as deadline:
            memory = LocalMemory(self._root, deadline)
            for key, each in seen.items():
                if self.is_too_early(each.returned_ns, each.time_ns):
                    continue
                last, stack = self._taken.get(key), taken.pop(key, None)
                if last and last.computes != each.computes:
                    last = None  # where a thread slept says nothing about one that runs, nor the other way round
                if not each.on_cpu:
                    read = last if key in still and last else _read(each, memory)
                    if has_not_run(key) and (read is last or not deadline.is_over):
                        stack = read
                    elif not each.computes:
                        continue
                stack = stack or last
                if stack and stack.returned_ns == each.returned_ns:
                    taken[key] = stack
        taken |= self._named({key: stack for key, stack in taken.items() if not stack.is_named})
        self._taken |= {key: stack for key, stack in taken.items() if key in seen}
        return {key: stack.names for key, stack in taken.items()}

    def _named(self, taken: Mapping[LoopKey, _Taken]) -> dict[LoopKey, _Taken]:
        named = self._stacks.named([key.process for key in taken], [stack.raw for stack in taken.values()])
        self._left_out = named.left_out
        return {
            key: stack._replace(names=_marked(told, stack.guesses), is_named=bool(told) and named.in_time)
            for (key, stack), told in zip(taken.items(), named.stacks, strict=True)
        }


def _read(seen: WireLate, memory: LocalMemory) -> _Taken:
    """Of a thread that does not run."""
    read = functools.partial(memory.read, seen.key.process.pid, seen.key.tid)
    found = user_stack(Registers(seen.image, seen.ip, seen.fp, seen.link), read)
    return _Taken(seen.returned_ns, wire.encode_stack(found.stack), found.guesses, seen.computes)


def _marked(stack: NamedStack, guesses: int) -> NamedStack:
    """As the kernel marks what it is not sure of."""
    marked = (clipped(_GUESS + frame, FRAME_CHARS_MAX) for frame in stack[1 : 1 + guesses])
    return (*stack[:1], *marked, *stack[1 + guesses :])
