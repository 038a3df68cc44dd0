"""What a process asked for of the interest list of an instance, as a snapshot file has it."""

from __future__ import annotations

import errno
import heapq
from collections.abc import Mapping
from typing import NamedTuple

from epolltop.model.bounds import COUNTS_MAX
from epolltop.model.ctl_activity import CtlCounts, CtlKey, CtlOperation
from epolltop.model.snapshot import CtlError, Snapshot
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.member import Member, Structure

ERRNO_BELOW = 4096
"""As the kernel has them, include/linux/err.h."""


class CtlOf(NamedTuple):
    """Of one instance by one process."""

    counts: CtlCounts
    errors: Mapping[CtlError, int]


def _counter(name: str, of: str, help: str) -> Member[CtlOf]:
    return Member(name, "integer", help, lambda row, _: getattr(row.counts, of), known=True, of=of)


CTL: Structure[CtlOf] = Structure("ctl", (
    _counter("add", "add", "Calls to add a file to it, whatever they returned."),
    _counter("mod", "mod", "Calls to modify for which events a file is watched."),
    _counter("del", "delete", "Calls to remove a file. The kernel removes closed files without a call."),
    Member("via_io_uring", "integer", "Of all these, requests for io_uring; `null`: no hook sees them.",
           lambda row, snapshot: row.counts.via_io_uring if snapshot.source.sees_io_uring else None),
    _counter("readd", "readd", "Files that were added again within a second of their removal."),
    Member("errors", "counts", "Of all these, how many failed, by operation and error, such as `ADD:EEXIST`; the 64 "
           "most frequent.", lambda row, _: _named(row.errors), known=True),
))  # fmt: skip


_NAMES = {
    (operation, number): f"{operation.name}:{errno.errorcode.get(number, number)}"
    for operation in CtlOperation
    for number in range(1, ERRNO_BELOW)
}
_NAMED = {name: error for error, name in _NAMES.items()}


def _named(errors: Mapping[CtlError, int]) -> dict[str, int]:
    most = heapq.nlargest(COUNTS_MAX, errors.items(), key=lambda each: each[1])
    return {_NAMES[error]: count for error, count in sorted(most)}


def errors_of(named: Mapping[str, int]) -> dict[CtlError, int]:
    """What `errors` says, read back. What is not known is left out."""
    return {_NAMED[name]: count for name, count in named.items() if name in _NAMED}


def _ctl_of(row: InstanceOf, snapshot: Snapshot) -> CtlOf | None:
    if row.process is None or not snapshot.window_s or not snapshot.source.sees("add"):
        return None
    key = CtlKey(*row.instance.traced_key, row.process.key)
    return CtlOf(snapshot.ctl.get(key, CtlCounts()), snapshot.ctl_errors.get(key, {}))


def _written(row: InstanceOf, snapshot: Snapshot) -> dict[str, object] | None:
    known = _ctl_of(row, snapshot)
    return None if known is None else CTL.written(known, snapshot)


CTL_OF_INSTANCE: Member[InstanceOf] = Member(
    "ctl", CTL, "What this process asked for of its interest list; `null`: no probe sees that.", _written
)
