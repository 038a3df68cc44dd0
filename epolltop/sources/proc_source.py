"""Epoll instances from /proc alone: every descriptor table walked each tick, shared instances recognised by kcmp.

Works without BPF and, for one's own processes, without privileges. It has no events: what comes and goes shows from
one scan to the next.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection
from dataclasses import replace

from epolltop.errors import SourceUnavailable
from epolltop.model import limits
from epolltop.model.batch import Batch
from epolltop.model.instance_key import TracedKey
from epolltop.model.limits import Limit
from epolltop.model.loop_activity import LoopKey
from epolltop.model.source import Probe, Source
from epolltop.own_process.pace import now_ns
from epolltop.proc.own_cost import own_cost
from epolltop.proc.procfs import Procfs
from epolltop.proc.reading import LOOKING
from epolltop.proc.scan import Scan, Scanned
from epolltop.proc.sysctl import max_user_watches
from epolltop.sources import NOTHING, Wanted
from epolltop.sources.host import own_host
from epolltop.sources.interest import InterestLists
from epolltop.sources.other_waits import OtherWaits
from epolltop.sources.paced_interest import PacedInterest
from epolltop.sources.process_cache import SHOWN, Facts, closes_on_exec
from epolltop.sources.runtime_signs import RuntimeSigns
from epolltop.sources.seen_waits import SeenWaits

_ALWAYS = (Limit(limits.SHORT_LIVED_UNSEEN), Limit(limits.CREATION_UNKNOWN), Limit(limits.UNHELD_UNSEEN))


class ProcSource:
    """Instances as /proc and kcmp show them. `poll` walks every descriptor table; see the module for what it costs."""

    def __init__(
        self,
        *,
        include_self: bool = False,
        stacks: bool = False,
        root: str = "/proc",
        only_proc: Limit | None = None,
        pids: Collection[int] = (),
    ) -> None:
        """Looks whose /proc it is.

        Args:
            include_self: count our own instances too.
            stacks: they were asked for; a limit says that there are none.
            root: where the tree is mounted.
            only_proc: why a better source could not run.
            pids: see `Facts`.
        """
        self._limits = (
            *((only_proc,) if only_proc else ()),
            *_ALWAYS,
            *((Limit(limits.STACKS_NEED_BPF),) if stacks else ()),
        )
        self._procfs = Procfs(root, read_signs=RuntimeSigns().read)
        self._facts = Facts(self._procfs, pids)
        self._scan = Scan(self._procfs, include_self=include_self)
        self._waits = SeenWaits(self._procfs, self._instance_of)
        self._other_waits = OtherWaits(self._procfs)
        self._interest = PacedInterest(InterestLists(self._procfs, instance_of=self._file_of))
        self._since_ns = 0
        self.needs = LOOKING
        """Capabilities without which `poll` lacks something."""

    def open(self) -> None:
        """Looks whether there is anything to read.

        Raises:
            SourceUnavailable: there is no /proc.
        """
        try:
            found = self._procfs.pids()
        except OSError as error:
            raise SourceUnavailable("no_proc", number=error.errno or 0) from error
        if not found:
            raise SourceUnavailable("no_proc")
        self._since_ns = now_ns()

    def glance(self, loops: Collection[LoopKey]) -> None:
        """/proc does not tell since when a loop is away."""

    def poll(self, wanted: Wanted = NOTHING) -> Batch:
        """Walks all descriptor tables; see `Scan.take` for what that costs and raises."""
        scanned = self._scan.take()
        self._procfs.forget(scanned.processes)
        looked_at = {
            *itertools.islice((key for key in wanted.shown if key in scanned.processes), SHOWN),
            *self._facts.asked(),
        }
        anew = (self._procfs.process(key, is_shown=True) for key in looked_at)
        self._waits.look(scanned.processes)
        moved = {file for file, at in wanted.focus.items() if self._scan.file((at.process.pid, at.fd)) != file}
        measured = self._facts.measured(wanted.focus, moved)
        interest = self._interest.look(wanted.asked, wanted.suspects, wanted.in_turn)
        waits = self._waits.members()
        processes = scanned.processes | {facts.key: facts for facts in anew if facts}
        return Batch(
            since_ns=self._since_ns or scanned.census.started_ns,
            now_ns=now_ns(),
            wall_ns=time.time_ns(),
            source=self._describe(scanned),
            cost=own_cost(),
            census=replace(scanned.census, holdings=self._scan.mark(closes_on_exec(wanted.focus, measured))),
            descriptors=scanned.descriptors,
            thread_waits=self._other_waits.look(processes, waits["turns"]),
            processes=processes,
            watches={file: each.watches for file, each in measured.items()},
            interest=interest,
            **waits,
        )

    def close(self) -> None:
        """Has nothing to detach."""

    def _file_of(self, pid: int, fd: int) -> int | None:
        return self._scan.file((pid, fd)) or None

    def _instance_of(self, pid: int, fd: int) -> TracedKey | None:
        """By number; no time of creation is known."""
        file = self._scan.file((pid, fd))
        return (file, 0) if file else None

    def _describe(self, scanned: Scanned) -> Source:
        return Source(
            kind="proc",
            host=own_host(),
            probes=tuple(
                Probe(name, f"census: {self._scan.by}", traces=False) for name in ("epoll_create", "files_free")
            ),
            census_by=self._scan.by,
            limits=(*self._limits, *scanned.unseen, *self._waits.limits()),
            unreadable=scanned.unreadable,
            watches_max=max_user_watches(),
        )
