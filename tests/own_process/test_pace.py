"""How soon work is due again: after it has waited as many times what it cost as its share says."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.own_process import pace
from epolltop.own_process.pace import Allowance, Deadline, Pace
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


def test_whatever_it_cost_it_waits_no_longer_than_the_longest_time() -> None:
    pace = Pace(1e-9, spent_ns=time.thread_time_ns, longest_s=0.1)
    began = time.monotonic()
    assert pace.run(busy) == "done"
    eventually(lambda: pace.run(busy))
    assert time.monotonic() - began >= 0.1


def test_a_deadline_passes() -> None:
    soon = Deadline(0.05)
    soon.require()
    eventually(lambda: soon.is_over)
    with pytest.raises(TimeoutError):
        soon.require()


def test_who_overdraws_an_allowance_pays_it_back() -> None:
    allowance = Allowance(0.5, most_s=0.1)
    with allowance.spend() as deadline:
        assert not deadline.is_over
        time.sleep(0.4)
    began = time.monotonic()

    def is_left() -> bool:
        with allowance.spend() as deadline:
            return not deadline.is_over

    assert not is_left()
    eventually(is_left)
    assert time.monotonic() - began > 0.4  # 0.3 s too many, at half of what passes


def test_no_more_of_an_allowance_is_saved_than_its_limit() -> None:
    allowance = Allowance(100.0, most_s=0.05)
    time.sleep(0.01)
    with allowance.spend() as deadline:
        eventually(lambda: deadline.is_over, within_s=1.0)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        """As in the module time."""
        return self.now_s


@given(st.floats(0.01, 0.39), st.floats(0.2, 3))
def test_work_that_needs_much_is_done_and_leaves_time_to_other_work(takes_s: float, poll_s: float) -> None:
    clock, done = Clock(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "time", clock)
        allowance = Allowance(0.1, most_s=0.8)
        for _ in range(int(30 / poll_s)):
            clock.now_s += poll_s
            with allowance.spend() as deadline:
                with contextlib.suppress(TimeoutError):
                    deadline.half().require_for(takes_s)
                    clock.now_s += takes_s
                    done += 1
                deadline.half().require_for(0.004)
    assert done > 1
    assert done * takes_s < 0.1 * clock.now_s + 0.8
