"""A whole source of facts, scripted: what the app shows comes through session, world and queries as live facts do."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from epolltop.model.batch import (
    NS_PER_TICK,
    Batch,
    Census,
    Cost,
    Counts,
    Descriptor,
    Event,
    Holding,
    Host,
    Probe,
    Process,
    ProcessKey,
    Source,
    Totals,
)
from tests.query.rows import NOW_NS, SECOND_NS, WALL_NS

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


def batch(*tasks: Task, events: Sequence[Event] = (), exact: bool = True, lost: int = 0, fallback: str = "") -> Batch:
    """What is there, and what was done so far. The source puts in the time."""
    return Batch(
        since_ns=NOW_NS,
        now_ns=0,
        wall_ns=0,
        source=Source(
            kind="bpf" if exact else "proc",
            host=Host("test", "6.1.0", "x86_64"),
            probes=(
                Probe("epoll_create", "tracepoint:one, tracepoint:two", exact),
                Probe("files_free", "raw_tracepoint:three", exact),
            ),
            census_by="test",
            fallback=fallback,
            events=sum(task.created + task.released for task in tasks),
            lost=lost,
        ),
        cost=Cost(0, 50 << 20),
        events=events,
        counts={task.key: Counts(task.created, task.failed, task.released) for task in tasks},
        totals=Totals(
            sum(task.created for task in tasks),
            sum(task.failed for task in tasks),
            sum(task.released for task in tasks),
        ),
        census=Census(
            0,
            [
                Holding(file, 0, START, task.pid, fd, 0, 0)
                for task in tasks
                for fd, file in enumerate(task.files, start=4)
            ],
            by_address=True,
        ),
        processes={
            task.key: Process(
                task.key, 1, task.name, task.command or task.name, 33, task.user, "/", task.fds, 1024
            )._replace(container=task.container, ns_pid=task.ns_pid)
            for task in tasks
        },
    )


class ScriptedSource:
    """Implements FactSource with batches that are told, a second of its own time apart; the last state stays."""

    def __init__(self, *script: Batch | Exception) -> None:
        self._script = deque(script)
        self._last = batch()
        self.now_ns = NOW_NS
        self.focus: Mapping[int, Descriptor] = {}
        self.shown: Collection[ProcessKey] = ()
        self.polls = 0
        self.closed = False

    def then(self, *script: Batch | Exception) -> None:
        """What comes next."""
        self._script.extend(script)

    def open(self) -> None:
        """See FactSource."""

    def poll(self, focus: Mapping[int, Descriptor], shown: Collection[ProcessKey] = ()) -> Batch:
        """See FactSource."""
        assert not self.closed
        self.focus, self.shown = focus, shown
        fresh = self._script.popleft() if self._script else replace(self._last, events=())
        if isinstance(fresh, Exception):
            raise fresh
        self._last = fresh
        self.now_ns += SECOND_NS
        self.polls += 1
        assert fresh.census is not None
        return replace(
            fresh,
            now_ns=self.now_ns,
            wall_ns=WALL_NS + self.now_ns - NOW_NS,
            census=replace(fresh.census, started_ns=self.now_ns),
        )

    def close(self) -> None:
        """See FactSource."""
        self.closed = True
