"""Who called, where functions are probed; tests/kernel/test_stacks.py has the rest."""

from __future__ import annotations

import re

import pytest

from epolltop.errors import SourceUnavailable
from epolltop.model.event import Kind
from epolltop.query.refusal_catalogue import refusal_words
from epolltop.sources.bpf.bpf_source import BpfSource
from tests.kernel.observing import Observing
from tests.workloads.client import Actor

from .rungs import RUNGS

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

INNERMOST = re.compile(r"(epoll_create1\+0x[0-9a-f]+|\[0x[0-9a-f]+\]) \(libc[^)]*\)")


@pytest.mark.parametrize("rung", ["fentry", "kprobe"])
def test_a_creation_tells_the_stack_of_its_call(rung: str) -> None:
    ladders = RUNGS[rung].ladders
    assert ladders is not None
    source = BpfSource(stacks=True, ladders=ladders)
    try:
        source.open()
    except SourceUnavailable as error:
        pytest.skip(refusal_words(error.evidence)[:400])
    try:
        observing = Observing(source)
        with Actor() as actor:
            actor.do("create1", flags=0)
            actor.do("create1", flags=4)
            row = observing.row(actor.pid)
            assert (row.created, row.failed) == (1, 1)
            for event in observing.events(actor.pid, Kind.CREATE, Kind.CREATE_FAILED):
                assert INNERMOST.fullmatch(event.stack[0]), event.stack
                assert len(event.stack) > 1, event.stack
            (instance,) = row.instances
            assert instance.stack == observing.events(actor.pid, Kind.CREATE)[0].stack
    finally:
        source.close()
