"""The live source: probes attached to this kernel.

Order at start: perf buffer, then probes, then the calibration, then the first census, so that no instance is missed.
Per poll: census, then events, then counts, so that a count never lacks an event that was delivered and an event never
precedes the census that must contain it.
"""

from __future__ import annotations

import functools
import itertools
import os
import time
from collections.abc import Collection, Sequence
from operator import attrgetter

from epolltop.bcc.drain import Drain
from epolltop.bcc.kept_capabilities import polling
from epolltop.bcc.loader import load_bcc
from epolltop.bcc.memory import Tide, give_back_memory
from epolltop.bcc.program import AttachError, Program
from epolltop.bcc.requirements import require, tracefs
from epolltop.errors import SourceUnavailable
from epolltop.model import limits
from epolltop.model.batch import Batch
from epolltop.model.counts import Totals
from epolltop.model.holding import Census, Holding
from epolltop.model.late_look import LATE_NS
from epolltop.model.limits import Limit
from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import ProcessKey
from epolltop.model.source import Source
from epolltop.own_process.pace import Pace, now_ns
from epolltop.proc.namespaces import levels_up, require_machine_clock
from epolltop.proc.own_cost import own_cost
from epolltop.proc.procfs import Procfs
from epolltop.proc.sysctl import max_user_watches
from epolltop.sources import NOTHING, Wanted
from epolltop.sources.bpf import wire
from epolltop.sources.bpf.attachments import attach_probes, missed_of_lifecycle
from epolltop.sources.bpf.calibration import calibrate, end_calibration
from epolltop.sources.bpf.held_places import HeldPlaces
from epolltop.sources.bpf.hot_calls import hot_calls
from epolltop.sources.bpf.kernel_offsets import RUN_DELAY, layout
from epolltop.sources.bpf.ladder import ALL, Ladders, NoRung, first_census
from epolltop.sources.bpf.late_loops import LateLoops
from epolltop.sources.bpf.late_stacks import LateStacks
from epolltop.sources.bpf.live_instance_map import LiveInstanceMap
from epolltop.sources.bpf.probe_tables import ProbeTables
from epolltop.sources.bpf.probes import epoll_wait, files_free
from epolltop.sources.bpf.sampling_control import SamplingControl
from epolltop.sources.bpf.sizes import SIZES, Sizes
from epolltop.sources.bpf.stack_names import Stacks
from epolltop.sources.bpf.turn_price import turn_price
from epolltop.sources.bpf.wire_events import WireEvents
from epolltop.sources.host import own_host
from epolltop.sources.interest import InterestLists
from epolltop.sources.other_waits import OtherWaits
from epolltop.sources.paced_interest import PacedInterest
from epolltop.sources.process_cache import Facts, closes_on_exec
from epolltop.sources.runtime_signs import RuntimeSigns

WAKEUP_EVENTS = 1 << 20
"""More than a buffer holds: events wake nobody, the drain's timer finds them."""
CENSUS_WAIT_S = 10.0
"""The longest time from one census, or part of one, to the next, so that a moment's load leaves no stale holders."""


