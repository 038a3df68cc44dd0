"""What may help if the kernel refused."""

from __future__ import annotations

import os
import shlex
import sys

from epolltop.errors import MORE_DESCRIPTORS
from epolltop.text.safe import printable


def as_root() -> str:
    """The command that runs this epolltop as root, with its path: sudo does not look into virtual environments."""
    beside = os.path.join(os.path.dirname(sys.executable), "epolltop")  # where installers put it
    started = sys.argv[0] if os.path.basename(sys.argv[0]) == "epolltop" else beside
    try:
        started = os.path.abspath(started)
    except OSError:  # the working directory was removed
        started = beside
    return f"run it as root: sudo {printable(shlex.quote(started))}"


def remedy(said: str, otherwise: str) -> str:
    """A remedy for a refusal, by its message; `otherwise` if the message says nothing we know."""
    if "perf_event_open: Permission denied" in said:
        return f"{as_root()}; or sysctl kernel.perf_event_paranoid=2, if it is more now"
    if "Operation not permitted" in said and "perf_event_open" not in said:
        memory = "ulimit -l unlimited, or CAP_IPC_LOCK (before Linux 5.11 CAP_SYS_RESOURCE, too), to let it lock memory"
        refusal = "; or nothing that refuses bpf(2), as seccomp does in most containers"
        return memory if "mmap of" in said else memory + refusal
    if "Too many open files" in said:
        return MORE_DESCRIPTORS
    return otherwise
