"""The live source: probes attached to this kernel.

Order at start: perf buffer, then probes, then the lesson, then the first census, so that no instance falls between. Per
poll: census, then events, then counts, so that a count never lacks an event that was delivered and an event never
precedes the census that must contain it.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from epolltop.model.batch import Batch, Holding, Probe, ProcessKey, Source, Totals
from epolltop.sources import NO_STACKS, Descriptor, SourceUnavailable
from epolltop.sources.bpf import ladder, wire
from epolltop.sources.bpf.bcc import load_bcc
from epolltop.sources.bpf.btf import VMLINUX, Btf
from epolltop.sources.bpf.census import CensusTaker, census_taker, now_ns
from epolltop.sources.bpf.drain import Drain
from epolltop.sources.bpf.program import Program, give_back_memory
from epolltop.sources.bpf.requirements import require
from epolltop.sources.bpf.sizes import SIZES, Sizes
from epolltop.sources.bpf.stacks import Stacks
from epolltop.sources.cost import own_cost
from epolltop.sources.facts import Facts
from epolltop.sources.host import own_host
from epolltop.sources.procfs import Procfs, user_name

WAKEUP_EVENTS = 1 << 20
"""More than a buffer holds: events wake nobody, the drain's timer finds them."""

_OFFSETS = {
    "FILE_F_OP": ("file", "f_op"),
    "TASK_FILES": ("task_struct", "files"),
    "TASK_FLAGS": ("task_struct", "flags"),
    "TASK_GROUP_LEADER": ("task_struct", "group_leader"),
    "TASK_MM": ("task_struct", "mm"),
    "TASK_REAL_PARENT": ("task_struct", "real_parent"),
    "TASK_START": ("task_struct", "start_boottime"),
    "TASK_TGID": ("task_struct", "tgid"),
    "FILES_FDT": ("files_struct", "fdt"),
    "FDTABLE_FD": ("fdtable", "fd"),
    "FDTABLE_MAX_FDS": ("fdtable", "max_fds"),
    "MM_START_STACK": ("mm_struct", "start_stack"),
}
_REGISTERS = {
    "x86_64": {
        "REGS_ARGUMENT": ("pt_regs", "di"),
        "REGS_ARGUMENT_COMPAT": ("pt_regs", "bx"),
        "REGS_SECOND": ("pt_regs", "si"),
        "REGS_RET": ("pt_regs", "ax"),
        "REGS_IP": ("pt_regs", "ip"),
        "REGS_SP": ("pt_regs", "sp"),
    },
    # x0 holds the result at the end of a call, orig_x0 still the argument. Not verified on a running arm64.
    "aarch64": {"REGS_ARGUMENT": ("pt_regs", "orig_x0")},
}


@dataclass(frozen=True, slots=True)
class Ladders:
    """What is tried for each probe, best first, and how a census is taken."""

    epoll_create: tuple[ladder.Rung, ...] = ladder.EPOLL_CREATE
    files_free: tuple[ladder.Rung, ...] = ladder.FILES_FREE
    census: Callable[..., CensusTaker] = census_taker


