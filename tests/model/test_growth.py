from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.model.growth import Levelled
from epolltop.model.levels import (
    HOUR_S,
    LATER_SLOT_NS,
    MINUTE_S,
    OLD_SLOT_NS,
    SLOT_NS,
    STEPS,
    TEN_MINUTES_S,
    Levels,
    Step,
    growing_s,
    thinned,
)
from epolltop.model.process import NS_PER_TICK, ProcessKey

NS = 1_000_000_000
ME = ProcessKey(7, 1)


def watched(levels: Sequence[tuple[float, int, int | None]]) -> Levelled:
    """Of one process, what it had when it was looked at: seconds, instances, descriptors."""
    levelled = Levelled()
    for at_s, open, fds in levels:
        now = Levels(open, fds)
        levelled.look(round(at_s * NS), {ME}, {ME}, {ME: now}.__getitem__)
    return levelled


def test_what_stays_does_not_grow() -> None:
    levelled = watched([(at, 5, 20) for at in range(0, 600, 5)])
    growth = levelled.of(ME, 600 * NS, Levels(5, 20))
    assert growth is not None
    assert growth[:4] == (0.0, 0.0, 0.0, 0)
    assert len(levelled._steps[ME]) == 1


@given(st.floats(0.01, 20), st.floats(1, 3 * 3600), st.integers(0, 1000))
def test_steady_growth_is_told_as_it_is(per_s: float, watched_s: float, before: int) -> None:
    def level(at_s: float) -> int:
        return before + int(at_s * per_s)

    looks = [at * 5.0 for at in range(int(watched_s // 5) + 1)]
    growth = watched([(at, level(at), level(at)) for at in looks]).of(
        ME, round(watched_s * NS), Levels(level(watched_s), level(watched_s))
    )
    assert growth is not None
    minute, hour = min(MINUTE_S, watched_s), min(HOUR_S, watched_s)
    # What came between two looks, or in an old slot, is not told apart; nor is a part of an instance.
    assert growth.net_per_min / 60 == pytest.approx(per_s, abs=(per_s * 5 + 2) / minute)
    assert growth.net_per_h / 3600 == pytest.approx(
        per_s, abs=(per_s * 305 * (watched_s > 3600) + per_s * 5 + 2) / hour
    )
    assert growth.fds_per_s == pytest.approx(max(growth.net_per_min / 60, growth.net_per_h / 3600))


@given(st.lists(st.tuples(st.floats(5, 400), st.integers(0, 50)), min_size=1, max_size=400))
def test_steps_are_bounded_and_the_last_minute_is_whole(changes: list[tuple[float, int]]) -> None:
    steps: tuple[Step, ...] = ()
    every: list[Step] = []
    at_s = 0.0
    for after_s, open in changes:
        at_s += after_s
        steps = thinned(steps, Step(round(at_s * NS), Levels(open, None)))
        if not every or every[-1].levels.open != open:
            every.append(Step(round(at_s * NS), Levels(open, None)))
        assert len(steps) <= STEPS
        assert [step.at_ns for step in steps] == sorted(step.at_ns for step in steps)
        assert steps[-1] == every[-1]
        now_ns = every[-1].at_ns
        recent = [step for step in every if now_ns - step.at_ns <= MINUTE_S * NS]
        slots = {step.at_ns // SLOT_NS: step for step in recent}
        assert set(slots.values()) <= set(steps)
        later = _slots(every, now_ns, MINUTE_S, TEN_MINUTES_S, LATER_SLOT_NS)
        old = _slots(every, now_ns, TEN_MINUTES_S, HOUR_S, OLD_SLOT_NS)
        assert later + old >= len(steps) - len(slots) - 1


def _slots(steps: list[Step], now_ns: int, from_s: int, to_s: int, slot_ns: int) -> int:
    """How many slots have steps of that age."""
    return len({step.at_ns // slot_ns for step in steps if from_s * NS < now_ns - step.at_ns <= to_s * NS})


def test_what_changes_at_every_look_for_a_day_takes_no_more_than_its_steps() -> None:
    steps: tuple[Step, ...] = ()
    for number in range(24 * 720):
        steps = thinned(steps, Step(number * SLOT_NS, Levels(number, number)))
        assert len(steps) <= STEPS


def test_a_burst_is_in_the_minute_and_then_in_the_hour_only() -> None:
    looks = [(at, 10 + 60 * (at >= 100), 10) for at in range(0, 400, 5)]
    levelled = watched([look for look in looks if look[0] <= 105])
    told = levelled.of(ME, 105 * NS, Levels(70, 10))
    assert told is not None
    assert told.net_per_min == 60.0
    told = watched(looks).of(ME, 400 * NS, Levels(70, 10))
    assert told is not None
    assert told.net_per_min == 0.0
    assert told.net_per_h == 60 / 400 * 3600
    assert told.since_ns == 0


def test_shrinking_is_negative_growth() -> None:
    told = watched([(0, 50, 90)]).of(ME, 30 * NS, Levels(20, 60))
    assert told is not None
    assert told[:4] == (-60.0, -3600.0, -1.0, 0)


def test_less_than_a_second_tells_nothing() -> None:
    levelled = watched([(0, 5, 9)])
    assert levelled.of(ME, NS - 1, Levels(6, 9)) is None
    assert levelled.of(ME, NS, Levels(6, 9)) is not None
    assert levelled.of(ProcessKey(8, 1), NS, Levels(6, 9)) is None


def test_who_lived_and_held_nothing_came_from_nothing_and_a_new_process_may_have_inherited() -> None:
    levelled = Levelled()
    levelled.look(100 * NS, (), (), lambda _: Levels(0, None))
    old, new = ProcessKey(1, 50 * NS // NS_PER_TICK), ProcessKey(2, 103 * NS // NS_PER_TICK)
    levelled.look(105 * NS, {old, new}, {old, new}, lambda _: Levels(40, 50))
    told = levelled.of(old, 160 * NS, Levels(40, 50))
    assert told is not None
    assert told.net_per_min == 40.0
    assert told.fds_per_s == 0.0 or told.fds_per_s is None
    told = levelled.of(new, 160 * NS, Levels(40, 50))
    assert told is not None
    assert told.net_per_min == 0.0


def test_who_ended_is_forgotten_and_who_let_all_go_is_not() -> None:
    levelled = Levelled()
    ended, idle = ProcessKey(1, 1), ProcessKey(2, 1)
    for at, holders, alive in ((0, {ended, idle}, {ended, idle}), (5, set[ProcessKey](), {idle})):
        levelled.look(at * NS, holders, alive, dict.fromkeys(alive, Levels(0 if at else 9, 20)).__getitem__)
    assert set(levelled._steps) == {idle}
    told = levelled.of(idle, 10 * NS, Levels(0, 20))
    assert told is not None
    assert told.net_per_min == -54.0


def test_unknown_descriptors_stay_unknown() -> None:
    told = watched([(0, 5, None)]).of(ME, 10 * NS, Levels(5, None))
    assert told is not None
    assert told.fds_per_s is None
    assert told[:2] == (0.0, 0.0)


def _risen(at_s: int, changes: Sequence[tuple[int, int]]) -> float:
    """For how long the instances grow at an instant, by when there were how many."""
    steps: tuple[Step, ...] = ()
    for when_s in range(0, at_s + 1, 5):
        open = [many for since_s, many in changes if since_s <= when_s][-1]
        steps = thinned(steps, Step(when_s * NS, Levels(open, None)))
    return growing_s(steps, at_s * NS, lambda levels: levels.open)


def test_what_grows_in_each_ten_seconds_grows_for_a_minute_at_most_by_that() -> None:
    every_second = [(at, at) for at in range(90)]
    assert _risen(35, every_second) == 30
    assert _risen(85, every_second) == 60


def test_one_in_twenty_seconds_is_steady_by_the_minute() -> None:
    slow = [(at, at // 20) for at in range(3600)]
    assert _risen(295, slow) == 0
    assert _risen(330, slow) == 300  # what came first is thinned out
    assert _risen(600, slow) == 360


def test_one_in_five_minutes_is_steady_by_the_ten_minutes() -> None:
    assert _risen(3600 + 400, [(at, at // 300) for at in range(4200)]) == 3600


def test_what_starts_or_gets_one_more_worker_does_not_grow_for_long() -> None:
    assert _risen(35, [(0, 0), (6, 4), (16, 8), (26, 16)]) == 30
    assert not any(_risen(at_s, [(0, 0), (6, 4), (16, 8)]) for at_s in range(0, 200, 7))
    assert not any(_risen(at_s, [(0, 8), (100, 9), (595, 10)]) for at_s in range(0, 900, 7))


def test_a_level_that_falls_back_within_a_span_does_not_grow() -> None:
    sawtooth = [(at, 10 + at % 60) for at in range(0, 600, 5)]
    assert _risen(300, sawtooth) == 0
    assert _risen(599, [(at, 100 - at // 10) for at in range(600)]) == 0


def test_what_is_not_known_does_not_grow() -> None:
    steps = (Step(0, Levels(1, 5)), Step(20 * NS, Levels(1, 7)), Step(30 * NS, Levels(1, None)))
    assert growing_s(steps, 29 * NS, lambda levels: levels.open) == 0.0
    assert growing_s(steps, 39 * NS, lambda levels: levels.fds) == 0.0
    assert growing_s((), 40 * NS, lambda levels: levels.fds) == 0.0
