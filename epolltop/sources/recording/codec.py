"""Batches as bytes: what one tick says that the tick before did not.

Facts about processes, counts and holdings seldom change from one tick to the next, so only changes are written; docs/
recording.md gives the form. What is read back may come from anyone: types, sizes and ranges are checked here, and text
is made safe again, so that nobody further on need ask.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from epolltop.model.batch import (
    Batch,
    Census,
    Cost,
    Counts,
    Event,
    Holding,
    Host,
    Probe,
    Process,
    ProcessKey,
    Source,
    Syscall,
    Totals,
)
from epolltop.model.bounds import (
    EVIDENCE_MAX,
    FRAME_CHARS_MAX,
    FRAMES_MAX,
    NAME_CHARS_MAX,
    NOTE_CHARS_MAX,
    NOTES_MAX,
    TEXT_CHARS_MAX,
    USERS_MAX,
)
from epolltop.model.limits import ONLY_PROC, Limit
from epolltop.text.safe import clipped, printable

RECORDS_MAX = 1 << 17
"""Processes or holdings of one tick: as many as a census tells, and four times what the kernel side counts for."""
EVENTS_MAX = 1 << 20
"""Of one tick."""
_UNCONFIRMED_MAX = 4 * EVENTS_MAX  # events between two censuses: until one comes the world keeps all they create
_START_MAX = 1 << 40  # clock ticks: 348 years, so that a time of day can be told

_Fact = TypeVar("_Fact", Counts, Process)


class Damaged(Exception):
    """What was read is not what an Encoder writes."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Source(Source):
    """With what was written before limits had ids: sentences."""

    fallback: str = ""
    blind_spots: tuple[str, ...] = ()


class _Census(msgspec.Struct, array_like=True):
    started_ns: int
    by_address: bool
    same: bool
    """The holdings are the very object of the last census."""
    whole: list[Holding] | None
    """All holdings; None: those of the last census, without `removed` (positions there) and with `added` (here)."""
    removed: list[int]
    added: list[tuple[int, Holding]]
    cut: frozenset[ProcessKey] = frozenset()


class _Frame(msgspec.Struct, array_like=True):
    since_ns: int
    now_ns: int
    wall_ns: int
    source: _Source
    cost: Cost
    totals: Totals
    events: list[Event]
    counts: dict[ProcessKey, Counts]
    counts_gone: list[ProcessKey]
    processes: dict[ProcessKey, Process]
    processes_gone: list[ProcessKey]
    census: _Census | None
    watches: dict[int, int]
    users: dict[int, str]


class Encoder:
    """Remembers the last batch; batches come in order."""

    def __init__(self) -> None:
        self._counts: Mapping[ProcessKey, Counts] = {}
        self._processes: Mapping[ProcessKey, Process] = {}
        self._holdings: Sequence[Holding] | None = None
        self._encode = msgspec.msgpack.Encoder().encode

    def encode(self, batch: Batch) -> bytes:
        """A batch, as what changed.

        Raises:
            ValueError: it has more records than a Decoder would take.
        """
        if not _may_be_read(batch):
            raise ValueError(f"more than {RECORDS_MAX:,} records or {EVENTS_MAX:,} events in a tick")
        frame = _Frame(
            since_ns=batch.since_ns,
            now_ns=batch.now_ns,
            wall_ns=batch.wall_ns,
            source=_within_bounds(batch.source),
            cost=batch.cost,
            totals=batch.totals,
            events=list(batch.events),
            counts=_changed(self._counts, batch.counts),
            counts_gone=[key for key in self._counts if key not in batch.counts],
            processes=_changed(self._processes, batch.processes),
            processes_gone=[key for key in self._processes if key not in batch.processes],
            census=self._census(batch.census) if batch.census else None,
            watches=dict(batch.watches),
            users=dict(itertools.islice(batch.users.items(), USERS_MAX)),
        )
        # Copies: a source may go on with its own.
        self._counts, self._processes = dict(batch.counts), dict(batch.processes)
        return self._encode(frame)

    def _census(self, census: Census) -> _Census:
        before, self._holdings = self._holdings, census.holdings
        written = _Census(census.started_ns, census.by_address, census.holdings is before, None, [], [], census.cut)
        if not written.same:
            change = _change(before, census.holdings) if before else None
            if change is None:
                written.whole = list(census.holdings)
            else:
                written.removed, written.added = change
        return written


