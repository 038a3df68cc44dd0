"""The parts of a probe."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from epolltop.bcc.machine import Machine
from epolltop.bcc.program import Program
from epolltop.model.event import Kind
from epolltop.model.instance_key import TracedKey
from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf.table_reader import TableReader
from epolltop.sources.bpf.wire import Calibration


@dataclass(frozen=True, slots=True)
class Hook:
    """One program at one place."""

    how: str
    target: str
    program: str = ""
    optional: bool = False
    """Its absence does not spoil the rung: 32-bit entry points, calls that newer architectures never had."""
    compat: bool = False
    """It sees 32-bit tasks."""
    io_uring: bool = False
    """It sees requests for io_uring."""


WITHOUT = "without"
"""The rung of a probe that is left out."""
Rung = tuple[Hook, ...]
Ladder = Mapping[str, Rung]
"""By name, best rung first. A rung without hooks always holds: the probe can be done without."""
Calibrate = Callable[[], Calibration]
"""Creates and closes an instance of epolltop's own, and returns what the probes found out from it."""


MapEntry = tuple[tuple[int, ...], tuple[int, ...]]
"""Of a map: the fields of key and value."""


class CStruct(NamedTuple):
    """A structure of bpf/wire.h; a test compares the layout with the compiler's."""

    name: str
    layout: struct.Struct


@dataclass(frozen=True, slots=True)
class KernelTable:
    """Counters that a probe sums in a hash map, which is read whole and becomes a member of the batch."""

    member: str
    """Of `Batch`."""
    map: str
    """Its name in C."""
    key: CStruct
    value: CStruct
    decode: Callable[[Iterable[MapEntry]], Mapping[Any, Any]]
    process_of: Callable[[tuple[int, ...]], ProcessKey]
    """The process that a key belongs to. When it has ended, the entry is deleted."""
    instance_of: Callable[[tuple[int, ...]], TracedKey] | None = None
    """The instance that is counted under a key: when it is released, the entry may be deleted."""
    refused: str = ""
    """The name in C of an array of one u64: entries that found the map full. Empty if struct totals counts them."""


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """A probe: what it sees, where it may be attached, and what is missing without it."""

    name: str
    """Also of its C file in bpf/ and of its page in docs/events/."""
    ladder: Callable[[Machine | None], Ladder]
    """Its hooks on a machine; None: an unknown architecture, for which the names of functions are not known."""
    proof: Callable[[Calibrate], bool]
    """Whether what is attached now sees an instance of epolltop's own."""
    tells: frozenset[Kind] = frozenset()
    """The kinds of events it submits."""
    tables: tuple[KernelTable, ...] = ()
    """What it counts."""
    readers: tuple[Callable[[Program, Procfs], TableReader], ...] = ()
    """Readers of maps that are more than such tables."""
    stand_ins: tuple[Callable[[Procfs], TableReader], ...] = ()
    """Readers that know a part of it without a hook."""
    by_io_uring: bool = False
    """Programs can make these calls through io_uring, and some of its hooks see that."""
    limit: str = ""
    """The limit without it, an id of `model.limits`; empty if it cannot be left out."""
    compat: Hook | None = None
    """Sees the 32-bit tasks that its other hooks may leave out, at a cost."""

    @property
    def unit(self) -> str:
        """Its C file."""
        return f"{self.name}.c"
