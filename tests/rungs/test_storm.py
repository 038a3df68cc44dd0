"""Two processes that create on one CPU, each as quickly as it can: counted to the last, or said how many are not."""

from __future__ import annotations

import os

import pytest

from tests.workloads.client import Actor

from .reported import Watcher

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

PAIRS = 2_000


def test_storm(watcher: Watcher) -> None:
    coverage = watcher.rung.coverage
    if not coverage.creations:
        pytest.skip("what lives so shortly is not seen by /proc")
    cpu = min(os.sched_getaffinity(0))
    with Actor() as one, Actor() as other:
        for actor in (one, other):
            os.sched_setaffinity(actor.pid, {cpu})
            actor.begin("pairs", count=PAIRS)
        for actor in (one, other):
            actor.answer()
        snapshot = watcher.look()
        rows = {row.pid: row for row in snapshot.processes}
        created = sum(rows[actor.pid].created for actor in (one, other))
        released = sum(rows[actor.pid].released for actor in (one, other))
        missed = snapshot.source.missed
        assert 2 * PAIRS - missed <= created <= 2 * PAIRS
        if coverage.releases:
            others = watcher.observing.charged_elsewhere(one.pid, other.pid)
            assert 2 * PAIRS - missed - others <= released <= 2 * PAIRS
        assert not (snapshot.exact and missed)
