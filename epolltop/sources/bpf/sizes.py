"""How much is kept, reported in detail and read: the bounds that hold in a storm, or with very many instances."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from epolltop.bcc.drain import INTERVAL_S
from epolltop.sources.bpf.wire import EVENT, STACK

_RECORD_BYTES = EVENT.size + 16
"""Of the buffer: 12 bytes precede each event, a header and its size; the whole is padded to 8."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bounds of maps, buffer, detail and work. Entries without room are counted; work that is not due waits."""

    live_instances: int = 131_072
    """Live instances that were created during the trace: 16 MB in the kernel."""
    processes: int = 32_768
    """Processes that acted and are not yet known to be gone, and processes whose descriptors are counted: 4 MB in the
    kernel for each."""
    threads: int = 16_384
    """Threads that waited and are not yet known to be gone: 4 MB in the kernel."""
    loops: int = 16_384
    """Pairs of thread and instance: room for over 10,000 loops and those that are gone, 16 MB in the kernel."""
    late_samples: int = 1024
    """Threads that ran while they were late, since the last poll: 700 kB in the kernel."""
    ctls: int = 16_384
    """Pairs of process and instance, and a quarter as many ways in which calls failed: 5 MB in the kernel."""
    pages_per_cpu: int = 1024
    """Of the buffer, a power of two: 4 MB a CPU, if all of them stay within buffer_bytes."""
    buffer_bytes: int = 32 << 20
    records: int = 1 << 17
    """Events that may wait to be taken in: 13 MB, and 0.7 s of work. More stay in the buffer."""
    detail_per_s: int = 20_000
    """Instances per second that a process has events for. Further ones are counted in sampled_out."""
    burst_s: float = 0.25
    """How far a process may run ahead of that rate: 5,000 instances at once."""
    census_share: float = 0.05
    """Share of a core for censuses: with 100,000 descriptors one takes 0.1 s, so the next one waits 2 s."""

    def pages(self, cpus: int) -> int:
        """Of each CPU's buffer: the largest power of two within both bounds; at least 8, unless less was asked for."""
        pages = min(self.pages_per_cpu, self.buffer_bytes // (cpus * os.sysconf("SC_PAGE_SIZE")))
        return max(min(8, self.pages_per_cpu), 1 << max(pages, 1).bit_length() - 1)

    def with_room(self, cpus: int, *, stacks: bool = False) -> Sizes:
        """The same, with no process told in so much detail that it alone fills its CPU's buffer in a turn of the drain.

        The buffer has room for a burst and as much at the steady rate, each of an instance's creation and release.
        Where a turn comes late, on a busy machine, events are lost all the same. Records that bear stacks are larger,
        so fewer wait to be taken in.

        Args:
            cpus: of the machine.
            stacks: creations bear one.
        """
        pair_bytes = 2 * _RECORD_BYTES + (STACK.size if stacks else 0)
        records = self.records * 2 * _RECORD_BYTES // pair_bytes
        instances = self.pages(cpus) * os.sysconf("SC_PAGE_SIZE") // pair_bytes // 2
        detail_per_s = min(self.detail_per_s, int(instances / INTERVAL_S))
        burst_s = min(self.burst_s, instances / detail_per_s)
        return replace(self, records=records, detail_per_s=detail_per_s, burst_s=burst_s)

    def defines(self) -> dict[str, int]:
        """Macros for the compiler."""
        return {
            "LIVE_INSTANCES_MAX": self.live_instances,
            "PROCESSES_MAX": self.processes,
            "THREADS_MAX": self.threads,
            "LOOPS_MAX": self.loops,
            "LATE_SAMPLES_MAX": self.late_samples,
            "CTLS_MAX": self.ctls,
            "CTL_ERRORS_MAX": self.ctls // 4,
            "EVENT_INTERVAL_NS": 1_000_000_000 // self.detail_per_s,
            "EVENT_BURST_NS": int(self.burst_s * 1e9),
        }


SIZES = Sizes().with_room(os.cpu_count() or 1)
"""The default bounds."""
