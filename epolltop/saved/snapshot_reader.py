"""A snapshot file (schema epolltop.snapshot/1) turned back into the snapshot it was written from.

What the file does not tell is not known again: processes that a filter left out, descriptors of holders that
are not listed, when creators that are not listed started, and the arguments of releases.
"""

from __future__ import annotations

import dataclasses
import datetime
import errno
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from epolltop.errors import Unplayable
from epolltop.model.batch import (
    NS_PER_TICK,
    TABLES,
    Cost,
    Event,
    Host,
    Kind,
    Probe,
    Process,
    ProcessKey,
    Source,
    Syscall,
    Totals,
)
from epolltop.model.limits import DERIVED, LEFT_OUT, ONLY_PROC, Limit
from epolltop.model.rates import Counted
from epolltop.model.snapshot import Extent, Growth, Holder, Instance, ProcessRow, Provenance, Snapshot, Thread
from epolltop.model.world import Selection
from epolltop.saved import snapshot_form as forms
from epolltop.text.safe import printable

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_LEFT_OUT = " left out when the snapshot was written"
"""Ends the sentence of a file that was reopened and written again; it is told anew."""
_CLOEXEC = 0o2000000
_ERRNOS = {name: number for number, name in errno.errorcode.items()}


def reopened(raw: bytes, selection: Selection) -> Snapshot:
    """The snapshot that a file shows.

    Args:
        raw: the file.
        selection: which of its processes count.

    Raises:
        Unplayable: it is no snapshot file, or says what no snapshot says.
    """
    try:
        schema = msgspec.json.decode(raw, type=forms.Schema).schema
        if schema != "epolltop.snapshot/1":
            raise Unplayable(f"a file of schema {schema[:40]}; this epolltop reads epolltop.snapshot/1")
        snapshot = _snapshot(msgspec.json.decode(raw, type=forms.Document))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise Unplayable(f"no snapshot of epolltop: {error}") from None
    return snapshot if selection.is_all else _selected(snapshot, selection)


def _snapshot(document: forms.Document) -> Snapshot:
    source, totals, clocks = document.source, document.totals, document.clocks
    keys = [_key(process, clocks) for process in document.processes]
    instances = _SavedInstances(zip(keys, document.processes, strict=True))
    events = tuple(_event(event, clocks) for event in document.events)
    if document.view.of == "events":  # they stand in the order of that view
        events = tuple(sorted(events, key=attrgetter("time_ns")))
    told = Source(
        kind="replay",
        host=Host(*(printable(text) for text in msgspec.structs.astuple(document.host))),
        probes=tuple(Probe(printable(p.name), printable(p.attached_to), p.traces) for p in source.probes),
        census_by=printable(source.census_by),
        limits=tuple(_limits(document)),
        unreadable=source.unreadable,
        events=source.events,
        lost=source.lost,
        sampled_out=source.sampled_out,
        failed_sampled_out=source.failed_sampled_out,
        untold_releases=source.untold_releases,
        overflowed=source.overflowed,
        unattributed=source.unattributed,
        missed=source.missed,
        stacks_left_out=source.stacks_left_out,
        sees_compat=source.sees_compat,
    )
    unheld = tuple(instances.instance(instance) for instance in document.in_flight)
    rows = tuple(
        _row(process, key, instances, told, clocks) for key, process in zip(keys, document.processes, strict=True)
    )
    whole = Extent(totals.processes, totals.holding, totals.instances, totals.in_flight)
    listed = len(instances.made)
    return Snapshot(
        now_ns=clocks.boottime_ns,
        wall_ns=clocks.realtime_ns,
        observed_s=document.observed_s,
        window_s=document.window_s,
        source=told,
        totals=Totals(
            totals.created or 0, totals.create_failed or 0, totals.released or 0, totals.released_by_kernel or 0
        ),
        open=listed,
        unheld=unheld,
        create_per_s=totals.create_per_s or 0.0,
        release_per_s=totals.release_per_s or 0.0,
        processes=rows,
        journal=events,
        journal_end=len(events) + document.events_left_out,
        news=events,
        cost=Cost(document.self.cpu_ns, document.self.rss_bytes),
        cpu_share=document.self.cpu_share,
        lacking=told.exact and not totals.exact,
        unseen=totals.unseen_creations,
        partly_listed=totals.partly_listed,
        looked_ns=clocks.boottime_ns - round(document.census_age_s * 1e9) if document.census_age_s is not None else 0,
        of=whole if whole.processes > len(rows) or whole.instances > listed else None,
    )


def _limits(document: forms.Document) -> Iterator[Limit]:
    """What the source told, and what the file leaves out itself."""
    source, totals = document.source, document.totals
    if document.limits is not None:
        told = [Limit(each.id, tuple(each.evidence.items())) for each in document.limits if each.id not in DERIVED]
    else:  # files had sentences only
        told = [Limit.told(source.fallback, ONLY_PROC)] if source.fallback else []
        told += [Limit.told(sentence) for sentence in source.blind_spots if not sentence.endswith(_LEFT_OUT)]
    yield from (limit.passed_through(printable) for limit in told)
    if totals.processes > totals.shown:
        yield Limit.of(LEFT_OUT, processes=totals.processes - totals.shown)


