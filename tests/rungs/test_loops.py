"""Waits are counted by tracepoints on each kernel, also where functions can be probed."""

from __future__ import annotations

import pytest

from epolltop.sources.bpf.ladder import ALL
from tests.kernel.observing import observe
from tests.workloads.client import Actor


@pytest.mark.kernel
@pytest.mark.parametrize("_rung", ["derived"])
def test_tracepoints_count_waits(_rung: str) -> None:
    with observe(ALL.only("epoll_wait", "tracepoint")) as observing, Actor() as actor:
        fd = actor.create()
        assert actor.do("wait", fd=fd, count=500)["returned"] == {"0": 500}
        assert actor.do("wait", fd=fd, count=2, timeout_ms=5)["returned"] == {"0": 2}
        observing.refresh()
        (counts,) = [each for key, each in observing.batch.loops.items() if key.process.pid == actor.pid]
        assert (counts.waits, counts.zero_empty, counts.timeouts_met) == (502, 500, 2)
        assert counts.waiting_ns >= 10_000_000
