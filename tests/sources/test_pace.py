"""How soon work is due again: after it has waited as many times what it cost as its share says."""

from __future__ import annotations

import time

from epolltop.sources.pace import Pace
from tests.waiting import eventually


def busy() -> str:
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        pass
    return "done"


def asleep() -> str:
    time.sleep(0.05)
    return "done"


def test_work_that_took_a_core_waits() -> None:
    pace = Pace(1e-3, spent_ns=time.thread_time_ns)
    assert pace.run(busy) == "done"
    assert not pace.is_due
    assert pace.run(busy) is None


def test_it_is_due_again_when_it_has_waited_for_what_it_cost() -> None:
    pace = Pace(0.1, spent_ns=time.thread_time_ns)
    began = time.monotonic()
    assert pace.run(busy) == "done"
    eventually(lambda: pace.run(busy))
    assert time.monotonic() - began >= 0.2


def test_time_that_a_thread_was_stopped_or_asleep_is_no_work() -> None:
    pace = Pace(1e-2, spent_ns=time.thread_time_ns)
    assert pace.run(asleep) == "done"
    # Of 5 s, what it would wait after 0.05 s of work.
    assert eventually(lambda: pace.run(asleep), within_s=2) == "done"


def test_time_for_which_others_are_held_up_is_what_a_clock_says() -> None:
    pace = Pace(1e-2, spent_ns=time.monotonic_ns)
    assert pace.run(asleep) == "done"
    assert not pace.is_due