class Decoder:
    """The reverse. A shallow copy (copy.copy) goes on from the same place on its own."""

    def __init__(self) -> None:
        self._counts: Mapping[ProcessKey, Counts] = {}
        self._processes: Mapping[ProcessKey, Process] = {}
        self._holdings: Sequence[Holding] = ()
        self._unconfirmed = 0
        self._decode = msgspec.msgpack.Decoder(_Frame).decode

    def decode(self, raw: bytes) -> Batch:
        """The batch that was encoded, but for its source's kind, which is replay.

        Raises:
            Damaged: the bytes have another form, or say what no source says.
        """
        try:
            frame = self._decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Damaged(str(error)) from None
        _check(frame)
        self._unconfirmed = len(frame.events) + (0 if frame.census else self._unconfirmed)
        self._counts = _merged(self._counts, frame.counts, frame.counts_gone)
        self._processes = _merged(self._processes, _safe_processes(frame.processes), frame.processes_gone)
        batch = Batch(
            since_ns=frame.since_ns,
            now_ns=frame.now_ns,
            wall_ns=frame.wall_ns,
            source=_safe_source(frame.source),
            cost=frame.cost,
            events=_safe_events(frame.events),
            counts=self._counts,
            totals=frame.totals,
            census=self._census(frame.census) if frame.census else None,
            processes=self._processes,
            watches=frame.watches,
            users={uid: _safe_name(user) for uid, user in frame.users.items()},
        )
        _require(_may_be_read(batch) and self._unconfirmed <= _UNCONFIRMED_MAX)
        return batch

    def _census(self, written: _Census) -> Census:
        if written.whole is not None:
            self._holdings = written.whole
        elif not written.same:
            self._holdings = _rebuilt(self._holdings, written.removed, written.added)
        return Census(written.started_ns, self._holdings, written.by_address, written.cut)


def pack(events: Sequence[Event]) -> bytes:
    """Events in little room, for a while."""
    return zlib.compress(msgspec.msgpack.encode(events), 1)


def unpack(packed: bytes) -> list[Event]:
    """What was packed here."""
    return msgspec.msgpack.decode(zlib.decompress(packed), type=list[Event])


def _may_be_read(batch: Batch) -> bool:
    holdings = batch.census.holdings if batch.census else ()
    records = max(len(batch.counts), len(batch.processes), len(batch.watches), len(holdings))
    return records <= RECORDS_MAX and len(batch.events) <= EVENTS_MAX


def _changed(before: Mapping[ProcessKey, _Fact], now: Mapping[ProcessKey, _Fact]) -> dict[ProcessKey, _Fact]:
    return {key: fact for key, fact in now.items() if before.get(key) != fact}


def _merged(
    before: Mapping[ProcessKey, _Fact], changed: Mapping[ProcessKey, _Fact], gone: Collection[ProcessKey]
) -> Mapping[ProcessKey, _Fact]:
    """Another object each time: the last one belongs to the last batch."""
    merged = {**before, **changed}
    for key in gone:
        merged.pop(key, None)
    return merged


def _change(before: Sequence[Holding], now: Sequence[Holding]) -> tuple[list[int], list[tuple[int, Holding]]] | None:
    """What was removed and added; None if the whole is shorter, or if what stayed stands in another order."""
    old, new = set(before), set(now)
    removed = [position for position, holding in enumerate(before) if holding not in new]
    added = [(position, holding) for position, holding in enumerate(now) if holding not in old]
    if len(removed) + len(added) > len(now) // 2:
        return None
    gone = set(removed)
    stayed = [holding for position, holding in enumerate(before) if position not in gone]
    return (removed, added) if stayed == [holding for holding in now if holding in old] else None


def _rebuilt(before: Sequence[Holding], removed: list[int], added: list[tuple[int, Holding]]) -> list[Holding]:
    gone = set(removed)
    stayed = [holding for position, holding in enumerate(before) if position not in gone]
    rebuilt: list[Holding] = []
    taken = 0
    for position, holding in added:
        upto = taken + position - len(rebuilt)
        _require(taken <= upto <= len(stayed))
        rebuilt += stayed[taken:upto]
        rebuilt.append(holding)
        taken = upto
    return rebuilt + stayed[taken:]


def _require(holds: bool) -> None:
    if not holds:
        raise Damaged("out of range")


