"""What a world tells, made by hand: everything has a default, each test names what it is about."""

from __future__ import annotations

from dataclasses import replace

from epolltop.model.batch import Cost, Counts, Event, Host, Probe, Process, ProcessKey, Syscall, Totals
from epolltop.model.rates import Counted
from epolltop.model.snapshot import Holder, Instance, ProcessRow, Provenance, Snapshot
from tests.support.records import NOW_NS, SECOND_NS, WALL_NS, source

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
    history=(0.0, 1.0, 2.5),
    instances=(),
)


def process_row(pid: int = 42, *, start: int = 7000, open: int = 0, **changes: object) -> ProcessRow:
    """A process that holds as many instances as open says, unless it is given them; changes of its facts, too.

    Counters, create_per_s and release_per_s may be changed as if they were members.
    """
    changes["counted"] = (_counted(changes),)
    held = tuple(instance(file=number + 1, holders=((pid, (number + 4,)),)) for number in range(open))
    key = ProcessKey(pid, start)
    facts = _ROW.facts._replace(key=key, **{name: changes.pop(name) for name in Process._fields if name in changes})  # type: ignore[arg-type]
    return replace(_ROW, **{"key": key, "facts": facts, "instances": held, **changes})  # type: ignore[arg-type]


def _counted(changes: dict[str, object]) -> Counted[Counts]:
    """Takes what it is made of out of the changes."""
    before = _ROW.table("counts")
    counts = {name: changes.pop(name) for name in Counts._fields if name in changes}
    rates = dict(zip(Counts._fields, before.rates, strict=True))
    for counter, name in (("created", "create_per_s"), ("released", "release_per_s")):
        rates[counter] = float(changes.pop(name, rates[counter]))  # type: ignore[arg-type]
    return Counted(before.total._replace(**counts), tuple(rates.values()))


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
