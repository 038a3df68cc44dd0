"""What may help if the kernel refused."""

from __future__ import annotations

import errno
import os
import shlex
import sys

from epolltop.errors import MORE_DESCRIPTORS
from epolltop.text.safe import printable

_MEMORY = "ulimit -l unlimited, or CAP_IPC_LOCK (before Linux 5.11 CAP_SYS_RESOURCE, too), to let it lock memory"
_REFUSED_BPF = "; or remove the filter that refuses bpf(2), such as seccomp in most containers"


def as_root() -> str:
    """The command that runs this epolltop as root, with its path: sudo does not look into virtual environments."""
    beside = os.path.join(os.path.dirname(sys.executable), "epolltop")  # where installers put it
    started = sys.argv[0] if os.path.basename(sys.argv[0]) == "epolltop" else beside
    try:
        started = os.path.abspath(started)
    except OSError:  # the working directory was removed
        started = beside
    return f"run it as root: sudo {printable(shlex.quote(started))}"


def remedy(call: str, number: int) -> str:
    """What may help against a refusal; empty if nothing is known.

    Args:
        call: the system call that was refused: perf_event_open, mmap, bpf, or empty.
        number: errno.
    """
    if call == "perf_event_open":
        if number == errno.EACCES:
            return f"{as_root()}; or sysctl kernel.perf_event_paranoid=2, if it is more now"
    elif number == errno.EPERM:
        return _MEMORY if call == "mmap" else _MEMORY + _REFUSED_BPF
    return MORE_DESCRIPTORS if number == errno.EMFILE else ""


def number_in(printed: str) -> int:
    """The errno that libbcc printed; 0 if none that has a remedy.

    While it makes maps and loads programs libbcc prints the text of strerror(3), and keeps no number. The text is
    English: neither libbcc nor Python sets LC_MESSAGES.
    """
    return next((number for number in (errno.EPERM, errno.EMFILE) if os.strerror(number) in printed), 0)
