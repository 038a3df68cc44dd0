"""When epolltop measures less, and when all again, at any load."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from epolltop.sources.bpf.sampling_policy import BUSY, CALM_LOOKS, QUIET, STEPS, Load, Stage, budget_of, moved
from epolltop.sources.bpf.turn_price import TurnPrice

PRICE = TurnPrice(400.0, 120.0)
BUDGET = 0.03
SHARES = st.floats(0, 4)


def of_loops(rates: list[float], step: int, own: float = 0.0) -> Load:
    """What the kernel makes of loops with so many waits a second."""
    measured = sum(min(rate, STEPS[step]) if step else rate for rate in rates)
    return Load(measured, sum(rates) - measured, own)


def settled(rates: list[float], own: float = 0.0, stage: Stage | None = None) -> Stage:
    """Where it ends while nothing changes."""
    stage = stage or Stage()
    for _ in range(len(STEPS) * (CALM_LOOKS + 1)):
        stage = moved(stage, of_loops(rates, stage.step, own), PRICE, BUDGET)
    return stage


LOOPS = st.lists(st.floats(0, 2e6), max_size=50)


@given(LOOPS, SHARES, st.integers(0, len(STEPS) - 1))
def test_under_a_steady_load_it_comes_to_rest(rates: list[float], own: float, step: int) -> None:
    rest = settled(rates, own, Stage(step))
    for _ in range(CALM_LOOKS + 1):
        after = moved(rest, of_loops(rates, rest.step, own), PRICE, BUDGET)
        assert after.step == rest.step
        rest = after


@given(LOOPS, SHARES)
def test_at_rest_the_probe_is_within_its_budget_or_less_detail_would_not_help(rates: list[float], own: float) -> None:
    rest = settled(rates, own)
    load, room = of_loops(rates, rest.step, own), max(BUDGET - own, BUDGET / 2)
    assert rest.step == len(STEPS) - 1 or load.probe(PRICE) <= room or load.measured * 280e-9 <= room / 4


@given(LOOPS, SHARES, SHARES, st.integers(0, len(STEPS) - 1))
def test_a_larger_budget_never_takes_detail_away(rates: list[float], own: float, more: float, step: int) -> None:
    load = of_loops(rates, step, own)
    assert moved(Stage(step), load, PRICE, BUDGET + more).step <= moved(Stage(step), load, PRICE, BUDGET).step


@given(st.floats(0, 1e5), SHARES)
def test_few_waits_are_all_measured_whatever_the_rest_takes(waits: float, own: float) -> None:
    if waits * 400e-9 <= BUDGET / 2:
        assert settled([waits], own).step == 0


def test_a_busy_poller_is_stepped_down_at_once_and_once_only() -> None:
    first = moved(Stage(), of_loops([1e6, 1e6], 0), PRICE, BUDGET)
    assert first.step == 1
    assert settled([1e6, 1e6]).step == 1, "the rest is not what is measured"


def test_many_loops_are_measured_less_and_less() -> None:
    assert settled([800.0] * 100).step == 2


def test_all_is_measured_again_after_calm_looks_in_a_row() -> None:
    stage, looks = Stage(1), 0
    while stage.step:
        stage, looks = moved(stage, of_loops([100.0], stage.step), PRICE, BUDGET), looks + 1
    assert looks == CALM_LOOKS


def test_a_moment_of_load_begins_the_calm_anew() -> None:
    calm = moved(Stage(1), of_loops([100.0], 1), PRICE, BUDGET)
    assert calm.calm == 1
    assert moved(calm, of_loops([1e6], 1), PRICE, BUDGET) == Stage(1)


def test_the_budget_is_that_of_the_option_or_of_the_machine() -> None:
    assert (budget_of(None, 0.5, 2), budget_of(None, 2.0, 2), budget_of(0.5, 2.0, 2)) == (QUIET, BUSY, 0.5)