class BpfSource:
    """Implements FactSource with probes."""

    def __init__(
        self,
        *,
        include_self: bool = False,
        pids: Collection[int] = (),
        stacks: bool = False,
        compat: bool = False,
        budget: float | None = None,
        late_ns: int = LATE_NS,
        late_stacks_ns: int | None = None,
        ladders: Ladders = ALL,
        sizes: Sizes = SIZES,
    ) -> None:
        """Touches nothing yet.

        Args:
            include_self: count our own instances too.
            pids: see `Facts`.
            stacks: take the user stack of each creation; where that cannot be, a limit says so.
            compat: count the creations of 32-bit tasks also where only a probe on every system call sees them.
            budget: what epolltop may cost before loops are sampled, as a share of a core; None: see `sampling_policy`.
            late_ns: look at loops that are away for so long.
            late_stacks_ns: take the user stacks of those that are away for so long, and look at these, too; None: take
                none.
            ladders: other rungs than all, to try each on a kernel that has better ones.
            sizes: other bounds of maps and buffer, to see what happens beyond them.
        """
        self._compat = compat
        self._budget = budget
        self._late_stacks_ns = late_stacks_ns
        self._late_ns = late_ns if late_stacks_ns is None else min(late_ns, late_stacks_ns)
        self._include_self = include_self
        self._ladders = ladders
        self._sizes = sizes.with_room(os.cpu_count() or 1, stacks=True) if stacks else sizes
        self._stacks = Stacks() if stacks else None
        self._late_stacks: LateStacks | None = None
        self._no_stacks: tuple[Limit, ...] = ()
        self._procfs = Procfs(read_signs=RuntimeSigns().read)
        self._facts = Facts(self._procfs, pids)
        self._places = HeldPlaces()
        self._other_waits = OtherWaits(self._procfs)
        self._lists = InterestLists(self._procfs, instance_of=self._places.file)
        self._interest = PacedInterest(self._lists)
        self._program: Program | None = None
        self.needs = polling(stacks=stacks or late_stacks_ns is not None)
        """Capabilities without which `poll` and `close` lack something."""

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
            self._stacks = None
            self._no_stacks = (Limit.of_refusal(limits.NO_STACKS, error),)
            self._attach()
        finally:
            give_back_memory()

    def _attach(self) -> None:
        constants = self._defines()
        self._sees_run_queues = RUN_DELAY in constants
        program = Program(load_bcc(), constants, self._ladders.units)
        self._program = program
        try:
            self._buffer = program.perf_buffer("events")
            self._drain = Drain(self._buffer.consume, self._sizes.records)
            self._buffer.open(self._drain.receive, self._sizes.pages(os.cpu_count() or 1), WAKEUP_EVENTS)
            self._climb(program)
            price = turn_price(program, self._attachments.hooks(epoll_wait.PROBE.name))
            self._since_ns = now_ns()
            end_calibration(program)
        except BaseException:
            self.close()
            raise
        self._tables = ProbeTables(program, self._attachments, self._procfs)
        self._late = self._late_loops(program) if self._attachments.traces(epoll_wait.PROBE.name) else None
        self._sampling = SamplingControl(program, price, self._budget, self._since_ns, own_cost().cpu_ns)
        self._pace = Pace(self._sizes.census_share, time.thread_time_ns, CENSUS_WAIT_S)
        self._live_instances = LiveInstanceMap(program, self._sizes.live_instances)
        self._holdings: Sequence[Holding] = ()
        self._holders: set[ProcessKey] = set()
        self._untold: tuple[WireEvents, ...] = ()
        self._uncounted: Census | None = None
        self._tide = Tide(_give_back)
        self._drain.start()

    def _climb(self, program: Program) -> None:
        """Attaches the best hook of each probe and the best census that this kernel permits.

        Raises:
            SourceUnavailable: a ladder has no rung that holds.
        """
        ladders, calibrated = self._ladders, functools.partial(calibrate, program)
        try:
            self._attachments = attach_probes(program, ladders, calibrated, compat=self._compat)
            # The iterator visits epolltop's own PID namespace, so if /proc shows more, a walk through it is better.
            census = sorted(ladders.census, key=lambda name: bool(self._levels_up) and name == "iterator")
            takers = {name: ladders.census[name] for name in census}
            self._census = first_census(program, takers, include_self=self._include_self)
        except NoRung as error:
            need = tracefs()
            missing = need.evidence if error.no_tracepoint and not need.met else {}
            raise SourceUnavailable("no_hook", {"probe": error.ladder, "refused": error.refused, **missing}) from error
        except AttachError as error:
            raise SourceUnavailable("no_compat", {"hook": error.hook}, number=error.errno) from error

    def _late_loops(self, program: Program) -> LateLoops:
        if self._late_stacks_ns is not None:
            self._late_stacks = LateStacks(program, self._procfs, self._late_stacks_ns)
        return LateLoops(program, self._procfs, self._lists.targets, self._late_ns, self._late_stacks)

    def poll(self, wanted: Wanted = NOTHING) -> Batch:
        program = self._program
        assert program is not None, "poll before open"
        scanned = self._pace.run(self._census.take)
        came = WireEvents(self._drain.take())
        if self._stacks is not None:
            came = came.bearing(self._stacks.named(came, came.stack_bytes()).stacks)
        census = self._census.join(scanned, came)
        # If this poll fails from here on, the next one reports these events.
        self._untold = (*self._untold, came)
        census = self._uncounted = census or self._uncounted
        if census and census.holdings is not self._holdings:
            self._holdings = census.holdings
            self._places.take(census.holdings)
            self._holders = {ProcessKey(*key) for key in set(map(attrgetter("pid", "start"), census.holdings))}
        self._tide.note(len(came), len(self._holdings))
        self._tables.read(census)
        per_cpu = program.per_cpu("totals", wire.TOTALS)
        totals = wire.sum_totals(per_cpu)
        self._buffer.renew_rings(wire.no_buffer(per_cpu))
        if census and not self._attachments.traces(files_free.PROBE.name):
            self._live_instances.make_room(census, totals.created)
        at_ns, wall_ns = now_ns(), time.time_ns()
        acted = frozenset().union(*(each.actors for each in self._untold))
        actors = {process for process, _ in acted}
        processes = self._facts.of(
            {*self._holders, *self._tables.processes(), *actors, *self._facts.asked()}, actors, frozenset(wanted.shown)
        )
        gone = {uid for process, uid in acted if uid is not None and process not in processes}
        tables = self._tables.members(processes)
        cost = own_cost()
        self._sampling.look(tables.get("loops", {}).values(), at_ns, cost.cpu_ns)
        files = itertools.chain.from_iterable(each.files() for each in self._untold) if wanted.focus else ()
        measured = self._facts.measured(wanted.focus, {file for file in files if file in wanted.focus})
        self._census.mark(closes_on_exec(wanted.focus, measured))
        interest = self._interest.look(wanted.asked, wanted.suspects, wanted.in_turn)
        batch = Batch(
            since_ns=self._since_ns,
            now_ns=at_ns,
            wall_ns=wall_ns,
            source=self._describe(totals),
            cost=cost,
            events=came if len(self._untold) == 1 else list(itertools.chain(*self._untold)),
            totals=Totals(totals.created, totals.failed, totals.released, totals.released_by_kernel),
            census=census,
            descriptors={key: each for key in processes if (each := self._census.descriptors.get(key))},
            thread_waits=self._other_waits.look(processes, tables.get("turns", ())),
            processes=self._stacks.with_code_files(processes) if self._stacks else processes,
            users=self._procfs.users.names(gone),
            watches={file: each.watches for file, each in measured.items()},
            interest=interest,
            file_calls=hot_calls(self._procfs.root, tables.get("turns", {}).items()),
            late=self._late.look(tables["turns"], at_ns) if self._late else {},
            **tables,
        )
        self._untold, self._uncounted = (), None
        return batch

    def glance(self, loops: Collection[LoopKey]) -> None:
        if self._late:
            self._late.glance(loops, now_ns())

    def close(self) -> None:
        program, self._program = self._program, None
        if program is None:
            return
        # Detach before the drain stops: without probes a storm ends, so the drain's present turn ends, too.
        program.detach_all()
        # If that turn still runs, it reads memory that closing would free. Then that stays until the process ends.
        if self._drain.stop():
            self._buffer.close()
            program.close()

    def _describe(self, totals: wire.WireTotals) -> Source:
        missed = self._attachments.missed()
        unseen = [*self._census.unseen, *self._attachments.limits(missed)]
        unseen += self._tables.limits()
        unseen += self._sampling.limits
        unseen += self._late.limits() if self._late else ()
        unseen += self._no_stacks
        named = [stacks for stacks in (self._stacks, self._late_stacks) if stacks]
        if not all(stacks.may_read for stacks in named):
            unseen.append(Limit(limits.STACKS_UNNAMED))
        if unread := set().union(*(stacks.unread_maps for stacks in named)):
            unseen.append(Limit.of(limits.PERF_MAPS_UNREAD, programs=len(unread)))
        return Source(
            kind="bpf",
            host=own_host(),
            probes=self._attachments.probes(self._census.by),
            census_by=self._census.by,
            limits=tuple(unseen),
            events=totals.delivered,
            lost=totals.lost,
            sampled_out=totals.sampled_out,
            failed_sampled_out=totals.failed_sampled_out,
            untold_releases=totals.untold_releases,
            overflowed=totals.overflowed,
            unattributed=totals.unattributed,
            sees_compat=self._attachments.sees_compat,
            sees_run_queues=self._sees_run_queues,
            unreadable=self._census.unreadable,
            missed=missed_of_lifecycle(missed),
            stacks_left_out=self._stacks.left_out if self._stacks else 0,
            sees_all_releases=self._attachments.sees_all_releases,
            watches_max=max_user_watches(),
        )

    def _defines(self) -> dict[str, int]:
        require_machine_clock()
        up = self._levels_up = levels_up(self._procfs)
        asked = {
            "STACKS": self._stacks is not None,
            "COMPAT": self._compat,
            "INCLUDE_SELF": self._include_self,
        }
        return (
            layout()
            | self._sizes.defines()
            | {name: 1 for name, wanted in asked.items() if wanted}
            | ({} if up is None else {"PID_NAMESPACE_UP": up})
            | ({} if self._late_stacks_ns is None else {"LATE_STACKS_NS": self._late_stacks_ns})
            | {"LATE_NS": self._late_ns, "OWN_TGID": self._procfs.own_pid() or 0}
        )


def _give_back() -> None:
    wire.forget_actors()
    give_back_memory()
