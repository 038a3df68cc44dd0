"""What the kernel allocates while this thread creates an instance, by its own tracepoints of the slab allocator."""

from __future__ import annotations

import ctypes
import os
import threading
from collections import Counter
from typing import NamedTuple

import pytest

from epolltop.bcc.compilation import bpf_directory
from epolltop.bcc.loader import load_bcc

_TEXT = rb"""
struct sum { u64 calls; u64 bytes; };
BPF_ARRAY(creator, u32, 1);
BPF_ARRAY(sums, struct sum, 1);

static int add(u64 bytes)
{
	int zero = 0;
	u32 *tid = creator.lookup(&zero);
	struct sum *sum = sums.lookup(&zero);

	if (tid && sum && *tid == (u32)bpf_get_current_pid_tgid()) {
		sum->calls++;
		sum->bytes += bytes;
	}
	return 0;
}

TRACEPOINT_PROBE(kmem, kmalloc) { return add(args->bytes_alloc); }
TRACEPOINT_PROBE(kmem, kmem_cache_alloc) { return add(args->bytes_alloc); }
"""
_libc = ctypes.CDLL(None, use_errno=True)


class Allocated(NamedTuple):
    """In one call."""

    times: int
    octets: int


def allocated_by_creation(*sizes: int, rounds: int = 50) -> dict[int, Allocated]:
    """What `epoll_create` of each size allocates most often: now and then the allocator has to get pages for itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BCC_KERNEL_SOURCE", str(bpf_directory() / "stub-headers"))
        program = load_bcc().BPF(text=_TEXT, cflags=["-w"])
    creator, sums, zero = program[b"creator"], program[b"sums"], ctypes.c_int(0)

    def once(size: int) -> Allocated:
        sums[zero] = sums.Leaf(0, 0)
        creator[zero] = ctypes.c_uint32(threading.get_native_id())
        fd = _libc.epoll_create(size)
        creator[zero] = ctypes.c_uint32(0)
        os.close(fd)
        return Allocated(sums[zero].calls, sums[zero].bytes)

    try:
        return {size: Counter(once(size) for _ in range(rounds)).most_common(1)[0][0] for size in sizes}
    finally:
        program.cleanup()
