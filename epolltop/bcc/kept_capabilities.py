"""The capabilities that observing still needs when everything is attached, a set for each thread."""

from __future__ import annotations

from epolltop.own_process.privileges import Capability, knows
from epolltop.proc.reading import LOOKING
from epolltop.proc.sysctl import perf_event_paranoid


def polling(*, stacks: bool) -> frozenset[Capability]:
    """For the thread that reads the maps and runs the census, and for stacks opens files that others have mapped."""
    return LOOKING | {_bpf()} | ({Capability.CHECKPOINT_RESTORE} if stacks else set())


def listening() -> frozenset[Capability]:
    """For the thread that empties the buffers, and makes one for a CPU that comes online: an event, locked memory."""
    needs = {_bpf(), Capability.IPC_LOCK, Capability.PERFMON if knows(Capability.PERFMON) else Capability.SYS_ADMIN}
    # Debian's and Ubuntu's kernels go up to 4, and from 3 on PERFMON does not suffice.
    if (perf_event_paranoid() or 0) > 2:
        needs.add(Capability.SYS_ADMIN)
    return frozenset(needs)


def _bpf() -> Capability:
    """Before Linux 5.8 one capability covered nearly everything."""
    return Capability.BPF if knows(Capability.BPF) else Capability.SYS_ADMIN
