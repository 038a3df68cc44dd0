"""Names for the addresses of user stacks, as long as the processes they come from still run.

What is remembered is bounded: the functions at positions of files, shared by all processes that run them. A process'
map is read anew at each poll that brings a stack of it, so a library that was loaded or replaced since is no surprise.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from epolltop.model.batch import Event
from epolltop.sources.bpf import elf, wire
from epolltop.sources.bpf.code import Code, Run, code_of
from epolltop.sources.bpf.code import Mapping as CodeMapping
from epolltop.sources.bpf.mangled import plain_name
from epolltop.text import safe

POLL_S = 0.1
"""For the names of one poll; what is not found by then shows as addresses. One file's table is walked to its end."""
STACKS_PER_POLL = 2000
"""Different ones; those beyond are not known. A program has some ten, unless it forges its frame pointers."""
PLACES_MAX = 16_384
"""In files, remembered: 10 MB at most; programs have some ten each."""
STACKS_MAX = 1024
"""Remembered for being shared."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _File(NamedTuple):
    """A version of a file."""

    device: int
    inode: int
    changed_ns: int


class _Frame(NamedTuple):
    text: str
    place: elf.Place | None = None
    """None: not looked up, or no symbol covers it."""


class Stacks:
    """Gives the events of each poll their stacks."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[_File, int], elf.Place | None] = OrderedDict()
        self._known: OrderedDict[tuple[str, ...], tuple[str, ...]] = OrderedDict()

    def give(self, events: Sequence[Event], stacks: Sequence[bytes]) -> list[Event]:
        """The events with their stacks.

        Args:
            events: of one poll.
            stacks: of each event, as `wire.stack_bytes` answers.
        """
        deadline = time.monotonic() + POLL_S
        named: dict[tuple[int, int, bytes], tuple[str, ...]] = {}
        for run, of_run in _by_run(events, stacks).items():
            for raw, text in self._named(run, of_run, deadline).items():
                named[run.pid, run.start, raw] = self._shared(text)
        return [
            event._replace(stack=named.get((event.pid, event.start, raw), ())) if raw else event
            for event, raw in zip(events, stacks, strict=True)
        ]

    def _shared(self, text: tuple[str, ...]) -> tuple[str, ...]:
        """One object for equal stacks."""
        return _remember(self._known, text, self._known.get(text, text), STACKS_MAX)

    def _named(self, run: Run, stacks: Mapping[bytes, wire.Stack], deadline: float) -> dict[bytes, tuple[str, ...]]:
        addresses = {address for stack in stacks.values() for address in (*stack.frames, stack.caller)}
        there = code_of(run) if time.monotonic() < deadline else None
        if there is None:
            frames = {address: _Frame(f"[{address:#x}]") for address in addresses}
        else:
            frames = self._frames(there, addresses, deadline)
        return {raw: tuple(_texts(stack, frames)) for raw, stack in stacks.items()}

    def _frames(self, there: Code, addresses: Iterable[int], deadline: float) -> dict[int, _Frame]:
        """By address; what is no code has none."""
        by_mapping: dict[CodeMapping, list[int]] = {}
        for address in addresses:
            mapping = there.at(address)
            if mapping is not None:
                by_mapping.setdefault(mapping, []).append(address)
        frames = {}
        for mapping, inside in by_mapping.items():
            positions = {address: address - mapping.start + mapping.position for address in inside}
            places = self._look_up(there, mapping, positions.values(), deadline)
            for address, position in positions.items():
                frames[address] = _frame(address, places.get(position), mapping)
        return frames

    def _look_up(
        self, there: Code, mapping: CodeMapping, positions: Iterable[int], deadline: float
    ) -> dict[int, elf.Place | None]:
        """What the mapped file says; nothing if it is out of reach, or time is over."""
        if not mapping.inode or time.monotonic() > deadline:
            return {}
        try:
            file = there.open(mapping)
        except OSError:
            return {}
        try:
            about = os.fstat(file)
            version = _File(about.st_dev, about.st_ino, about.st_ctime_ns)
            known = {at: self._places[version, at] for at in positions if (version, at) in self._places}
            unknown = set(positions) - known.keys()
            found = elf.places(file, unknown) if unknown else {}
        except OSError:
            return {}
        finally:
            os.close(file)
        places = known | {at: found.get(at) for at in unknown}
        for position, place in places.items():
            _remember(self._places, (version, position), place, PLACES_MAX)
        return places


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


def _texts(stack: wire.Stack, frames: Mapping[int, _Frame]) -> Iterator[str]:
    for depth, address in enumerate(stack.frames):
        frame = frames.get(address)
        if frame is None:
            return  # no code: frame pointers led astray
        yield frame.text
        if not depth and stack.lead and frame.place and frame.place.into == stack.lead and stack.caller in frames:
            yield frames[stack.caller].text


def _frame(address: int, place: elf.Place | None, mapping: CodeMapping) -> _Frame:
    module = f" ({safe(mapping.module)})" if mapping.module else ""
    if place is None:
        return _Frame(f"[{address:#x}]{module}")
    return _Frame(f"{plain_name(safe(place.function))}+{place.into:#x}{module}", place)


def _remember(cache: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> _Value:
    """Keeps the most recent entries."""
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > most:
        cache.popitem(last=False)
    return value
