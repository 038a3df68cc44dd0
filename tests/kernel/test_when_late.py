"""From when on a loop is looked at, and from when on its stack is taken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from epolltop.model.late_look import LATE_NS, LateLook
from epolltop.model.limits import LATE_UNSEEN
from epolltop.sources.bpf.late_loops import STACK_STAYS_NS
from tests.support.records import SECOND_NS

from .late_programs import late, seen
from .observing import Observing, observe

pytestmark = pytest.mark.kernel

IN_TURN = Path(__file__).parent.parent / "workloads" / "late_in_turn.py"


def needs_looks(observing: Observing) -> None:
    source = observing.refresh().source
    if not source.traces("epoll_wait") or any(limit.id == LATE_UNSEEN for limit in source.limits):
        pytest.skip("no loop is looked at here")


def of_away(at_least_ns: int, below_ns: float = float("inf")) -> Callable[[LateLook], bool]:
    return lambda look: at_least_ns <= look.at_ns - look.returned_ns < below_ns


@pytest.mark.parametrize("way", ["read", "spin"])
def test_short_absences_are_looked_at_and_stacks_taken_of_long_ones(way: str) -> None:
    with observe(late_stacks_ns=SECOND_NS) as observing:
        needs_looks(observing)
        with late(way) as pid:
            assert seen(observing, pid, of_away(LATE_NS, SECOND_NS)).stack == ()
            long = seen(observing, pid, lambda look: bool(look.stack))
        assert of_away(SECOND_NS)(long)


def test_a_look_with_a_stack_does_not_give_way_to_one_at_a_shorter_absence() -> None:
    stacks_ns = 4 * LATE_NS
    short, long = of_away(LATE_NS, stacks_ns), of_away(stacks_ns)
    with observe(late_stacks_ns=stacks_ns) as observing:
        needs_looks(observing)
        with late(sys.executable, IN_TURN, "0.2", "0.2", "0.2", "0.8") as pid:
            first = seen(observing, pid, long)
            later = seen(observing, pid, lambda look: short(look) or look.at_ns > first.at_ns + 3 * SECOND_NS)
        assert long(later)


def test_a_look_with_a_stack_does_not_stay_for_good() -> None:
    stacks_ns = 4 * LATE_NS
    short, long = of_away(LATE_NS, stacks_ns), of_away(stacks_ns)
    with observe(late_stacks_ns=stacks_ns) as observing:
        needs_looks(observing)
        with late(sys.executable, IN_TURN, "0.8", *["0.2"] * 100) as pid:
            first = seen(observing, pid, long)
            later = seen(observing, pid, short)
        assert later.at_ns >= first.at_ns + (STACK_STAYS_NS if first.stack else 0)


@pytest.mark.parametrize(("late_ns", "late_stacks_ns"), [(LATE_NS // 4, None), (LATE_NS, LATE_NS // 4)])
def test_a_loop_is_looked_at_from_the_time_that_was_asked_for(late_ns: int, late_stacks_ns: int | None) -> None:
    with observe(late_ns=late_ns, late_stacks_ns=late_stacks_ns) as observing:
        needs_looks(observing)
        with late(sys.executable, IN_TURN, "0.06") as pid:
            seen(observing, pid, of_away(LATE_NS // 4, LATE_NS))
