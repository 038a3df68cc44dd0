"""A processor that has no part of the perf buffer is given one."""

from __future__ import annotations

import ctypes
import os

import pytest

from epolltop.model.event import Kind
from epolltop.sources.bpf.bpf_source import BpfSource
from tests.waiting import eventually
from tests.workloads.client import Actor

from .observing import Observing, observe

pytestmark = [pytest.mark.kernel, pytest.mark.alone]


def _take_away(observing: Observing, cpu: int) -> None:
    """As if it had come after the start: the kernel finds no place for what happens there."""
    source = observing._source
    assert isinstance(source, BpfSource)
    table = source._buffer._table
    assert source._buffer._lib.bpf_delete_elem(table.map_fd, ctypes.byref(ctypes.c_int(cpu))) == 0


def test_what_comes_after_a_loss_is_told_again() -> None:
    cpu = max(os.sched_getaffinity(0))
    with observe() as observing, Actor() as actor:
        os.sched_setaffinity(actor.pid, {cpu})
        actor.do("pairs", count=3)
        assert observing.row(actor.pid).created == 3
        assert len(observing.events(actor.pid, Kind.CREATE)) == 3
        before = observing.batch.source.lost
        _take_away(observing, cpu)
        actor.do("pairs", count=5)
        row = observing.row(actor.pid)
        assert (row.created, len(observing.events(actor.pid, Kind.CREATE))) == (8, 3)
        assert observing.batch.source.lost >= before + 10

        eventually(lambda: observing.hears(actor))
        lost = observing.batch.source.lost
        told = len(observing.events(actor.pid, Kind.CREATE))
        actor.do("pairs", count=100)
        observing.refresh()
        assert (observing.batch.source.lost, len(observing.events(actor.pid, Kind.CREATE))) == (lost, told + 100)
