"""Limits of what epolltop can see, as data: the id of a limit, and the numbers and names that show its extent.

The code that meets a limit gives its id and the evidence. `query.limit_catalogue` has the words, the severity and the
remedy of each id; only front ends use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

from msgspec import Meta

from epolltop.errors import SourceUnavailable
from epolltop.model.bounds import EVIDENCE_MAX, NOTE_CHARS_MAX, Note
from epolltop.text.safe import printable

EvidenceValue = int | float | Note


class Limit(NamedTuple):
    """One thing that cannot be seen here and now."""

    id: Note
    """One of the constants below, or one of a later epolltop."""
    evidence: Annotated[tuple[tuple[Note, EvidenceValue], ...], Meta(max_length=EVIDENCE_MAX)] = ()
    """By name, each name once; text in it is safe already."""

    @classmethod
    def of(cls, which: str, **evidence: EvidenceValue) -> Limit:
        """A limit with its evidence by keyword."""
        return cls(which, tuple(evidence.items()))

    @classmethod
    def of_refusal(cls, which: str, refusal: SourceUnavailable) -> Limit:
        """A limit that a refusal causes, with the refusal's evidence. Output of a compiler may be long: it is cut."""

        def fitting(text: str) -> str:
            return printable(" ".join(text.split()))[:NOTE_CHARS_MAX]

        return cls.of(which, **refusal.evidence).passed_through(fitting)

    @classmethod
    def told(cls, sentence: str, which: str = "told") -> Limit:
        """A limit that an early epolltop, without ids, recorded in words."""
        return cls.of(which, sentence=sentence)

    def number(self, name: str) -> int:
        """A whole number in the evidence; 0 if there is none of that name."""
        value = dict(self.evidence).get(name)
        return value if isinstance(value, int) else 0

    def text(self, name: str) -> str:
        """A text in the evidence; empty if there is none of that name."""
        value = dict(self.evidence).get(name)
        return value if isinstance(value, str) else ""

    def passed_through(self, safe: Callable[[str], str]) -> Limit:
        """A copy in which the function has replaced every text."""
        evidence = ((safe(name), safe(value) if isinstance(value, str) else value) for name, value in self.evidence)
        return Limit(safe(self.id), tuple(evidence))


TOLD = "told"
"""A sentence; see `Limit.told`."""

# A source tells these. The comment gives the evidence.
ONLY_PROC = "only_proc"  # cause, errno as EPERM if it is known, and what else the cause has
SHORT_LIVED_UNSEEN = "short_lived_unseen"
CREATION_UNKNOWN = "creation_unknown"
UNHELD_UNSEEN = "unheld_unseen"
RELEASES_DERIVED = "releases_derived"  # probe; refused: each hook that did not hold, as HOOK=ERRNO
UNTRACED = "untraced"  # probe; refused likewise, empty if it is left out on demand
PROBE_MISSED = "probe_missed"  # probe, runs
TABLE_FULL = "table_full"  # probe, refused
STEPPED_DOWN = "stepped_down"  # measured_per_s, cost_percent, budget_percent
PREEMPTED = "preempted"  # probe
IO_URING_UNSEEN = "io_uring_unseen"  # probe
WAITS_LOOKED_AT = "waits_looked_at"
WAITS_CLOSED = "waits_closed"  # processes
WAITS_BY_IO_URING = "waits_by_io_uring"  # requests
WAITS_CUT = "waits_cut"
LATE_UNSEEN = "late_unseen"  # refused: the hook that failed, and how
LATE_CUT = "late_cut"  # loops
LATE_UNSAMPLED = "late_unsampled"  # as LATE_UNSEEN
LATE_STACKS_LEFT_OUT = "late_stacks_left_out"  # stacks
NO_STACKS = "no_stacks"  # as ONLY_PROC
STACKS_NEED_BPF = "stacks_need_bpf"
STACKS_UNNAMED = "stacks_unnamed"
PERF_MAPS_UNREAD = "perf_maps_unread"  # programs
NO_KCMP = "no_kcmp"
FOREIGN_PROC = "foreign_proc"
UNCOMPARED = "uncompared"  # processes
THREAD_TABLES_UNSEEN = "thread_tables_unseen"
HIDEPID = "hidepid"
PART_OF_MACHINE = "part_of_machine"
OUTSIDE_NAMESPACE = "outside_namespace"
WALK_CUT = "walk_cut"  # processes
CENSUS_CUT = "census_cut"  # descriptors; pid and name of who holds most, the name if it is known
RECORDING_CUT = "recording_cut"  # ticks
RECORDING_DAMAGED = "recording_damaged"  # ticks
RECORDING_NEWER = "recording_newer"  # epolltop: the version of that one

# These follow from other numbers of a snapshot or of the doctor, so nobody need keep them.
LEFT_OUT = "left_out"  # processes
ABSENT = "absent"  # pids, the first few; more
NO_INSTANCE = "no_instance"  # pid, name; poll, select and io_uring if known: threads; or more: processes
NOT_RECORDED = "not_recorded"  # pids, the first few; more
UNREADABLE = "unreadable"  # processes
UNATTRIBUTED = "unattributed"  # calls
BIRTHS_UNNOTED = "births_unnoted"  # creations
STACKS_LEFT_OUT = "stacks_left_out"  # creations
MISSED = "missed"  # runs of probes that are not told one by one
COMPAT_UNCOUNTED = "compat_uncounted"  # processes
CREATIONS_UNSEEN = "creations_unseen"  # instances; compat: 1 if --compat would count them
RUN_QUEUES_UNSEEN = "run_queues_unseen"
UNLISTED = "unlisted"  # descriptors, sockets, registrations
UNLISTED_UNKNOWN = "unlisted_unknown"

DERIVED = frozenset(
    (
        LEFT_OUT,
        ABSENT,
        NO_INSTANCE,
        NOT_RECORDED,
        UNREADABLE,
        UNATTRIBUTED,
        BIRTHS_UNNOTED,
        STACKS_LEFT_OUT,
        MISSED,
        COMPAT_UNCOUNTED,
        CREATIONS_UNSEEN,
        RUN_QUEUES_UNSEEN,
        UNLISTED,
        UNLISTED_UNKNOWN,
    )
)
"""Those of the second group: a reader of a snapshot leaves them out and derives them anew."""
