"""What loops do is counted at functions and at tracepoints alike, on each kernel."""

from __future__ import annotations

import errno

import pytest

from tests.workloads.client import Actor

from .reported import Watcher

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.parametrize("watcher", ["fentry", "derived"], indirect=True),
]

ADD, DEL, MOD = 1, 2, 3


def test_waits_are_counted(watcher: Watcher) -> None:
    observing = watcher.observing
    with Actor() as actor:
        fd = actor.create()
        assert actor.do("wait", fd=fd, count=500)["returned"] == {"0": 500}
        assert actor.do("wait", fd=fd, count=2, timeout_ms=5)["returned"] == {"0": 2}
        observing.refresh()
        (counts,) = [each for key, each in observing.batch.loops.items() if key.process.pid == actor.pid]
        assert (counts.waits, counts.zero_empty, counts.timeouts_met) == (502, 500, 2)
        assert counts.waiting_ns >= 10_000_000


def test_changes_of_an_interest_list_are_counted(watcher: Watcher) -> None:
    observing = watcher.observing
    with Actor() as actor:
        fd = actor.create()
        target, _ = actor.do("pipe")["fds"]
        changes = [[ADD, target], [MOD, target], [DEL, target]]
        assert actor.do("ctl", fd=fd, calls=changes, count=500)["returned"] == {"1:0": 500, "3:0": 500, "2:0": 500}
        assert actor.do("ctl", fd=fd, calls=[[DEL, target]], count=3)["returned"] == {f"2:{-errno.ENOENT}": 3}
        observing.refresh()
        (counts,) = [each for key, each in observing.batch.ctl.items() if key.process.pid == actor.pid]
        assert (counts.add, counts.mod, counts.delete) == (500, 500, 503)
        failed = {key: each for key, each in observing.batch.ctl_errors.items() if key.process.pid == actor.pid}
        assert [(key.operation, key.errno, each.errors) for key, each in failed.items()] == [(DEL, errno.ENOENT, 3)]