class BpfSource:
    """Implements FactSource with probes."""

    def __init__(
        self,
        *,
        include_self: bool = False,
        stacks: bool = False,
        ladders: Ladders = Ladders(),
        sizes: Sizes = SIZES,
    ) -> None:
        """Touches nothing yet.

        Args:
            include_self: count our own instances too.
            stacks: take the user stack of each creation; where that cannot be, a blind spot says so.
            ladders: other rungs than all, to try each on a kernel that has better ones.
            sizes: other bounds of maps and buffer, to see what happens beyond them.
        """
        self._include_self = include_self
        self._ladders = ladders
        self._sizes = sizes
        self._stacks = Stacks() if stacks else None
        self._no_stacks = ""
        self._facts = Facts(Procfs())
        self._program: Program | None = None

    def open(self) -> None:
        """Compiles, attaches, learns. About 0.4 s.

        Raises:
            SourceUnavailable: no root, no BTF, no BCC, or the kernel refused.
        """
        require()
        try:
            self._attach()
        except SourceUnavailable as error:
            if self._stacks is None:
                raise
            self._stacks, self._no_stacks = None, f"{NO_STACKS}: {' '.join(str(error).split())}"
            self._attach()

    def _attach(self) -> None:
        program = Program(load_bcc(), self._defines())
        self._program = program
        try:
            self._drain = Drain(program.consume, self._sizes.records)
            pages = self._sizes.pages(os.cpu_count() or 1)
            program.open_perf_buffer("events", self._drain.receive, pages, WAKEUP_EVENTS)
            ladders = self._ladders
            self._created = ladder.climb(program, ladders.epoll_create, lambda: self._lesson(program).f_op != 0)
            self._released = ladder.climb(program, ladders.files_free, lambda: self._lesson(program).freed_by != 0)
            if not self._created.hooks:
                raise SourceUnavailable(
                    "no probe sees instances being created: " + "; ".join(self._created.refusals),
                    "run epolltop in the machine's own PID namespace, on a kernel with CONFIG_FTRACE_SYSCALLS=y",
                )
            self._begin(program)
            self._census = ladders.census(program, include_self=self._include_self)
        except BaseException:
            self.close()
            raise
        self._counts = program.table("processes", wire.PROCESS, wire.COUNTS)
        self._holdings: Sequence[Holding] = ()
        self._holders: set[ProcessKey] = set()
        give_back_memory()
        self._gone: set[tuple[int, ...]] = set()
        self._drain.start()

    def poll(self, focus: Mapping[int, Descriptor]) -> Batch:
        """See FactSource."""
        program = self._program
        assert program is not None, "poll before open"
        scanned = self._census.take()
        records = self._drain.take()
        events = [wire.decode_event(record) for record in records]
        if self._stacks is not None:
            events = self._stacks.give(events, [wire.stack_bytes(record) for record in records])
        events.sort(key=attrgetter("time_ns"))  # each CPU's are in order, all together are not
        census = self._census.join(scanned, events)
        if census and census.holdings is not self._holdings:
            self._holdings = census.holdings
            self._holders = {ProcessKey(*key) for key in set(map(attrgetter("pid", "start"), census.holdings))}
        entries = list(self._counts.items())
        totals = wire.sum_totals(program.per_cpu("totals", wire.TOTALS))
        at_ns, wall_ns = now_ns(), time.time_ns()
        counts = wire.decode_counts(entries)
        actors = {event.process for event in events}
        processes = self._facts.of({*self._holders, *counts, *actors}, actors)
        gone = {event.uid for event in events if event.uid is not None and event.process not in processes}
        self._forget_the_gone(entries, processes)
        return Batch(
            since_ns=self._since_ns,
            now_ns=at_ns,
            wall_ns=wall_ns,
            source=self._describe(totals),
            cost=own_cost(),
            events=events,
            counts=counts,
            totals=Totals(totals.created, totals.failed, totals.released, totals.released_by_kernel),
            census=census,
            processes=processes,
            users={uid: user_name(uid) for uid in gone},
            watches=self._facts.watches(focus),
        )

    def close(self) -> None:
        """See FactSource."""
        program, self._program = self._program, None
        if program is None:
            return
        # Before the drain is stopped: without probes a storm has an end, and so has the turn that it keeps.
        program.detach_all()
        # A turn that goes on all the same reads memory that closing would free: then that goes with the process.
        if self._drain.stop():
            program.close()

    def _lesson(self, program: Program) -> wire.Lesson:
        """Creates and closes an instance of our own under the probes' eyes; what they learnt from it.

        Until `_begin` the probes look at nothing else, or the first of them would count what the others do not see yet.
        """
        known = wire.Lesson._make(program.element("lesson", wire.LESSON))
        student = known._replace(file=0, student=threading.get_native_id(), freed_by=0)
        program.set_element("lesson", wire.LESSON.pack(*student))
        select.epoll().close()
        return wire.Lesson._make(program.element("lesson", wire.LESSON))

    def _begin(self, program: Program) -> None:
        """From here on everything counts, for all probes at once."""
        learnt = wire.Lesson._make(program.element("lesson", wire.LESSON))
        self._since_ns = now_ns()
        program.set_element("lesson", wire.LESSON.pack(*learnt._replace(student=0)))

    def _forget_the_gone(self, entries: Iterable[tuple[tuple[int, ...], object]], alive: Container[ProcessKey]) -> None:
        """Frees the map entries of processes that were gone a poll ago: releases come after their exit."""
        gone = {key for key, _ in entries if wire.process_key(key) not in alive}
        for key in gone & self._gone:
            self._counts.delete(wire.PROCESS.pack(*key))
        self._gone = gone - self._gone

    def _describe(self, totals: wire.WireTotals) -> Source:
        created, released = self._created, self._released
        blind = [] if created.sees_compat else ["instances created by 32-bit tasks show as found, uncounted"]
        if not released.hooks:
            blind.append("no probe sees releases here: they are derived from one census to the next")
        if self._no_stacks:
            blind.append(self._no_stacks)
        return Source(
            kind="bpf",
            host=own_host(),
            probes=(
                Probe("epoll_create", created.attached_to, traces=True),
                Probe("files_free", released.attached_to or self._census.by, traces=bool(released.hooks)),
            ),
            census_by=self._census.by,
            blind_spots=tuple(blind),
            events=totals.delivered,
            lost=totals.lost,
            sampled_out=totals.sampled_out,
            untold_releases=totals.untold_releases,
            overflowed=totals.overflowed,
            unattributed=totals.unattributed,
        )

    def _defines(self) -> dict[str, int]:
        try:
            btf = Btf(VMLINUX.read_bytes())
        except (OSError, ValueError) as error:
            raise SourceUnavailable(
                f"the kernel's type information cannot be read: {error}", "a kernel built with CONFIG_DEBUG_INFO_BTF=y"
            ) from None
        machine = os.uname().machine
        if machine not in _REGISTERS:
            raise SourceUnavailable(f"the BPF probes are not written for {machine}", "use --source proc")
        try:
            defines = btf.offsets(_OFFSETS | _REGISTERS[machine])
        except LookupError as error:
            raise SourceUnavailable(f"this kernel has another layout: {error}", "use --source proc") from None
        if self._stacks is not None:
            defines["STACKS"] = 1
        return defines | self._sizes.defines() | {"OWN_TGID": 0 if self._include_self else os.getpid()}