def _key(process: forms.Process, clocks: forms.Clocks) -> ProcessKey:
    """Its start is written to the microsecond, and is a whole number of clock ticks."""
    if process.started_at is None:
        return ProcessKey(process.pid, 0)
    started_ns = clocks.boottime_ns - (clocks.realtime_ns - _wall_ns(process.started_at))
    start = round(started_ns / NS_PER_TICK)
    if not 0 <= start < 1 << 40:
        raise ValueError("a process started when no process can have started")
    return ProcessKey(process.pid, start)


def _wall_ns(at: datetime.datetime) -> int:
    if at.tzinfo is None or not 1900 < at.year < 2300:
        raise ValueError("a time without its zone, or of no computer")
    return (at - _EPOCH) // datetime.timedelta(microseconds=1) * 1000


class _SavedInstances:
    """Each is made once, however many processes it stands under.

    The file lists pids as its holders, some or all of them, and descriptors under each process only.
    """

    def __init__(self, listed: Iterable[tuple[ProcessKey, forms.Process]]) -> None:
        self.made: dict[str, Instance] = {}
        """By id."""
        self._fds: dict[str, dict[int, Holder]] = {}
        self._cloexec: dict[tuple[str, Holder], tuple[bool | None, ...]] = {}
        self._keys: dict[int, ProcessKey] = {}
        for key, process in listed:
            self._keys[key.pid] = key
            for instance in process.instances:
                holder = self._fds.setdefault(instance.id, {})[key.pid] = Holder(key, tuple(sorted(instance.fds)))
                if instance.cloexec and len(instance.cloexec) == len(holder.fds):
                    flags = dict(zip(instance.fds, instance.cloexec, strict=True))
                    self._cloexec[instance.id, holder] = tuple(flags[fd] for fd in holder.fds)

    def instance(self, written: forms.Instance) -> Instance:
        """As it was written first."""
        made = self.made.get(written.id)
        if made is None:
            made = self.made[written.id] = self._instance(written)
        return made

    def _instance(self, written: forms.Instance) -> Instance:
        file, _, since_ns = written.id.partition("@")
        syscall, argument = _argument(written)
        creator = None if written.creator is None else self._key(written.creator)
        known = self._fds.get(written.id, {})
        others = (Holder(self._key(pid), ()) for pid in set(written.holders) - known.keys())
        holders = tuple(sorted((*known.values(), *others)))
        provenance = Provenance(written.provenance)
        made = int(file, 16), int(since_ns), provenance, creator, syscall, argument, holders, written.watches
        thread = (
            None if written.creator_tid is None else Thread(written.creator_tid, _printable(written.creator_thread))
        )
        cloexec = tuple(self._cloexec.get((written.id, holder), (None,) * len(holder.fds)) for holder in holders)
        told = any(each is not None for held in cloexec for each in held)
        more = max(0, (written.holder_count or 0) - len(holders))
        stack = _stack(written.stack)
        return Instance(*made, stack=stack, cloexec=cloexec if told else (), thread=thread, more_holders=more)

    def _key(self, pid: int) -> ProcessKey:
        return self._keys.get(pid, ProcessKey(pid, 0))


def _argument(written: forms.Instance) -> tuple[Syscall, int | None]:
    if written.size is not None:
        return Syscall.EPOLL_CREATE, written.size & 0xFFFFFFFF
    if written.flags is not None:
        flags = (_CLOEXEC if name == "EPOLL_CLOEXEC" else int(name, 16) for name in written.flags)
        return Syscall.EPOLL_CREATE1, sum(flags) & 0xFFFFFFFF
    return Syscall.UNKNOWN, None


def _row(
    process: forms.Process, key: ProcessKey, instances: _SavedInstances, told: Source, clocks: forms.Clocks
) -> ProcessRow:
    held = tuple(instances.instance(instance) for instance in process.instances)
    return ProcessRow(
        key=key,
        facts=Process(key=key, **_told(process, Process)),
        started_ns=key.start * NS_PER_TICK if key.start else None,
        instances=held,
        counted=tuple(_counted(process, table.none) for table in TABLES.values()),
        history=tuple(process.history or ()),
        lacking=told.exact and process.exact is False,
        more_instances=max(0, process.open - len(held)),
        growth=_growth(process, clocks),
        **_told(process, ProcessRow),
    )


_OWN_RULE = frozenset(
    ("key", "facts", "started_ns", "instances", "counted", "failed", "history", "lacking", "more_instances", "growth")
)
"""What has a rule of its own, above."""


def _counted(process: forms.Process, none: Any) -> Counted[Any]:
    """A record of counters, each of which the file may tell, and its rate."""
    there = {name: getattr(process, _COUNTERS.get(name, name), None) or 0 for name in none._fields}
    rates = (getattr(process, _RATES.get(name, f"{name}_per_s"), None) or 0.0 for name in none._fields)
    return Counted(none._replace(**there), tuple(rates))


