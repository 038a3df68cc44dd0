"""The stacks of events as text: names for the addresses, as long as the programs they come from still run.

The stacks themselves are remembered, within bounds: equal ones are one object.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from epolltop.model.bounds import FRAME_CHARS_MAX
from epolltop.model.event import Event
from epolltop.model.process import Process, ProcessKey
from epolltop.own_process.pace import Allowance, Deadline
from epolltop.proc.maps import Run
from epolltop.proc.mountinfo import MountLists
from epolltop.sources.bpf import wire
from epolltop.sources.bpf.code_names import CodeFrame, CodeNames
from epolltop.symbols.demangle import plain_name
from epolltop.symbols.stack_pool import NamedStack, StackPool
from epolltop.text.safe import clipped, safe

SHARE = 0.1
"""Of time, for names; what is not found by then shows as addresses."""
POLL_S_MAX = 0.8
"""For the names of one poll. A program gets half of it, and the longest table of a file that is read takes 0.3 s."""
STACKS_PER_POLL = 1000
"""Different stacks; further ones are left out. A program has about ten, unless it forges its frame pointers."""


class Named(NamedTuple):
    """The stacks of one poll."""

    stacks: list[NamedStack]
    """Of each event; empty if there is none, or no room for it."""
    left_out: int
    """Events for whose stacks there is no room."""
    in_time: bool
    """False: time was over, and some frames may be addresses for that alone."""


class Stacks:
    """Names the stacks of each poll's events."""

    def __init__(self, *, begin_with_calls: bool = True) -> None:
        """Nothing is known yet.

        Args:
            begin_with_calls: the innermost address of each stack follows a call, as all others do; else it is that of
                the next instruction, which may be the first of its function.
        """
        self._ahead = 0 if begin_with_calls else 1
        self.left_out = 0
        """Events so far that have none, because there were too many different ones."""
        self._names = CodeNames()
        self._kept = StackPool()
        self._time = Allowance(SHARE, POLL_S_MAX)

    @property
    def may_read(self) -> bool:
        """False: the kernel lets us read no program, so that no frame has a name."""
        return self._names.may_read

    @property
    def unread_maps(self) -> Set[Run]:
        """Programs so far that have a perf map of which nothing was read the last time."""
        return self._names.unread_maps

    def with_code_files(self, processes: Mapping[ProcessKey, Process]) -> Mapping[ProcessKey, Process]:
        """The same processes, those with stacks with the files that these have."""
        known = self._names.code_files(processes)
        return {**processes, **{key: processes[key]._replace(code_files=files) for key, files in known.items()}}

    def named(self, events: Sequence[Event | ProcessKey], stacks: Sequence[bytes]) -> Named:
        """Of each event its stack, by names.

        Args:
            events: of one poll, or processes.
            stacks: of each event, as `wire.stack_bytes` answers.
        """
        self._kept.make_room()
        named: dict[tuple[int, int, bytes], NamedStack] = {}
        mount_lists, put_off = MountLists(), self._names.put_off
        with self._time.spend() as deadline:
            # Programs with few stacks come first, so that one with many does not use up their time.
            for run, of_run in sorted(_by_run(events, stacks).items(), key=lambda item: len(item[1])):
                for raw, stack in self._of_run(run, of_run, mount_lists, deadline):
                    kept = self._kept.keep(stack)
                    if kept is None:
                        break
                    named[run.pid, run.start, raw] = kept
            in_time = not deadline.is_over and self._names.put_off == put_off
        told = [
            named.get((event.pid, event.start, raw)) if raw else () for event, raw in zip(events, stacks, strict=True)
        ]
        left_out = told.count(None)
        self.left_out += left_out
        return Named([stack or () for stack in told], left_out, in_time)

    def _of_run(
        self, run: Run, stacks: Mapping[bytes, wire.Stack], mount_lists: MountLists, deadline: Deadline
    ) -> Iterator[tuple[bytes, NamedStack]]:
        """Yields one at a time, so that no more are made than there is room for."""
        stacks = {raw: self._looked_up(stack) for raw, stack in stacks.items()}
        addresses = {address for stack in stacks.values() for address in (*stack.frames, stack.caller)}
        frames = self._names.frames(run, addresses, mount_lists, deadline)
        texts: dict[int, str] = {}
        for raw, stack in stacks.items():
            yield raw, tuple(_texts(stack, frames, texts, self._ahead))

    def _looked_up(self, stack: wire.Stack) -> wire.Stack:
        """With addresses that each follow an instruction of the function that is meant."""
        return stack._replace(frames=(*(address + self._ahead for address in stack.frames[:1]), *stack.frames[1:]))


def _by_run(events: Iterable[Event | ProcessKey], stacks: Iterable[bytes]) -> dict[Run, dict[bytes, wire.Stack]]:
    """The different stacks of each run of a program, up to STACKS_PER_POLL in all."""
    taken: dict[tuple[int, int, bytes], None] = {}
    for event, raw in zip(events, stacks, strict=True):
        if raw:
            taken[event.pid, event.start, raw] = None
    runs: dict[Run, dict[bytes, wire.Stack]] = {}
    for pid, start, raw in itertools.islice(taken, STACKS_PER_POLL):
        stack = wire.decode_stack(raw)
        runs.setdefault(Run(pid, start, stack.image), {})[raw] = stack
    return runs


def _texts(stack: wire.Stack, frames: Mapping[int, CodeFrame], texts: dict[int, str], ahead: int) -> Iterator[str]:
    """Of each frame; those of the same address are one object. The innermost was looked up so many bytes ahead."""
    for depth, address in enumerate(stack.frames):
        frame = frames.get(address)
        if frame is None:
            return  # not code: a frame pointer was wrong
        if not depth:
            frame = _back(frame, ahead)
        yield _text(frame, texts)
        if not depth and stack.lead and frame.place and frame.place.into == stack.lead and stack.caller in frames:
            yield _text(frames[stack.caller], texts)


def _back(frame: CodeFrame, by: int) -> CodeFrame:
    place = frame.place and frame.place._replace(into=frame.place.into - by)
    return frame._replace(address=frame.address - by, position=frame.position - by, place=place)


def _text(frame: CodeFrame, texts: dict[int, str]) -> str:
    known = texts.get(frame.address)
    if known is None:
        known = texts[frame.address] = frame_text(frame)
    return known


def frame_text(frame: CodeFrame) -> str:
    """In FRAME_CHARS_MAX, with the end of a long name replaced by an ellipsis."""
    address, module, position, place = frame
    if place is None:
        return f"[{module}+{position:#x}]" if module else f"[{address:#x}]"
    where = f"+{place.into:#x} ({module})"
    return clipped(plain_name(safe(place.function)), FRAME_CHARS_MAX - len(where)) + where
