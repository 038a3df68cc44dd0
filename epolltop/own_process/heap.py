"""The heap of the C library, where Python takes what is larger than 512 bytes."""

from __future__ import annotations

import ctypes

MAPPED_FROM = 1 << 17
"""Bytes of a block that the kernel gives by itself, and has back when it is freed."""
_MMAP_THRESHOLD = -3
"""M_MMAP_THRESHOLD of mallopt(3)."""


def map_large_blocks() -> None:
    """Fixes what counts as large. Else glibc raises it to what was freed last, and keeps 50 MB of a flood for ever."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc only
        libc.mallopt(_MMAP_THRESHOLD, MAPPED_FROM)