def _check(frame: _Frame) -> None:
    """Ranges that types do not tell and that something further on counts on."""
    _require(0 <= frame.since_ns <= frame.now_ns and frame.wall_ns >= 0 and bool(frame.source.probes))
    for keys in (frame.counts, frame.processes, frame.counts_gone, frame.processes_gone):
        _require(all(0 <= key.start < _START_MAX for key in keys))
    _require(all(0 <= event.start < _START_MAX for event in frame.events))
    _require(all(key == process.key for key, process in frame.processes.items()) and len(frame.users) <= USERS_MAX)
    if frame.census:
        _require(len(frame.census.cut) <= RECORDS_MAX)
        met = frame.census.whole or [holding for _, holding in frame.census.added]
        _require(all(0 <= each.start < _START_MAX and each.syscall in _SYSCALLS for each in met))


_SYSCALLS = frozenset(map(int, Syscall))


def _safe(text: str, most: int) -> str:
    """Bounded before and after: what a writer made safe stays as it is."""
    _require(len(text) <= most)
    shown = printable(text)
    _require(len(shown) <= most)
    return shown


def _safe_name(text: str) -> str:
    return _safe(text, NAME_CHARS_MAX)


def _safe_note(text: str) -> str:
    return _safe(text, NOTE_CHARS_MAX)


def _safe_stack(stack: tuple[str, ...]) -> tuple[str, ...]:
    """A long frame is cut, not refused: recordings of this version may hold names of functions whole."""
    _require(len(stack) <= FRAMES_MAX)
    _require(all(len(frame) <= TEXT_CHARS_MAX for frame in stack))
    return tuple(clipped(printable(frame), FRAME_CHARS_MAX) for frame in stack)


def _members(source: Source) -> dict[str, Any]:
    return {member.name: getattr(source, member.name) for member in dataclasses.fields(Source)}


def _within_bounds(source: Source) -> _Source:
    """As much of its limits as is read again; a source makes them, so only an error may be as long."""
    cut = (limit.passed_through(lambda text: text[:NOTE_CHARS_MAX]) for limit in source.limits[:NOTES_MAX])
    return _Source(**_members(source) | {"limits": tuple(cut)})


def _safe_source(source: _Source) -> Source:
    _require(max(len(source.probes), len(source.limits), len(source.blind_spots)) <= NOTES_MAX)
    told = [Limit.told(source.fallback, ONLY_PROC)] if source.fallback else []
    told += map(Limit.told, source.blind_spots)
    changed = {
        "kind": "replay",
        "host": Host(*map(_safe_name, source.host)),
        "probes": tuple(
            Probe(_safe_name(each.name), _safe_note(each.attached_to), each.traces) for each in source.probes
        ),
        "census_by": _safe_note(source.census_by),
        "limits": tuple(map(_safe_limit, (*told, *source.limits))),
    }
    return Source(**_members(source) | changed)


def _safe_limit(limit: Limit) -> Limit:
    _require(len(limit.evidence) <= EVIDENCE_MAX)
    _require(all(math.isfinite(value) for _, value in limit.evidence if isinstance(value, float)))
    return limit.passed_through(_safe_note)


def _safe_events(events: list[Event]) -> list[Event]:
    stacks = {event.stack: _safe_stack(event.stack) for event in events}  # equal ones become one object, too
    names = {event.name: _safe_name(event.name) for event in events}
    if all(name == shown for name, shown in names.items()) and stacks.keys() == {()}:  # nearly always
        return events
    return [event._replace(name=names[event.name], stack=stacks[event.stack]) for event in events]


def _safe_processes(processes: Mapping[ProcessKey, Process]) -> Mapping[ProcessKey, Process]:
    return {key: _safe_process(process) for key, process in processes.items()}


def _safe_process(process: Process) -> Process:
    told = process.name, process.command, process.user, process.cgroup
    name, user = _safe_name(process.name), None if process.user is None else _safe_name(process.user)
    command = _safe(process.command, TEXT_CHARS_MAX)
    cgroup = None if process.cgroup is None else _safe(process.cgroup, TEXT_CHARS_MAX)
    made_safe = name, command, user, cgroup
    container = None if process.container is None else _safe_name(process.container)
    if made_safe == told and container == process.container:
        return process
    return process._replace(name=name, command=command, user=user, cgroup=cgroup, container=container)
