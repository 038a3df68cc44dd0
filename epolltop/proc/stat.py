"""/proc/PID/stat: what a process is called, who its parent is, when it started. 9 µs with its parsing on Linux 6.18.

Format: proc_pid_stat(5).
"""

from __future__ import annotations

from typing import NamedTuple

from epolltop.proc.reading import head

_BYTES = 4096
"""52 numbers and a name of 16 bytes are some 1,100 at the most."""
_FLAG_KERNEL_THREAD = 0x00200000  # PF_KTHREAD, include/linux/sched.h


class Stat(NamedTuple):
    """The fields in use."""

    comm: bytes
    """The process's to choose, parentheses and line breaks included."""
    state: bytes
    ppid: int
    flags: int
    threads: int
    start: int
    """In clock ticks since boot."""
    rest: bytes
    """The fields from the 23rd on."""

    @property
    def is_kernel_thread(self) -> bool:
        """Whether it runs no program, and has no descriptors."""
        return bool(self.flags & _FLAG_KERNEL_THREAD)

    @property
    def is_survived(self) -> bool:
        """Whether the main thread has exited, and other threads hold what it no longer shows."""
        return self.state == b"Z" and self.threads > 1

    @property
    def is_zombie(self) -> bool:
        """Whether all of it has exited, and only its parent has not asked yet how."""
        return self.state == b"Z" and not self.is_survived

    @property
    def stack_start(self) -> int:
        """Where the program's stack began; 0 if the kernel does not tell us. Another program has another one."""
        return self._number(28)

    @property
    def arguments_bytes(self) -> int | None:
        """How long its arguments are, without the last NUL; None if the kernel does not tell us (Linux 3.5)."""
        start, end = self._number(48), self._number(49)
        return end - start - 1 if end > start else None

    def _number(self, field: int) -> int:
        """By its number in proc_pid_stat(5)."""
        fields = self.rest.split(None, field - 22)
        return int(fields[field - 23]) if len(fields) > field - 23 else 0


def read_stat(root: str, pid: int) -> Stat | None:
    """That of a process; None if it is gone or hidden.

    Args:
        root: of the /proc tree.
        pid: in that tree.
    """
    before, _, after = head(f"{root}/{pid}/stat", _BYTES).rpartition(b")")
    fields = after.split(None, 20)
    if len(fields) < 20:
        return None
    rest = fields[20] if len(fields) > 20 else b""
    return Stat(
        before.partition(b"(")[2], fields[0], int(fields[1]), int(fields[6]), int(fields[17]), int(fields[19]), rest
    )
