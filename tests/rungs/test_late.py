"""What late loops do is told where functions are probed and where tracepoints are, on each kernel."""

from __future__ import annotations

import os
import signal

import pytest

from epolltop.errors import SourceUnavailable
from epolltop.model.late_look import Doing
from epolltop.model.watch import TargetKind
from epolltop.query.refusal_catalogue import refusal_words
from tests.kernel.late_programs import is_blocked, late, seen
from tests.kernel.observing import observe
from tests.workloads.client import Actor

from .reported import Watcher
from .rungs import RUNGS

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("watcher", ["fentry", "derived"], indirect=True)
def test_what_a_late_loop_does_is_told(watcher: Watcher) -> None:
    observing = watcher.observing
    with Actor() as actor:
        actor.do("wait", fd=actor.create())
        look = seen(observing, actor.pid, is_blocked)
        assert (look.call, look.fd) == ("read", 0)
        assert look.target is not None
        assert look.target.kind is TargetKind.PIPE
        os.kill(actor.pid, signal.SIGSTOP)
        seen(observing, actor.pid, lambda each: each.doing is Doing.STOPPED)
        os.kill(actor.pid, signal.SIGCONT)
    with late("spin") as pid:
        seen(observing, pid, lambda each: each.doing in {Doing.ON_CPU, Doing.RUNNABLE})


@pytest.mark.parametrize("way", ["spin", "read"])
@pytest.mark.parametrize("rung", ["fentry", "derived"])
def test_the_stack_of_a_late_loop_is_told(rung: str, way: str) -> None:
    ladders = RUNGS[rung].ladders
    assert ladders is not None
    try:
        with observe(ladders, late_stacks_ns=20_000_000) as observing, late(way) as pid:
            seen(observing, pid, lambda look: bool(look.stack) and (look.call == "read") is (way == "read"))
    except SourceUnavailable as error:
        pytest.skip(refusal_words(error.evidence)[:400])
