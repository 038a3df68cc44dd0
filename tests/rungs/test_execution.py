"""A thread that is not the first executes a program, and so gets the number and the start of the first one."""

from __future__ import annotations

from random import Random

import pytest

from .files import Asked
from .moves import processes
from .puppets import Puppets
from .random_run import RandomRun
from .rungs import RUNGS, Refused, opened

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

_BURNT = 20_000
"""Instances created and closed: much more CPU time than a program takes to start."""


@pytest.mark.parametrize("rung", ["derived"])
def test_what_the_first_thread_did_counts_once_when_another_one_executes(rung: str, puppets: Puppets) -> None:
    run = RandomRun(puppets, Random(0), {})
    try:
        with opened(RUNGS[rung]) as observing:
            (first,) = run.oracle.threads()
            reply = run.do(first, "create1", flags=0)[0]
            at_once = (reply["done"], Asked("epoll_pwait", 1, 0))
            run.turns(first, [at_once])
            for _ in range(4):
                run.do(first, "pairs", count=_BURNT)
            run.turns(first, [at_once])
            processes.thread(run, first)
            observing.refresh()
            processes.execute(run, run.oracle.threads()[1])
            run.turns(run.oracle.threads()[0], [at_once, at_once])
            (loop,) = observing.row(first.process.pid).loops
            assert loop.counted.total.waits == 4
            assert loop.times.away.total == 2
            assert loop.counted.total.cpu_ns < 1_000_000_000_000
    except Refused as refused:
        pytest.skip(str(refused))
    finally:
        run.close()
