"""The capabilities that observing still needs when everything is attached, a set for each thread."""

from __future__ import annotations

from pathlib import Path

from epolltop.runtime.privileges import Capability, knows

LOOKING = frozenset((Capability.SYS_PTRACE, Capability.DAC_READ_SEARCH))
"""At other users' descriptors and maps in /proc, with kcmp too, and at control groups by handle."""

_PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")


def polling(*, stacks: bool) -> frozenset[Capability]:
    """Of who reads the maps and runs the census, and for stacks opens the files that others have mapped."""
    return LOOKING | {_bpf()} | ({Capability.CHECKPOINT_RESTORE} if stacks else set())


def listening() -> frozenset[Capability]:
    """Of who empties the buffers, and makes that of a CPU which was switched on anew: an event, locked memory."""
    needs = {_bpf(), Capability.IPC_LOCK, Capability.PERFMON if knows(Capability.PERFMON) else Capability.SYS_ADMIN}
    try:
        # Debian's and Ubuntu's kernels go up to 4, and from 3 on PERFMON does not suffice.
        if int(_PARANOID.read_text(encoding="ascii")) > 2:
            needs.add(Capability.SYS_ADMIN)
    except (OSError, ValueError):
        pass
    return frozenset(needs)


def _bpf() -> Capability:
    """Before Linux 5.8 there was but one for nearly everything."""
    return Capability.BPF if knows(Capability.BPF) else Capability.SYS_ADMIN
