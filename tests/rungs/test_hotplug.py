"""A processor that is switched off for a while, as all but one are when a machine sleeps: in guests only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from epolltop.model.event import Kind
from tests.waiting import eventually
from tests.workloads.client import Actor

from .guest import IN_GUEST
from .rungs import RUNGS, opened

LAST = max(os.sched_getaffinity(0))
ONLINE = Path(f"/sys/devices/system/cpu/cpu{LAST}/online")

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.alone,
    pytest.mark.skipif(
        not IN_GUEST or not LAST, reason="only in a guest, and one with a second processor, to switch it off"
    ),
]


@contextmanager
def switched_off() -> Iterator[None]:
    ONLINE.write_text("0", encoding="ascii")
    try:
        yield
    finally:
        ONLINE.write_text("1", encoding="ascii")


@pytest.mark.parametrize("rung", ["kprobe"])
def test_what_happens_there_afterwards_is_told(rung: str) -> None:
    with opened(RUNGS[rung]) as observing, Actor() as actor:
        with switched_off():
            actor.do("pairs", count=3)
            assert observing.row(actor.pid).created == 3
        os.sched_setaffinity(actor.pid, {LAST})

        eventually(lambda: observing.hears(actor), 20)
        lost, told = observing.batch.source.lost, len(observing.events(actor.pid, Kind.CREATE))
        assert lost > 0, "nothing shows that the processor was away"
        actor.do("pairs", count=100)
        observing.refresh()
        assert (observing.batch.source.lost, len(observing.events(actor.pid, Kind.CREATE))) == (lost, told + 100)
