"""Which kernels may leave out probes without counting them."""

from __future__ import annotations

import pytest

from epolltop.sources.bpf.preemption import is_full, leaves_out


@pytest.mark.parametrize(
    ("build", "modes", "full"),
    [
        ("#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1", "none voluntary (full) \n", True),
        ("#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1", "none (voluntary) full \n", False),
        ("#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1", None, False),
        ("#1 SMP PREEMPT Wed Jan 1 00:00:00 UTC 2025", None, True),
        ("#1 SMP PREEMPT_RT Debian 6.1.170-1", None, True),
        ("#1 SMP Debian 5.10.251-1", None, False),
    ],
)
def test_who_may_be_preempted_anywhere(build: str, modes: str | None, full: bool) -> None:
    assert is_full(build, modes) is full


def test_kernels_that_count_and_hooks_that_are_not_concerned() -> None:
    assert not leaves_out(["kprobe", "tracepoint"], (6, 7))
    assert not leaves_out(["fentry", "fexit", "raw_tracepoint"], (5, 10))
