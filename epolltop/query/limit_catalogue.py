"""The words for each limit (`model.limits`), how much it matters, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from epolltop.model import limits
from epolltop.model.limits import Limit
from epolltop.text.numbers import grouped, plural

Gravity = Literal["info", "warn"]
"""info: something is not told, but every number shown is right. warn: numbers are lower bounds, or rows are missing or
out of date."""
_AS_ROOT = "run it as root"
_PROBES = "--source bpf, as root"
_OUTERMOST = "run it in the machine's first PID namespace"
_NO_KCMP = "without kcmp(2) it cannot be told which descriptors share an instance: each counts as its own"
_AS_LAST_KNOWN = "the rest is shown as it was last known"


class CatalogueEntry(NamedTuple):
    """What is said about a limit."""

    severity: Gravity
    words: str | Callable[[Limit], str]
    """A sentence, or what makes one of the evidence."""
    remedy: str = ""
    """What a person can do; empty if nothing, or if the evidence has it."""


def words(limit: Limit) -> str:
    """A sentence without its stop. Of an id that only a later epolltop knows: the id and its evidence."""
    if sentence := limit.text("sentence"):
        return sentence
    entry = CATALOGUE.get(limit.id)
    if entry is None:
        return " ".join([limit.id, *(f"{name}={value}" for name, value in limit.evidence)])
    return entry.words if isinstance(entry.words, str) else entry.words(limit)


def severity(limit: Limit) -> Gravity:
    """How much it matters; of an unknown id it may."""
    return CATALOGUE[limit.id].severity if limit.id in CATALOGUE else "warn"


def remedy(limit: Limit) -> str:
    """What a person can do; empty if nothing is known."""
    return limit.text("remedy") or (CATALOGUE[limit.id].remedy if limit.id in CATALOGUE else "")


def _census_cut(limit: Limit) -> str:
    pid, name = limit.number("pid"), limit.text("name")
    return (
        f"the census is cut short at {grouped(limit.number('descriptors'))} descriptors, "
        f"{pid}{f' ({name})' if name else ''} holds most: {_AS_LAST_KNOWN}"
    )


def _pids(limit: Limit) -> str:
    more = limit.number("more")
    return f"{limit.text('pids')}{f' and {grouped(more)} more' if more else ''}"


def _compat_uncounted(limit: Limit) -> str:
    processes = limit.number("processes")
    who = plural(processes, "32-bit process") if processes else "32-bit calls"
    return f"creations by {who} are not counted (≥, ?) without --compat"


def _creations_unseen(limit: Limit) -> str:
    counts = ", which --compat counts" if limit.number("compat") else ""
    return (
        f"no probe saw {plural(limit.number('instances'), 'instance')} being created (≥, ?): they are from 32-bit "
        f"calls (int $0x80, x32){counts}, or were in flight when counting began"
    )


def _unlisted(limit: Limit) -> str:
    flight, registered = limit.number("descriptors"), limit.number("registrations")
    kept = [f"{plural(flight, 'descriptor')} in flight in {plural(limit.number('sockets'), 'socket')}"] * (flight > 0)
    kept += [f"{plural(registered, 'registration')} with io_uring"] * (registered > 0)
    return f"instances held only by {' or '.join(kept)} are in no census"


def _untraced(limit: Limit) -> str:
    why = limit.text("why")
    return f"{limit.text('probe')} is not traced, so what it counts is not known{f': {why}' if why else ''}"


def _probe_missed(limit: Limit) -> str:
    return (
        f"the kernel left out {plural(limit.number('runs'), 'run')} of {limit.text('probe')}: up to so much is in none "
        "of its counts"
    )


def _table_full(limit: Limit) -> str:
    return (
        f"no room to count for all: {grouped(limit.number('refused'))} turns of {limit.text('probe')} are in no count"
    )


CATALOGUE: dict[str, CatalogueEntry] = {
    limits.TOLD: CatalogueEntry("warn", lambda limit: limit.text("sentence")),
    limits.ONLY_PROC: CatalogueEntry(
        "warn", lambda limit: f"only /proc is read, since {limit.text('why')}; remedy: {limit.text('remedy')}"
    ),
    limits.SHORT_LIVED_UNSEEN: CatalogueEntry(
        "warn", "instances that live and die between two scans are not seen, so rates are lower bounds", _PROBES
    ),
    limits.CREATION_UNKNOWN: CatalogueEntry(
        "info", "who created an instance, when, and with which size or flags is not known", _PROBES
    ),
    limits.UNHELD_UNSEEN: CatalogueEntry(
        "warn", "instances without a descriptor (in flight in a socket, held by io_uring) are not seen", _PROBES
    ),
    limits.RELEASES_DERIVED: CatalogueEntry(
        "warn", "no probe sees releases here: they are derived from one census to the next"
    ),
    limits.UNTRACED: CatalogueEntry("info", _untraced),
    limits.PROBE_MISSED: CatalogueEntry("warn", _probe_missed),
    limits.TABLE_FULL: CatalogueEntry("warn", _table_full),
    limits.PREEMPTED: CatalogueEntry(
        "warn",
        "this kernel may preempt epolltop as it reads counts, and leaves out what happens meanwhile: some may be "
        "missing",
        "Linux 6.7 or newer, or one that is started with preempt=voluntary",
    ),
    limits.NO_STACKS: CatalogueEntry("info", lambda limit: f"no stacks of who creates instances: {limit.text('why')}"),
    limits.STACKS_NEED_BPF: CatalogueEntry(
        "info", "no stacks of who creates instances: only BPF probes take them", _PROBES
    ),
    limits.STACKS_UNNAMED: CatalogueEntry(
        "info",
        "no names in stacks: the kernel shows mapped files only with CAP_CHECKPOINT_RESTORE",
        "run it as root, with CAP_CHECKPOINT_RESTORE",
    ),
    limits.NO_KCMP: CatalogueEntry("warn", _NO_KCMP, "a kernel with CONFIG_KCMP=y, and nothing that refuses kcmp(2)"),
    limits.FOREIGN_PROC: CatalogueEntry(
        "warn",
        "/proc is that of a PID namespace that epolltop is not in, whose pids kcmp(2) does not take; " + _NO_KCMP,
        "mount the proc of epolltop's own PID namespace at /proc",
    ),
    limits.UNCOMPARED: CatalogueEntry(
        "warn",
        "processes outside epolltop's own PID namespace cannot be compared by kcmp(2): each of their descriptors "
        "counts as an instance of its own",
        _OUTERMOST,
    ),
    limits.THREAD_TABLES_UNSEEN: CatalogueEntry(
        "warn",
        "no census sees what a thread holds that left the table of its process (unshare(2) with CLONE_FILES)",
    ),
    limits.HIDEPID: CatalogueEntry(
        "warn",
        "/proc hides other users' processes (hidepid): they are neither seen nor counted as unreadable",
        _AS_ROOT,
    ),
    limits.PART_OF_MACHINE: CatalogueEntry(
        "warn",
        "/proc is that of a PID namespace inside the machine: processes outside it are not seen",
        _OUTERMOST,
    ),
    limits.OUTSIDE_NAMESPACE: CatalogueEntry(
        "warn",
        "what processes outside epolltop's own PID namespace hold is in no census, and counts as in flight",
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
        lambda limit: f"the recording is by epolltop {limit.text('epolltop')}, which tells more than this one knows",
    ),
    limits.LEFT_OUT: CatalogueEntry(
        "warn", lambda limit: f"{plural(limit.number('processes'), 'process')} left out when the snapshot was written"
    ),
    limits.ABSENT: CatalogueEntry("warn", lambda limit: f"there is no process {_pids(limit)}"),
    limits.NOT_RECORDED: CatalogueEntry("warn", lambda limit: f"nothing is recorded of process {_pids(limit)}"),
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
            f"the kernel left out {plural(limit.number('runs'), 'run')} of probes: up to so much is in no count (≥)"
        ),
    ),
    limits.COMPAT_UNCOUNTED: CatalogueEntry("warn", _compat_uncounted, "--compat"),
    limits.CREATIONS_UNSEEN: CatalogueEntry("warn", _creations_unseen),
    limits.UNLISTED: CatalogueEntry("info", _unlisted),
    limits.UNLISTED_UNKNOWN: CatalogueEntry(
        "info", "not all descriptors could be looked at, so more instances may be in flight or registered", _AS_ROOT
    ),
}
