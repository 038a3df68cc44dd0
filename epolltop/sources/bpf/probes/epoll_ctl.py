"""Changes of interest lists, summed by instance and process."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from epolltop.bcc.machine import Machine
from epolltop.model.ctl_activity import CtlCounts, CtlErrorKey, CtlErrors, CtlKey, CtlOperation
from epolltop.model.instance_key import TracedKey
from epolltop.model.limits import UNTRACED
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.sources.bpf.io_uring_waits import IoUringWaits
from epolltop.sources.bpf.probes.spec import WITHOUT, CStruct, Hook, KernelTable, MapEntry, ProbeSpec, Rung

CTL = struct.Struct("=QQQI4x")
CTL_COUNTS = struct.Struct("=QQQQQ128x")
CTL_ERROR = struct.Struct("=QQQIHH")
CTL_ERRORS = struct.Struct("=Q")


def ladder(machine: Machine | None) -> dict[str, Rung]:
    """Best rung first; the one at functions only of an architecture that is known."""
    tracepoint = (
        Hook("tracepoint", "syscalls:sys_exit_epoll_ctl", "epoll_ctl_sys_exit"),
        Hook("raw_tracepoint", "io_uring_submit_req", "io_uring_submitted", optional=True, io_uring=True),
        # before Linux 6.6
        Hook("raw_tracepoint", "io_uring_submit_sqe", "io_uring_submitted", optional=True, io_uring=True),
    )
    rungs: dict[str, Rung] = {"tracepoint": tracepoint, WITHOUT: ()}
    return rungs if machine is None else {"fexit": _fexit(machine), **rungs}


def _fexit(machine: Machine) -> Rung:
    shared = machine.calls == machine.compat_calls
    own = Hook("fexit", f"{machine.calls}epoll_ctl", compat=shared)
    compat = Hook("fexit", f"{machine.compat_calls}epoll_ctl", optional=True, compat=True)
    by_io_uring = Hook("fexit", "io_epoll_ctl", optional=True, io_uring=True)
    return (own, by_io_uring) if shared else (own, compat, by_io_uring)


def decode(entries: Iterable[MapEntry]) -> dict[CtlKey, CtlCounts]:
    """Entries of the map ctls, as (struct ctl, struct ctl_counts) pairs."""
    return {_key(key): CtlCounts(*counts) for key, counts in entries}


def decode_errors(entries: Iterable[MapEntry]) -> dict[CtlErrorKey, CtlErrors]:
    """Entries of the map ctl_errors, as (struct ctl_error, struct ctl_errors) pairs."""
    return {
        CtlErrorKey(_key(key), CtlOperation(operation), errno): CtlErrors(*errors)
        for (*key, operation, errno), errors in entries
    }


def _key(fields: Iterable[int]) -> CtlKey:
    file, created_ns, start_ns, tgid = fields
    return CtlKey(file, created_ns, ProcessKey(tgid, start_ns // NS_PER_TICK))


def _instance_of(fields: tuple[int, ...]) -> TracedKey:
    return fields[0], fields[1]


PROBE = ProbeSpec(
    name="epoll_ctl",
    ladder=ladder,
    proof=lambda calibrate: calibrate().registered_by != 0,
    tables=(
        KernelTable(
            member="ctl",
            map="ctls",
            key=CStruct("ctl", CTL),
            value=CStruct("ctl_counts", CTL_COUNTS),
            decode=decode,
            process_of=lambda key: _key(key).process,
            instance_of=_instance_of,
            refused="ctls_refused",
        ),
        KernelTable(
            member="ctl_errors",
            map="ctl_errors",
            key=CStruct("ctl_error", CTL_ERROR),
            value=CStruct("ctl_errors", CTL_ERRORS),
            decode=decode_errors,
            process_of=lambda key: _key(key[:4]).process,
            instance_of=_instance_of,
            refused="ctl_errors_refused",
        ),
    ),
    readers=(IoUringWaits,),
    by_io_uring=True,
    limit=UNTRACED,
)
