"""Gives back the memory that compiling, floods of events and large censuses leave behind."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable

from epolltop.proc.smaps import unwritten_mappings

FLOOD = 10_000
"""Events in one poll, or descriptors gone, that leave enough memory to be worth giving back: 5 MB."""
QUIET_POLLS = 5
"""Polls after which nobody holds records of a flood any more."""


class Tide:
    """After a flood of events or descriptors, returns free memory to the kernel. Until then the process keeps it."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        """No flood so far."""
        self._give_back = give_back
        self._left = 0  # polls until it is given back
        self._held = 0  # the most descriptors since the last ebb

    def note(self, events: int, held: int) -> None:
        """Notes how many events a poll returned, and how many descriptors are known."""
        self._held = max(self._held, held)
        ebbs = self._held - held >= FLOOD
        if ebbs:
            self._held = held
        if events >= FLOOD or ebbs:
            self._left = QUIET_POLLS
        elif self._left:
            self._left -= 1
            if not self._left:
                self._give_back()


def give_back_memory() -> None:
    """Drops free heap, and pages of LLVM and libbpf that are no longer used: 80 MB in 8 ms.

    Only mappings without private copies are dropped; their pages come back from the file when they are needed again.
    MADV_DONTNEED on a page that was relocated would lose the relocation.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "malloc_trim"):  # glibc only
        libc.malloc_trim(0)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    dont_need = 4
    with contextlib.suppress(OSError):  # memory is only larger without
        for start, end in unwritten_mappings(("libLLVM", "libclang", "libbcc")):
            libc.madvise(start, end - start, dont_need)
