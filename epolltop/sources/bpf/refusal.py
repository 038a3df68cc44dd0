"""What may help where the kernel refused."""

from __future__ import annotations

from epolltop.sources import MORE_DESCRIPTORS


def remedy(said: str, otherwise: str) -> str:
    """What may help against what the kernel refused: its reason is not in the answer, but in what this process may."""
    if "perf_event_open: Permission denied" in said:
        return "run it as root: sudo epolltop; or sysctl kernel.perf_event_paranoid=2, if it is more now"
    if "Operation not permitted" in said and "perf_event_open" not in said:
        memory = "ulimit -l unlimited, or CAP_IPC_LOCK (before Linux 5.11 CAP_SYS_RESOURCE, too), to let it lock memory"
        refusal = "; or nothing that refuses bpf(2), as seccomp does in most containers"
        return memory if "mmap of" in said else memory + refusal
    if "Too many open files" in said:
        return MORE_DESCRIPTORS
    return otherwise
