"""What a world tells, made by hand: everything has a default, each test names what it is about."""

from __future__ import annotations

from dataclasses import replace

from epolltop.model.batch import TABLES, Cost
from epolltop.model.counts import Counts, Totals
from epolltop.model.event import Event, Syscall
from epolltop.model.histogram import Histogram
from epolltop.model.instance import Holder, Instance, Provenance
from epolltop.model.loop_activity import LoopCounts
from epolltop.model.loop_row import KnownActivity, LoopRow
from epolltop.model.loop_times import AwayParts
from epolltop.model.process import Process, ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.process_row import ProcessRow
from epolltop.model.rates import Counted
from epolltop.model.snapshot import Snapshot
from epolltop.model.source import Host, Probe
from tests.support.records import NOW_NS, SECOND_NS, WALL_NS, loop, source, turn

_ROW = ProcessRow(
    key=ProcessKey(42, 7000),
    facts=Process(
        key=ProcessKey(42, 7000),
        ppid=1,
        name="nginx",
        command="nginx: worker process",
        uid=33,
        user="www-data",
        cgroup="/system.slice/nginx.service",
        fds=12,
        fd_limit=1024,
        ns_pid=42,
    ),
    started_ns=NOW_NS - 90 * SECOND_NS,
    ended=False,
    counted=(Counted(Counts(created=5, released=4), (2.5, 0.0, 1.5, 0.0, 0.0)),),
    histories=((0.0, 1.0, 2.5),),
    instances=(),
)


def process_row(pid: int = 42, *, start: int = 7000, open: int = 0, **changes: object) -> ProcessRow:
    """A process that holds as many instances as open says, unless it is given them; changes of its facts, too.

    Counters, create_per_s, release_per_s and history may be changed as if they were members.
    """
    if "history" in changes:
        changes["histories"] = (changes.pop("history"),)
    others = {name: Counted(table.none, (0.0,) * len(table.none)) for name, table in TABLES.items() if name != "counts"}
    if loops := changes.get("loops"):
        others["loops"] = _of_all(loops)  # type: ignore[arg-type]
    changes["counted"] = (_counted(changes), *others.values())
    held = tuple(instance(file=number + 1, holders=((pid, (number + 4,)),)) for number in range(open))
    key = ProcessKey(pid, start)
    facts = _ROW.facts._replace(key=key, **{name: changes.pop(name) for name in Process._fields if name in changes})  # type: ignore[arg-type]
    return replace(_ROW, **{"key": key, "facts": facts, "instances": held, **changes})  # type: ignore[arg-type]


def _counted(changes: dict[str, object]) -> Counted[Counts]:
    """Takes what it is made of out of the changes."""
    before = _ROW.table("counts")
    counts = {name: changes.pop(name) for name in Counts._fields if name in changes}
    rates = dict(zip(Counts._fields, before.rises, strict=True))
    for counter, name in (("created", "create_per_s"), ("released", "release_per_s")):
        rates[counter] = float(changes.pop(name, rates[counter]))  # type: ignore[arg-type]
    return Counted(before.total._replace(**counts), tuple(rates.values()))


def _of_all(loops: ProcessLoops) -> Counted[LoopCounts]:
    """What all of them did."""
    each = [loop.did.counted for loop in loops]
    total = LoopCounts(*map(sum, zip(*(one.total for one in each), strict=True)))
    return Counted(total, tuple(map(sum, zip(*(one.rises for one in each), strict=True))))


def loop_row(of: Instance, *, tid: int = 42, pid: int = 42, **changes: object) -> LoopRow:
    """A loop on an instance, of a thread of a process with the start of process_row(), over a window of a second.

    It waits since 10 ms ago. Counters may be changed as if they were members; their rates are the same numbers.
    """
    counts = {name: changes.pop(name) for name in LoopCounts._fields if name in changes}
    total = _LOOP.did.counted.total._replace(**counts)  # type: ignore[arg-type]
    key = loop(of.file, ProcessKey(pid, 7000), tid, created=of.created_ns or 0)
    known = {name: changes.pop(name) for name in KnownActivity._fields if name in changes}
    did = _DID._replace(counted=Counted(total, tuple(map(float, total))), **known)  # type: ignore[arg-type]
    return _LOOP._replace(key=key, since_ns=of.since_ns, did=did)._replace(**changes)  # type: ignore[arg-type]


_DID = KnownActivity(
    Counted(
        LoopCounts(
            waits=120,
            events=340,
            wakes=117,
            finite_timeouts=2,
            infinite_timeouts=118,
            timeouts_met=2,
            interrupted=1,
            waiting_ns=900_000_000,
            away_ns=90_000_000,
            cpu_ns=80_000_000,
            slept=118,
            away_runq_ns=7_000_000,
            wake_runq_ns=2_360_000,
        ),
        (),
    ),
    waited_ns=900_000_000,
    was_away_ns=90_000_000,
    waiting=Histogram((*(0,) * 22, 100, 20), 8_000_000),
    away=Histogram((*(0,) * 12, 60, 59, 0, 0, 1), 60_000),
    poll_delay=Histogram((*(0,) * 17, 2), 90_000),
    parts=AwayParts(own_ns=59_000, cpu_ns=50_000, runq_ns=2000),
    wake_runq_max_ns=80_000,
)
_LOOP = LoopRow(loop(), None, "nginx", _DID, turn(NOW_NS - 10_000_000, name="nginx"))


def instance(
    file: int = 0xFFFF888101234500,
    *,
    holders: tuple[tuple[int, tuple[int, ...]], ...] = ((42, (8,)),),
    age_s: float = 12.3,
    found: bool = False,
    syscall: Syscall = Syscall.EPOLL_CREATE1,
    argument: int | None = 0,
    watches: int | None = None,
) -> Instance:
    """An instance held by processes with the start of process_row()."""
    return Instance(
        file=file,
        since_ns=NOW_NS - round(age_s * SECOND_NS),
        provenance=Provenance.FOUND if found else Provenance.TRACED,
        creator=None if found else ProcessKey(42, 7000),
        syscall=syscall,
        argument=argument,
        holders=tuple(Holder(ProcessKey(pid, 7000), fds) for pid, fds in holders),
        watches=watches,
    )


def snapshot(
    *processes: ProcessRow, journal: tuple[Event, ...] = (), window_s: float = 1.0, exact: bool = True
) -> Snapshot:
    """A snapshot at NOW_NS and WALL_NS."""
    return Snapshot(
        now_ns=NOW_NS,
        wall_ns=WALL_NS,
        observed_s=window_s,
        window_s=window_s,
        source=source(
            host=Host("test", "6.1.0", "x86_64"),
            probes=(Probe("epoll_create", "test", exact), Probe("files_free", "test", exact)),
            census_by="test",
        ),
        totals=Totals(),
        open=sum(row.open for row in processes),
        unheld=(),
        create_per_s=0.0,
        release_per_s=0.0,
        processes=processes,
        journal=journal,
        news=(),
        journal_end=len(journal),
        cost=Cost(0, 0),
        cpu_share=0.0,
    )