_COUNTERS = {"failed": "create_failed"}
_RATES = {"created": "create_per_s", "released": "release_per_s"}
"""Where the name in the file is another one."""


def _told(process: forms.Process, record: type) -> dict[str, Any]:
    """The members of a record that stand in the file under the same name."""
    return {name: read(getattr(process, name)) for name, read in _readers(record).items()}


@functools.cache
def _readers(record: type) -> dict[str, Callable[[Any], Any]]:
    """What makes their values from those of the file."""
    return {
        name: _or_nothing(kind) if kind in (int, float, bool) else _printed
        for name, kind in get_type_hints(record).items()
        if name not in _OWN_RULE
    }


def _or_nothing(kind: type) -> Callable[[Any], Any]:
    """Counters are 0 where it is not known what they counted."""
    return lambda value: kind() if value is None else value


def _printed(value: Any) -> Any:
    if isinstance(value, forms.Buckets | forms.BucketsOfSeconds):
        return value.read()
    return printable(value) if isinstance(value, str) else value


def _growth(process: forms.Process, clocks: forms.Clocks) -> Growth | None:
    per_min, per_hour, over_s = process.net_per_min, process.net_per_hour, process.growth_over_s
    if per_min is None or per_hour is None or over_s is None:
        return None
    left_s, left = process.fd_limit_in_s, (process.fd_limit or 0) - (process.fds or 0)
    fds_per_s = None if left_s is None else left / left_s if left_s > 0 else 1.0  # whatever: nothing is left
    return Growth(per_min, per_hour, fds_per_s, clocks.boottime_ns - round(over_s * 1e9))


def _stack(frames: list[str] | None) -> tuple[str, ...]:
    return tuple(map(printable, frames or ()))


def _printable(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _event(written: forms.SavedEvent, clocks: forms.Clocks) -> Event:
    epoll = written.epoll
    kind = _KINDS.get(epoll.kind)
    if kind is None or (epoll.errno and epoll.errno not in _ERRNOS and not epoll.errno.isdecimal()):
        raise ValueError("an event of an unknown kind")
    file, _, since_ns = (epoll.id or "0@0").partition("@")
    is_call = kind in (Kind.CREATE, Kind.CREATE_FAILED)
    argument = written.args[0].value if written.args else None
    time_ns = written.timestamp - clocks.realtime_ns + clocks.boottime_ns
    return Event(
        kind=kind,
        time_ns=time_ns,
        file=int(file, 16),
        created_ns=_created_ns(epoll, int(since_ns), time_ns, clocks),
        pid=written.process_id or 0,
        tid=written.thread_id or 0,
        ppid=written.parent_process_id or 0,
        uid=written.user_id,
        start=epoll.process_start_ticks or 0,
        cgroup=written.cgroup_id or 0,
        name=printable(written.process_name or ""),
        fd=epoll.fd,
        errno=_ERRNOS.get(epoll.errno) or int(epoll.errno[:9]) if epoll.errno else 0,
        syscall=_SYSCALLS.get(written.event_name, Syscall.UNKNOWN) if is_call else Syscall.UNKNOWN,
        argument=None if argument is None else argument & 0xFFFFFFFF,
        by_kernel=epoll.by_kernel,
        by_census=epoll.by_census,
        since_ns=int(since_ns),
        stack=_stack(epoll.stack),
    )


def _created_ns(epoll: forms.Epoll, since_ns: int, time_ns: int, clocks: forms.Clocks) -> int:
    """As exactly as the file tells: to the nanosecond where it tells an id or a lifetime."""
    if epoll.created_at is None:
        return 0
    if epoll.lifetime_ns is not None:
        return time_ns - epoll.lifetime_ns
    return since_ns or clocks.boottime_ns - (clocks.realtime_ns - _wall_ns(epoll.created_at))


_KINDS: Mapping[str, Kind] = {kind.name.lower(): kind for kind in Kind}
_SYSCALLS: Mapping[str, Syscall] = {syscall.name.lower(): syscall for syscall in Syscall if syscall}


def _selected(snapshot: Snapshot, selection: Selection) -> Snapshot:
    """As if only these had been observed: what all processes did together is left out of the sums."""
    uids = {row.key: row.uid for row in snapshot.processes}
    rows = tuple(row for row in snapshot.processes if selection.covers(row.pid, row.uid))
    events = tuple(
        event for event in snapshot.journal if selection.covers(event.pid, uids.get(event.process, event.uid))
    )
    changes: dict[str, Any] = {
        "processes": rows,
        "totals": Totals(*(sum(getattr(row, name) for row in rows) for name in ("created", "failed", "released"))),
        "open": len({instance.id for row in rows for instance in row.instances}),
        "unheld": (),
        "create_per_s": sum(row.create_per_s for row in rows),
        "release_per_s": sum(row.release_per_s for row in rows),
        "lacking": snapshot.lacking or bool(snapshot.source.unattributed),
        "journal": events,
        "journal_end": len(events),
        "news": events,
        "of": None,
        "absent": selection.absent({row.pid for row in rows}),
    }
    return dataclasses.replace(snapshot, **changes)
