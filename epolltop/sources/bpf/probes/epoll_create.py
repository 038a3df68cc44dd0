"""Creations and failed creations, at the return of the system calls. Its calibration also serves the other probes."""

from __future__ import annotations

from dataclasses import replace

from epolltop.bcc.machine import Machine
from epolltop.model.event import Kind
from epolltop.sources.bpf import wire
from epolltop.sources.bpf.probes.spec import CStruct, Hook, KernelTable, ProbeSpec, Rung

COMPAT = Hook("raw_tracepoint", "sys_exit", "compat_sys_exit", compat=True)
"""Sees the 32-bit tasks that syscall tracepoints leave out, at a cost to every system call of the machine."""


def ladder(machine: Machine | None) -> dict[str, Rung]:
    """Best rung first; those at functions only of an architecture that is known."""
    tracepoint = (
        Hook("tracepoint", "syscalls:sys_exit_epoll_create1", "epoll_create1_sys_exit"),
        Hook("tracepoint", "syscalls:sys_exit_epoll_create", "epoll_create_sys_exit", optional=True),
    )
    if machine is None:
        return {"tracepoint": tracepoint}
    kretprobe = _kretprobe(machine)
    fexit = tuple(replace(hook, how="fexit", program="") for hook in kretprobe)
    return {"fexit": fexit, "kretprobe": kretprobe, "tracepoint": tracepoint}


def _kretprobe(machine: Machine) -> Rung:
    names, shared = ("epoll_create1", "epoll_create"), machine.calls == machine.compat_calls
    own = (Hook("kretprobe", machine.calls + name, f"{name}_return", compat=shared) for name in names)
    compat = (
        Hook("kretprobe", machine.compat_calls + name, f"{name}_compat_return", optional=True, compat=True)
        for name in names
    )
    return tuple(own) if shared else (*own, *compat)


COUNTS = KernelTable(
    member="counts",
    map="processes",
    key=CStruct("process", wire.PROCESS),
    value=CStruct("counts", wire.COUNTS),
    decode=wire.decode_counts,
    process_of=wire.process_key,
)
"""files_free counts in it, too."""

PROBE = ProbeSpec(
    name="epoll_create",
    ladder=ladder,
    proof=lambda calibrate: calibrate().f_op != 0,
    tells=frozenset({Kind.CREATE, Kind.CREATE_FAILED}),
    tables=(COUNTS,),
    compat=COMPAT,
)
