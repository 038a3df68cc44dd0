"""Bytes of bpf/wire.h to records. The only module that knows their layout; a test holds it against the compiler's."""

from __future__ import annotations

import functools
import itertools
import operator
import struct
from collections.abc import Iterable
from typing import NamedTuple

from epolltop.model.counts import Counts
from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.holding import Holding
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.text.safe import safe

EVENT = struct.Struct("=QQQQQIIIIiIBBB5x16s")
COUNTS = struct.Struct("=QQQQQQQ")
PROCESS = struct.Struct("=IIQ")
TOTALS = struct.Struct("=QQQQQQQQQQQQ")
HOLDING = struct.Struct("=QQQQIIIIIBB2x")
LIVE_INSTANCE = struct.Struct("=QQIIIBB2x")
FILE = struct.Struct("=Q")
"""Key of the map live_instances."""
NUMBER = struct.Struct("=Q")
"""An element of the arrays that have a single one: a count, a tick, a setting."""
CALIBRATION = struct.Struct("=QQQQIIIIIIII")
DESCRIPTORS = struct.Struct("=Q9I4x")
PASS = struct.Struct("=QQQQQQQQQQIII36sIBB2x")
STACK_FRAMES = 64
STACK = struct.Struct(f"=QQI4x{STACK_FRAMES}Q")

_STACK_HEAD = struct.Struct("=QQI4x")
_ACTOR = struct.Struct("=QQIIII")
_HEAD = struct.Struct(f"=QQQ{_ACTOR.size}s")
_EVENT = struct.Struct(f"{_HEAD.format}iIBBB5x16s")
"""EVENT with the actor as bytes: an actor acts many times, so that equal ones are read once."""
_HOLDING_TGID = 32 // 4
"""Where it stands in struct holding, counted in u32."""

_BY_KERNEL, _BY_CENSUS = 1, 2
_NO_UID = 0xFFFFFFFF
_CLOEXEC = {1: False, 2: True}
_KINDS = {int(kind): kind for kind in Kind}
_SYSCALLS = {int(syscall): syscall for syscall in Syscall}


class WireTotals(NamedTuple):
    """struct totals, summed over the CPUs."""

    created: int
    failed: int
    released: int
    released_by_kernel: int
    sampled_out: int
    failed_sampled_out: int
    untold_releases: int
    delivered: int
    lost: int
    no_buffer: int
    overflowed: int
    unattributed: int


