"""A source of facts that is told what to say: it goes through session, world and queries as live facts do."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from epolltop.errors import SourceEnded
from epolltop.model.batch import Batch, Cost
from epolltop.model.counts import Counts, Totals
from epolltop.model.event import Event
from epolltop.model.holding import Descriptor
from epolltop.model.limits import ONLY_PROC, Limit
from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.model.source import Host, Probe
from epolltop.sources import NOTHING, Wanted
from tests.support.records import NOW_NS, SECOND_NS, WALL_NS, batch, census, holding, process, source

START = (NOW_NS - 90 * SECOND_NS) // NS_PER_TICK


@dataclass(frozen=True)
class Task:
    """A process with so many instances."""

    pid: int
    name: str = "nginx"
    command: str = ""
    user: str = "www-data"
    open: int = 1
    created: int = 0
    released: int = 0
    failed: int = 0
    container: str | None = None
    ns_pid: int | None = None
    fds: int = 12
    shares: tuple[int, ...] = ()
    """Files of other processes' instances that it holds too, see file_of."""

    @property
    def key(self) -> ProcessKey:
        return ProcessKey(self.pid, START)

    @property
    def files(self) -> Sequence[int]:
        return [*(file_of(self.pid, number) for number in range(self.open)), *self.shares]


def file_of(pid: int, number: int) -> int:
    return 0xFFFF_8880_0000_0000 + (pid << 16) + (number << 8)


def batch_of(
    *tasks: Task, events: Sequence[Event] = (), exact: bool = True, lost: int = 0, fallback: str = ""
) -> Batch:
    """What is there, and what was done so far. The source puts in the time."""
    processes = {
        task.key: process(
            task.key,
            name=task.name,
            command=task.command or task.name,
            uid=33,
            user=task.user,
            fds=task.fds,
            container=task.container,
            ns_pid=task.ns_pid,
        )
        for task in tasks
    }
    made = batch(
        0,
        events,
        census(0, *(holding(file, task.key, fd) for task in tasks for fd, file in enumerate(task.files, start=4))),
        counts={task.key: Counts(task.created, task.failed, task.released) for task in tasks},
        totals=Totals(
            sum(task.created for task in tasks),
            sum(task.failed for task in tasks),
            sum(task.released for task in tasks),
        ),
        by=source(
            kind="bpf" if exact else "proc",
            host=Host("test", "6.1.0", "x86_64"),
            probes=(
                Probe("epoll_create", "tracepoint:one, tracepoint:two", exact),
                Probe("files_free", "raw_tracepoint:three", exact),
            ),
            census_by="test",
            limits=(Limit.told(fallback, ONLY_PROC),) if fallback else (),
            events=sum(task.created + task.released for task in tasks),
            lost=lost,
        ),
    )
    return replace(made, since_ns=NOW_NS, cost=Cost(0, 50 << 20), processes=processes)


class FakeSource:
    """Implements FactSource with batches as they are, and ends after the last. Exceptions are raised."""

    def __init__(self, batches: Iterable[Batch | Exception]) -> None:
        self._batches = iter(batches)
        self.focus: Mapping[int, Descriptor] = {}
        self.shown: Collection[ProcessKey] = ()
        self.asked: Mapping[int, Sequence[Descriptor]] = {}
        self.glances: list[frozenset[LoopKey]] = []
        self.polls = 0
        self.closed = False

    def open(self) -> None:
        """See FactSource."""

    def poll(self, wanted: Wanted = NOTHING) -> Batch:
        """See FactSource."""
        assert not self.closed
        self.focus, self.shown, self.asked = wanted.focus, wanted.shown, wanted.asked
        for fresh in self._batches:
            if isinstance(fresh, Exception):
                raise fresh
            self.polls += 1
            return fresh
        raise SourceEnded

    def glance(self, loops: Collection[LoopKey]) -> None:
        """See FactSource."""
        self.glances.append(frozenset(loops))

    def close(self) -> None:
        """See FactSource."""
        self.closed = True


class ScriptedSource(FakeSource):
    """The same with a clock of its own, a second from batch to batch; it never ends: the last state stays."""

    def __init__(self, *script: Batch | Exception) -> None:
        super().__init__(self._ticks())
        self._script = deque(script)
        self.now_ns = NOW_NS

    def then(self, *script: Batch | Exception) -> None:
        """What comes next."""
        self._script.extend(script)

    def _ticks(self) -> Iterator[Batch | Exception]:
        last = batch_of()
        while True:
            fresh = self._script.popleft() if self._script else replace(last, events=())
            if isinstance(fresh, Exception):
                yield fresh
                continue
            last = fresh
            self.now_ns += SECOND_NS
            assert fresh.census is not None
            yield replace(
                fresh,
                now_ns=self.now_ns,
                wall_ns=WALL_NS + self.now_ns - NOW_NS,
                census=replace(fresh.census, started_ns=self.now_ns),
            )
