"""A thread that is not the first executes a program, and so gets the number and the start of the first one."""

from __future__ import annotations

from random import Random

import pytest

from .files import Asked
from .moves import processes
from .puppets import Puppets
from .random_run import RandomRun
from .reported import Watcher

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

_BURNT = 20_000
"""Instances created and closed: much more CPU time than a program takes to start."""

_CLOSED = 1_000_000
"""A descriptor that is none."""


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "untold"])
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize("watcher", ["derived"], indirect=True)
def test_what_the_first_thread_did_counts_once_when_another_one_executes(
    watcher: Watcher, puppets: Puppets, is_open: bool, is_told: bool
) -> None:
    run = RandomRun(puppets, Random(0), {})
    try:
        (first,) = run.oracle.threads()
        reply = run.do(first, "create1", flags=0)[0]
        at_once = (reply["done"] if is_open else _CLOSED, Asked("epoll_pwait", 1, 0))
        run.turns(first, [at_once])
        for _ in range(4):
            run.do(first, "pairs", count=_BURNT)
        run.turns(first, [at_once])
        processes.thread(run, first)
        if is_told:
            watcher.look()
        processes.execute(run, run.oracle.threads()[1])
        run.turns(run.oracle.threads()[0], [at_once, at_once])
        (loop,) = [loop for loop in watcher.look().loops if loop.key.process.pid == first.process.pid]
        assert loop.did.counted.total.waits == 4
        assert loop.did.away.total == 2
        assert loop.did.counted.total.cpu_ns < 1_000_000_000_000
    finally:
        run.close()
