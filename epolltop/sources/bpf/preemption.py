"""Whether the kernel skips kprobes and tracepoints without counting how often.

While bpf(2) works on a map, the kernel runs no program of kprobes, kretprobes and tracepoints on that CPU (since 5.8
bpf_disable_instrumentation). A kernel that may preempt itself (preempt=full) runs others there meanwhile: nothing that
they do is seen, for a time slice. Since Linux 6.7 it counts what it left out; before, nothing does. fentry, fexit and
raw tracepoints are not concerned. On 6.1 with preempt=full, one CPU and a thread that did nothing but read maps, 20,000
creations were counted as 5,683 by kretprobes, as 5,223 by tracepoints and as 20,000 by fexit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_CONCERNED = {"kprobe", "kretprobe", "tracepoint"}
_COUNTED_SINCE = (6, 7)
_MODES = Path("/sys/kernel/debug/sched/preempt")


def leaves_out(hows: Iterable[str], version: tuple[int, ...]) -> bool:
    """Whether this machine's kernel, of that version, may skip hooks of these kinds without counting it."""
    return version < _COUNTED_SINCE and not _CONCERNED.isdisjoint(hows) and is_full(os.uname().version, _modes())


def is_full(build: str, modes: str | None) -> bool:
    """Whether a kernel may preempt itself anywhere.

    Args:
        build: as uname(2) has it: "#1 SMP PREEMPT_DYNAMIC ...".
        modes: of /sys/kernel/debug/sched/preempt, the present one in parentheses; None if it cannot be read. Then a
            kernel that was built to be told at its start is believed to be as most are, voluntary.
    """
    if modes is not None:
        return "(full)" in modes
    return not {"PREEMPT", "PREEMPT_RT"}.isdisjoint(build.split())


def _modes() -> str | None:
    try:
        return _MODES.read_text(encoding="ascii")
    except OSError:
        return None
