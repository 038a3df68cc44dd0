"""Names for the addresses of user stacks, as long as the processes they come from still run.

What is remembered is bounded: the functions at positions of files, shared by all processes that run them, and the
stacks themselves. A process' map is read anew at each poll that brings a stack of it, so a library that was loaded or
replaced since is no surprise.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from epolltop.model.bounds import FRAME_CHARS_MAX
from epolltop.model.event import Event
from epolltop.own_process.pace import Allowance, Deadline
from epolltop.proc.maps import Code, CodeMapping, Run, code_of
from epolltop.proc.mountinfo import MountLists
from epolltop.sources.bpf import wire
from epolltop.symbols import elf
from epolltop.symbols.demangle import plain_name
from epolltop.symbols.perf_map import made_places
from epolltop.symbols.stack_pool import NamedStack, StackPool
from epolltop.text.safe import clipped, safe

SHARE = 0.1
"""Of time, for names; what is not found by then shows as addresses."""
POLL_S_MAX = 0.4
"""For the names of one poll: the longest table of a file that is read takes 0.3 s."""
STACKS_PER_POLL = 1000
"""Different stacks; further ones are left out. A program has about ten, unless it forges its frame pointers."""
PLACES_MAX = 16_384
"""In files, remembered: 10 MB at most; programs have some ten each."""
MODULE_CHARS_MAX = 40
"""Of a frame, for the name of its file."""


class _File(NamedTuple):
    """A version of a file."""

    device: int
    inode: int
    changed_ns: int


class _NamedFrame(NamedTuple):
    mapping: CodeMapping | None = None
    """None: the program could not be read."""
    place: elf.SymbolOffset | None = None
    """None: not looked up, or no symbol covers it."""


class Stacks:
    """Names the stacks of each poll's events."""

    def __init__(self) -> None:
        self.left_out = 0
        """Events so far that have none, because there were too many different ones."""
        self.may_read = True
        """False: the kernel lets us read no program, so that all frames are addresses."""
        self._places: OrderedDict[tuple[_File, int], elf.SymbolOffset | None] = OrderedDict()
        self._kept = StackPool()
        self._time = Allowance(SHARE, POLL_S_MAX)

    def named(self, events: Sequence[Event], stacks: Sequence[bytes]) -> list[NamedStack]:
        """Of each event its stack, by names; empty if there is none, or no room for it.

        Args:
            events: of one poll.
            stacks: of each event, as `wire.stack_bytes` answers.
        """
        self._kept.make_room()
        named: dict[tuple[int, int, bytes], NamedStack] = {}
        mount_lists = MountLists()
        with self._time.spend() as deadline:
            # Programs with few stacks come first, so that one with many does not use up their time.
            for run, of_run in sorted(_by_run(events, stacks).items(), key=lambda item: len(item[1])):
                for raw, stack in self._of_run(run, of_run, mount_lists, deadline):
                    kept = self._kept.keep(stack)
                    if kept is None:
                        break
                    named[run.pid, run.start, raw] = kept
        told = [
            named.get((event.pid, event.start, raw)) if raw else () for event, raw in zip(events, stacks, strict=True)
        ]
        self.left_out += told.count(None)
        return [stack or () for stack in told]

    def _of_run(
        self, run: Run, stacks: Mapping[bytes, wire.Stack], mount_lists: MountLists, deadline: Deadline
    ) -> Iterator[tuple[bytes, NamedStack]]:
        """Yields one at a time, so that no more are made than there is room for."""
        addresses = sorted({address for stack in stacks.values() for address in (*stack.frames, stack.caller)})
        try:
            deadline.require()
            frames = self._frames(code_of(run, addresses, mount_lists, deadline), addresses, deadline)
        except OSError:
            frames = dict.fromkeys(addresses, _NamedFrame())
        texts: dict[int, str] = {}
        for raw, stack in stacks.items():
            yield raw, tuple(_texts(stack, frames, texts))

    def _frames(self, there: Code, addresses: Iterable[int], deadline: Deadline) -> dict[int, _NamedFrame]:
        """By address; addresses that are not code have none."""
        mapped = {address: mapping for address in addresses if (mapping := there.at(address))}
        by_table: dict[CodeMapping | None, dict[int, int]] = {}
        for address, mapping in mapped.items():
            # One map has the names of all code that was made, by address.
            table, position = (
                (None, address) if mapping.is_made else (mapping, address - mapping.start + mapping.position)
            )
            by_table.setdefault(table, {})[address] = position
        frames = {}
        for table, positions in by_table.items():
            places = self._look_up(there, table, positions.values(), deadline)
            for address, position in positions.items():
                frames[address] = _NamedFrame(mapped[address], places.get(position))
        return frames

    def _look_up(
        self, there: Code, table: CodeMapping | None, positions: Collection[int], deadline: Deadline
    ) -> dict[int, elf.SymbolOffset | None]:
        """The names in the mapped file, or in the map of made code; none if that is out of reach, or time is over."""
        if deadline.is_over:
            return {}
        try:
            file = there.open(table, deadline) if table else there.open_perf_map(deadline)
        except OSError as error:
            self.may_read &= error.errno != errno.EPERM
            return {}
        try:
            about = os.fstat(file)
            version = _File(about.st_dev, about.st_ino, about.st_ctime_ns)
            known = {at: self._places[version, at] for at in positions if (version, at) in self._places}
            unknown = set(positions) - known.keys()
            find = elf.places if table else made_places
            found = find(file, unknown, deadline) if unknown else {}
        except OSError:
            return {}
        finally:
            os.close(file)
        places = known | {at: found.get(at) for at in unknown}
        for position, place in places.items():
            self._remember(version, position, place)
        return places

    def _remember(self, version: _File, position: int, place: elf.SymbolOffset | None) -> None:
        """Keeps the most recent."""
        self._places[version, position] = place
        self._places.move_to_end((version, position))
        if len(self._places) > PLACES_MAX:
            self._places.popitem(last=False)


def _by_run(events: Iterable[Event], stacks: Iterable[bytes]) -> dict[Run, dict[bytes, wire.Stack]]:
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


def _texts(stack: wire.Stack, frames: Mapping[int, _NamedFrame], texts: dict[int, str]) -> Iterator[str]:
    """Of each frame; those of the same address are one object."""
    for depth, address in enumerate(stack.frames):
        frame = frames.get(address)
        if frame is None:
            return  # not code: a frame pointer was wrong
        yield _text(address, frame, texts)
        if not depth and stack.lead and frame.place and frame.place.into == stack.lead and stack.caller in frames:
            yield _text(stack.caller, frames[stack.caller], texts)


def _text(address: int, frame: _NamedFrame, texts: dict[int, str]) -> str:
    known = texts.get(address)
    if known is None:
        known = texts[address] = _made_text(address, frame)
    return known


def _made_text(address: int, frame: _NamedFrame) -> str:
    """In FRAME_CHARS_MAX, with the end of a long name replaced by an ellipsis."""
    mapping, place = frame
    named = b"perf map" if place and mapping and mapping.is_made else mapping.module if mapping else b""
    module = f" ({clipped(safe(named), MODULE_CHARS_MAX)})" if named else ""
    if place is None:
        return f"[{address:#x}]{module}"
    where = f"+{place.into:#x}{module}"
    return clipped(plain_name(safe(place.function)), FRAME_CHARS_MAX - len(where)) + where