class Pass(NamedTuple):
    """struct pass."""

    number: int
    room: int
    each: int
    all: int = 0
    most: int = 0
    most_start_ns: int = 0
    task: int = 0
    start_ns: int = 0
    held: int = 0
    told: int = 0
    most_tgid: int = 0
    kernel_tgid: int = 0
    tgid: int = 0
    of: bytes = b""
    """Counts by kind."""
    refused: int = 0
    skips: int = 0
    cut: int = 0

    @property
    def most_of(self) -> ProcessKey:
        """Who holds most."""
        return ProcessKey(self.most_tgid, self.most_start_ns // NS_PER_TICK)


def sum_totals(per_cpu: Iterable[tuple[int, ...]]) -> WireTotals:
    """Of all CPUs."""
    return WireTotals._make(map(sum, zip(*per_cpu, strict=True)))


def no_buffer(per_cpu: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Of each CPU, in order: events for which it had no buffer."""
    return tuple(WireTotals._make(each).no_buffer for each in per_cpu)


class Stack(NamedTuple):
    """struct stack."""

    image: int
    caller: int
    lead: int
    frames: tuple[int, ...]


class Calibration(NamedTuple):
    """struct calibration."""

    f_op: int
    file: int
    filp_cache: int
    pid_namespace: int
    pid_level: int
    token: int
    caller: int
    freed_by: int
    registered_by: int
    entered_by: int
    waited_by: int
    priced: int

    @property
    def was_prompt(self) -> bool:
        """Whether the probe saw the instance end at once, in the thread that closed it."""
        return self.freed_by != 0 and self.freed_by == self.caller


def decode_event(raw: bytes | bytearray, at: int = 0, stack: tuple[str, ...] = ()) -> Event:
    """The struct event that begins at that place.

    Args:
        raw: the perf buffer may have padded it.
        at: in bytes.
        stack: what `stack_bytes` is made into.
    """
    time_ns, file, created_ns, actor, ret, argument, kind, syscall, flags, comm = _EVENT.unpack_from(raw, at)
    pid, tid, ppid, uid, start, cgroup, name = _actor(actor, comm)
    release = kind == Kind.RELEASE
    return Event(
        _KINDS[kind],
        time_ns,
        file,
        created_ns,
        pid,
        tid,
        ppid,
        uid,
        start,
        cgroup,
        name,
        None if release or ret < 0 else ret,
        -ret if ret < 0 else 0,
        _SYSCALLS[syscall],
        _argument(syscall, argument),
        bool(flags & _BY_KERNEL),
        bool(flags & _BY_CENSUS),
        created_ns,
        stack,
    )


def event_head(raw: bytes | bytearray, at: int = 0) -> tuple[int, int, bytes]:
    """Of a struct event: time_ns, file, and what `decode_who` reads; in a fifth of the time that the whole takes."""
    time_ns, file, _, actor = _HEAD.unpack_from(raw, at)
    return time_ns, file, actor


def decode_who(raw: bytes) -> tuple[ProcessKey, int | None]:
    """The process and the user of what `event_head` answered."""
    start_ns, _, tgid, _, _, uid = _ACTOR.unpack(raw)
    return ProcessKey(tgid, start_ns // NS_PER_TICK), None if uid == _NO_UID else uid


class _Actor(NamedTuple):
    pid: int
    tid: int
    ppid: int
    uid: int | None
    start: int
    cgroup: int
    name: str


@functools.lru_cache(1024)
def _actor(raw: bytes, comm: bytes) -> _Actor:
    """Who acted. Remembered, because most events are about few tasks: of 131,072 that wait it saves 30 MB."""
    start_ns, cgroup, tgid, tid, ppid, uid = _ACTOR.unpack(raw)
    name = safe(comm.split(b"\0", 1)[0])
    return _Actor(tgid, tid, ppid, None if uid == _NO_UID else uid, start_ns // NS_PER_TICK, cgroup, name)


def forget_actors() -> None:
    """After a flood: what is remembered keeps the memory around it, too."""
    _actor.cache_clear()


def stack_bytes(raw: bytes) -> bytes:
    """What follows an event: its struct stack without the frames there are not; empty if none was taken."""
    size = len(raw) - EVENT.size - _STACK_HEAD.size
    return raw[EVENT.size : len(raw) - size % 8] if size >= 0 else b""


def encode_stack(stack: Stack) -> bytes:
    """What `decode_stack` reads."""
    return _STACK_HEAD.pack(stack.image, stack.caller, stack.lead) + struct.pack(
        f"={len(stack.frames)}Q", *stack.frames
    )


def first_frames(raw: bytes, depth: int) -> bytes:
    """A whole struct stack, cut off behind its last frame."""
    return raw[: _STACK_HEAD.size + 8 * min(depth, STACK_FRAMES)] if depth else b""


def decode_stack(raw: bytes) -> Stack:
    """What `stack_bytes` answered."""
    image, caller, lead = _STACK_HEAD.unpack_from(raw)
    count = (len(raw) - _STACK_HEAD.size) // 8
    return Stack(image, caller, lead, struct.unpack_from(f"={count}Q", raw, _STACK_HEAD.size))


def _argument(syscall: int, argument: int) -> int | None:
    """A size is signed, and may be refused because it is negative; flags are bits."""
    if syscall == Syscall.EPOLL_CREATE and argument >> 31:
        return argument - (1 << 32)
    return argument if syscall else None


def decode_counts(pairs: Iterable[tuple[tuple[int, ...], tuple[int, ...]]]) -> dict[ProcessKey, Counts]:
    """Entries of the map processes, as (struct process, struct counts) pairs.

    Two processes that had the same pid within one clock tick are one here, as in all of /proc: they are added up.
    """
    decoded: dict[ProcessKey, Counts] = {}
    for fields, (*counts, _, _) in pairs:
        key = process_key(fields)
        others = decoded.get(key)
        decoded[key] = Counts(*counts) if others is None else Counts(*map(operator.add, others, counts))
    return decoded


def process_key(fields: tuple[int, ...]) -> ProcessKey:
    """A struct process as the rest of the program names it."""
    return ProcessKey(fields[0], fields[2] // NS_PER_TICK)


def census_tables(raw: bytes | bytearray) -> list[bytes]:
    """What the iterator wrote, cut where the process changes."""
    tgids = memoryview(raw).cast("I")[_HOLDING_TGID :: HOLDING.size // 4].tolist()
    ends = itertools.accumulate(HOLDING.size * len(list(run)) for _, run in itertools.groupby(tgids))
    return [bytes(raw[start:end]) for start, end in itertools.pairwise((0, *ends))]


class TableSize(NamedTuple):
    """How much one of `census_tables` tells."""

    told: int
    """Descriptors."""
    is_cut: bool
    """Its process has more."""


def table_size(raw: bytes) -> TableSize:
    """Without decoding it."""
    files = memoryview(raw).cast("Q")[:: HOLDING.size // 8].tolist()
    notes = files.count(0)
    return TableSize(len(files) - notes, notes > 0)


def decode_table(raw: bytes) -> tuple[list[Holding], ProcessKey | None]:
    """One of `census_tables`, and whose it is if that process holds more than was told."""
    holdings: list[Holding] = []
    last: tuple[int, ...] = ()
    started = pid = flags = parent = parent_started = thread = 0
    for file, created_ns, born, start, tgid, fd, creator, tid, argument, syscall, cloexec in HOLDING.iter_unpack(raw):
        if not file:
            continue
        now = start, tgid, argument, creator, tid, born
        if now != last:  # mostly they are equal, and then the same objects: of 131,072 that saves 20 MB
            last, started, parent_started = now, start // NS_PER_TICK, born // NS_PER_TICK
            pid, flags, parent, thread = tgid, argument, creator, tid
        closes = _CLOEXEC.get(cloexec)
        made = file, created_ns, started, pid, fd, flags, syscall, parent, parent_started, closes, thread
        holdings.append(Holding(*made))
    if len(holdings) * HOLDING.size == len(raw):
        return holdings, None
    _, _, _, start, tgid, *_ = HOLDING.unpack_from(raw)
    return holdings, ProcessKey(tgid, start // NS_PER_TICK)
