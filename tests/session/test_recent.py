"""The last seconds of a world."""

from __future__ import annotations

import pytest

from epolltop.findings.families import RULES
from epolltop.model.counts import Counts, Totals
from epolltop.model.world import World
from epolltop.session.recent import RECENT_S, Recent
from tests.support.records import SECOND_NS, A, P, batch, census, holding

PER_S = 10


def apply(world: World, second: int) -> None:
    """P has made so many instances a second from the 100th second on, and none before."""
    made = PER_S * max(0, second - 100)
    taken = census(second * SECOND_NS, holding(A))
    counts, totals = {P: Counts(made, 0, made)}, Totals(made, 0, made)
    world.apply(batch(second * SECOND_NS, taken=taken, counts=counts, totals=totals))


@pytest.mark.parametrize("step", [1, 2, 7, 30])
def test_they_are_shown_whatever_was_before(step: int) -> None:
    world = World()
    apply(world, 1)
    recent = Recent(world)
    windows = []
    for second in range(1 + step, 200, step):
        apply(world, second)
        recent.advance()
        look = recent.look()
        assert look.before.now_ns == look.now.begin_ns
        assert look.now.now_ns == second * SECOND_NS
        begin = look.now.begin_ns // SECOND_NS
        made = PER_S * (max(0, second - 100) - max(0, begin - 100))
        assert look.now.processes[0].create_per_s == pytest.approx(made / (second - begin))
        windows.append(look.now.window_s)
        assert len(world.windows) <= 3
    settled = [each for at, each in enumerate(windows) if at * step >= RECENT_S]
    assert min(settled) >= RECENT_S
    assert max(settled) < 2 * RECENT_S + step
    recent.close()
    assert world.windows == []


def test_no_rule_needs_more() -> None:
    assert max(rule.lasts_s for rule in RULES.values()) <= RECENT_S


def test_of_the_first_moment_there_are_no_rates() -> None:
    world = World()
    apply(world, 150)
    look = Recent(world).look()
    assert (look.now.window_s, look.before.now_ns) == (0.0, look.now.now_ns)
    assert look.now.processes[0].create_per_s == 0.0
