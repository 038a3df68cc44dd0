"""The words for each limit (`model.limits`), how much it matters, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from epolltop.model import limits
from epolltop.model.limits import Limit
from epolltop.model.thread_waits import ThreadWaits
from epolltop.query.refusal_catalogue import outcomes, refusal_remedy, refusal_words
from epolltop.query.waits_elsewhere import where
from epolltop.text.numbers import grouped, plural

Gravity = Literal["info", "warn"]
"""info: something is missing, but every number shown is right. warn: numbers are lower bounds, or rows are missing or
out of date."""
_AS_ROOT = "run it as root"
_PROBES = "--source bpf, as root"
_OUTERMOST = "run it in the machine's first PID namespace"
_NO_KCMP = "without kcmp(2) epolltop cannot tell which descriptors share an instance: each counts as one"
_AS_LAST_KNOWN = "the rest is shown as last known"


class CatalogueEntry(NamedTuple):
    """What is said about a limit."""

    severity: Gravity
    words: str | Callable[[Limit], str]
    """A sentence, or a function that makes one from the evidence."""
    remedy: str = ""
    """What a person can do; empty if there is nothing, or if the evidence has it."""


def words(limit: Limit) -> str:
    """A sentence without its full stop. For an id that only a later epolltop knows: the id and its evidence."""
    if sentence := limit.text("sentence"):
        return sentence
    entry = CATALOGUE.get(limit.id)
    if entry is None:
        return " ".join([limit.id, *(f"{name}={value}" for name, value in limit.evidence)])
    return entry.words if isinstance(entry.words, str) else entry.words(limit)


def severity(limit: Limit) -> Gravity:
    """How much it matters; an unknown id is taken as a warning."""
    return CATALOGUE[limit.id].severity if limit.id in CATALOGUE else "warn"


def remedy(limit: Limit) -> str:
    """What a person can do; empty if no remedy is known."""
    if told := limit.text("remedy"):  # of an earlier epolltop
        return told
    return refusal_remedy(dict(limit.evidence)) or (CATALOGUE[limit.id].remedy if limit.id in CATALOGUE else "")


def _why(limit: Limit) -> str:
    """The refusal that causes a limit; an earlier epolltop told it in words."""
    return limit.text("why") or " ".join(refusal_words(dict(limit.evidence)).split())


def _census_cut(limit: Limit) -> str:
    pid, name = limit.number("pid"), limit.text("name")
    return (
        f"the census is cut short at {grouped(limit.number('descriptors'))} descriptors, "
        f"{pid}{f' ({name})' if name else ''} holds most of them; {_AS_LAST_KNOWN}"
    )


def _pids(limit: Limit) -> str:
    more = limit.number("more")
    return f"{limit.text('pids')}{f' and {grouped(more)} more' if more else ''}"


def _no_instance(limit: Limit) -> str:
    if more := limit.number("more"):
        return f"{plural(more, 'more process')} without an epoll instance"
    who = f"{limit.text('name')} ({limit.number('pid')}) has no epoll instance"
    if not dict(limit.evidence).keys() & {*ThreadWaits._fields}:
        return who
    there = where(ThreadWaits(*map(limit.number, ThreadWaits._fields)))
    return f"{who}; it waits {there}" if there else f"{who}, and waits neither in poll nor in select nor in io_uring"


def _compat_uncounted(limit: Limit) -> str:
    processes = limit.number("processes")
    who = plural(processes, "32-bit process") if processes else "32-bit calls"
    return f"creations by {who} are not counted (≥, ?) without --compat"


def _creations_unseen(limit: Limit) -> str:
    counts = ", which --compat counts" if limit.number("compat") else ""
    return (
        f"no probe saw the creation of {plural(limit.number('instances'), 'instance')} (≥, ?): 32-bit calls made "
        f"them (int $0x80, x32){counts}, or they were in flight when counting began"
    )


def _unlisted(limit: Limit) -> str:
    flight, registered = limit.number("descriptors"), limit.number("registrations")
    kept = [f"{plural(flight, 'descriptor')} in flight in {plural(limit.number('sockets'), 'socket')}"] * (flight > 0)
    kept += [f"{plural(registered, 'registration')} with io_uring"] * (registered > 0)
    return f"instances held only by {' or '.join(kept)} are in no census"


def _untraced(limit: Limit) -> str:
    why = limit.text("why") or outcomes(limit.text("refused"))
    return f"{limit.text('probe')} is not traced, so its counts are not known{f': {why}' if why else ''}"


def _probe_missed(limit: Limit) -> str:
    return (
        f"the kernel skipped {plural(limit.number('runs'), 'run')} of {limit.text('probe')}: its counts may lack as "
        "many calls (≥)"
    )


def _table_full(limit: Limit) -> str:
    what = "descriptor tables" if limit.text("probe") == "census" else f"turns of {limit.text('probe')}"
    return f"no room to count for all: {grouped(limit.number('refused'))} {what} are in no count"


def _stepped_down(limit: Limit) -> str:
    cost, budget = (f"{dict(limit.evidence).get(name, 0):g}%" for name in ("cost_percent", "budget_percent"))
    return (
        f"epolltop took {cost} of a core, more than its budget of {budget}: it counts all waits, but measures at most "
        f"about {grouped(limit.number('measured_per_s'))} a second of each loop (≈, ≥)"
    )


CATALOGUE: dict[str, CatalogueEntry] = {
    limits.TOLD: CatalogueEntry("warn", lambda limit: limit.text("sentence")),
    limits.ONLY_PROC: CatalogueEntry(
        "warn", lambda limit: f"only /proc is read, since {_why(limit)}; remedy: {remedy(limit)}"
    ),
    limits.SHORT_LIVED_UNSEEN: CatalogueEntry(
        "warn", "instances that live and die between two scans are not seen, so rates are lower bounds", _PROBES
    ),
    limits.CREATION_UNKNOWN: CatalogueEntry(
        "info", "the creator, the time, and the size or flags of a creation are not known", _PROBES
    ),
    limits.UNHELD_UNSEEN: CatalogueEntry(
        "warn", "instances without a descriptor (in flight in a socket, held by io_uring) are not seen", _PROBES
    ),
    limits.RELEASES_DERIVED: CatalogueEntry(
        "warn", "no probe sees releases here: they are derived from the difference between two censuses"
    ),
    limits.UNTRACED: CatalogueEntry("info", _untraced),
    limits.PROBE_MISSED: CatalogueEntry("warn", _probe_missed),
    limits.TABLE_FULL: CatalogueEntry("warn", _table_full),
    limits.IO_URING_UNSEEN: CatalogueEntry(
        "info", lambda limit: f"requests for io_uring are not in the counts of {limit.text('probe')}"
    ),
    limits.WAITS_LOOKED_AT: CatalogueEntry(
        "info", "no probe sees waits: loops are threads that /proc showed waiting, since when is a lower bound (≥)"
    ),
    limits.WAITS_CLOSED: CatalogueEntry(
        "warn",
        lambda limit: f"whether threads of {plural(limit.number('processes'), 'process')} wait could not be read",
        "run it as root, with CAP_SYS_PTRACE",
    ),
    limits.WAITS_BY_IO_URING: CatalogueEntry(
        "warn",
        lambda limit: f"{plural(limit.number('requests'), 'wait')} through io_uring, of all processes, are in no count",
    ),
    limits.WAITS_CUT: CatalogueEntry(
        "warn", f"there are more threads than one look at waits can take: {_AS_LAST_KNOWN}"
    ),
    limits.LATE_UNSEEN: CatalogueEntry(
        "info", lambda limit: f"what a late loop does is not known: {limit.text('refused')}"
    ),
    limits.LATE_CUT: CatalogueEntry(
        "info", lambda limit: f"what {plural(limit.number('loops'), 'late loop')} do is not known: there are too many"
    ),
    limits.LATE_UNSAMPLED: CatalogueEntry(
        "info", lambda limit: f"no stacks of late loops while they run: {limit.text('refused')}"
    ),
    limits.LATE_STACKS_LEFT_OUT: CatalogueEntry(
        "info",
        lambda limit: f"no room for {plural(limit.number('stacks'), 'stack')} of late loops: there are too many",
    ),
    limits.STEPPED_DOWN: CatalogueEntry("warn", _stepped_down, "--budget PERCENT"),
    limits.PREEMPTED: CatalogueEntry(
        "warn",
        lambda limit: (
            "this kernel may preempt epolltop while it reads counts, and then skips "
            f"{limit.text('probe') or 'probes'}: some calls may be missing in the counts"
        ),
        "Linux 6.7 or newer, or a kernel that is started with preempt=voluntary",
    ),
    limits.NO_STACKS: CatalogueEntry("info", lambda limit: f"no stacks of creations: {_why(limit)}"),
    limits.STACKS_NEED_BPF: CatalogueEntry("info", "no stacks: only BPF probes take them", _PROBES),
    limits.STACKS_UNNAMED: CatalogueEntry(
        "info",
        "no names in stacks: the kernel shows mapped files only with CAP_CHECKPOINT_RESTORE",
        "run it as root, with CAP_CHECKPOINT_RESTORE",
    ),
    limits.PERF_MAPS_UNREAD: CatalogueEntry(
        "info",
        lambda limit: (
            f"code that {plural(limit.number('programs'), 'program')} made has no names: a perf map is too long, "
            "was not read in time, or others may write in it"
        ),
    ),
    limits.NO_KCMP: CatalogueEntry("warn", _NO_KCMP, "a kernel with CONFIG_KCMP=y, and no filter that refuses kcmp(2)"),
    limits.FOREIGN_PROC: CatalogueEntry(
        "warn",
        "/proc belongs to a PID namespace that epolltop is not in, and kcmp(2) does not take its pids; " + _NO_KCMP,
        "mount the proc of epolltop's own PID namespace at /proc",
    ),
    limits.UNCOMPARED: CatalogueEntry(
        "warn",
        "kcmp(2) cannot compare processes outside epolltop's own PID namespace: each of their descriptors counts as "
        "an instance of its own",
        _OUTERMOST,
    ),
    limits.THREAD_TABLES_UNSEEN: CatalogueEntry(
        "warn",
        "no census sees instances of a thread that left the table of its process (unshare(2) with CLONE_FILES)",
    ),
    limits.HIDEPID: CatalogueEntry(
        "warn",
        "/proc hides other users' processes (hidepid): epolltop neither sees them nor counts them as unreadable",
        _AS_ROOT,
    ),
    limits.PART_OF_MACHINE: CatalogueEntry(
        "warn",
        "/proc belongs to a PID namespace inside the machine: processes outside it are not seen",
        _OUTERMOST,
    ),
    limits.OUTSIDE_NAMESPACE: CatalogueEntry(
        "warn",
        "instances of processes outside epolltop's own PID namespace are in no census, and count as in flight",
        _OUTERMOST,
    ),
    limits.WALK_CUT: CatalogueEntry("warn", f"/proc holds more than one census can read and compare: {_AS_LAST_KNOWN}"),
    limits.CENSUS_CUT: CatalogueEntry("warn", _census_cut),
    limits.RECORDING_CUT: CatalogueEntry(
        "warn", lambda limit: f"the recording was cut off after {plural(limit.number('ticks'), 'tick')}"
    ),
    limits.RECORDING_DAMAGED: CatalogueEntry(
        "warn", lambda limit: f"the recording is damaged after {plural(limit.number('ticks'), 'tick')}"
    ),
    limits.RECORDING_NEWER: CatalogueEntry(
        "warn",
        lambda limit: f"the recording is by epolltop {limit.text('epolltop')}, and has data unknown to this one",
    ),
    limits.LEFT_OUT: CatalogueEntry(
        "warn", lambda limit: f"{plural(limit.number('processes'), 'process')} left out when the snapshot was written"
    ),
    limits.ABSENT: CatalogueEntry("warn", lambda limit: f"there is no process {_pids(limit)}"),
    limits.NO_INSTANCE: CatalogueEntry("info", _no_instance),
    limits.NOT_RECORDED: CatalogueEntry("warn", lambda limit: f"the recording has no data on process {_pids(limit)}"),
    limits.UNREADABLE: CatalogueEntry(
        "warn", lambda limit: f"{plural(limit.number('processes'), 'process')} could not be read", _AS_ROOT
    ),
    limits.UNATTRIBUTED: CatalogueEntry(
        "warn",
        lambda limit: (
            f"no room to count for all processes: {grouped(limit.number('calls'))} calls and releases are in the "
            "totals only (≥, ?)"
        ),
    ),
    limits.BIRTHS_UNNOTED: CatalogueEntry(
        "info",
        lambda limit: (
            f"no room to note {plural(limit.number('creations'), 'creation')}: instances without a create event show "
            "as found"
        ),
    ),
    limits.STACKS_LEFT_OUT: CatalogueEntry(
        "info",
        lambda limit: (
            f"no room for the stacks of {plural(limit.number('creations'), 'creation')}: too many different ones"
        ),
    ),
    limits.MISSED: CatalogueEntry(
        "warn",
        lambda limit: (
            f"the kernel skipped {plural(limit.number('runs'), 'run')} of probes: counts may lack as many calls (≥)"
        ),
    ),
    limits.COMPAT_UNCOUNTED: CatalogueEntry("warn", _compat_uncounted, "--compat"),
    limits.CREATIONS_UNSEEN: CatalogueEntry("warn", _creations_unseen),
    limits.RUN_QUEUES_UNSEEN: CatalogueEntry(
        "info",
        "how long loops wait for a CPU is not known, so a loop that computes for too long is not found as late",
        "a kernel with CONFIG_SCHEDSTATS=y or CONFIG_TASK_DELAY_ACCT=y; early recordings do not tell it either",
    ),
    limits.UNLISTED: CatalogueEntry("info", _unlisted),
    limits.UNLISTED_UNKNOWN: CatalogueEntry(
        "info", "epolltop could not check all descriptors, so more instances may be in flight or registered", _AS_ROOT
    ),
}
