"""How much detail of loops epolltop can afford: a step for each amount, and when to take another one.

A machine is watched while something is wrong with it, so watching may not become what is wrong. What epolltop takes is
the CPU time of its own threads, and the run time of the probe of waits in the threads that it watches. Only the latter
has no bound of its own: it grows with the waits, of which a busy poller makes a million a second. So both together have
a budget. Over it, of each loop only so many waits a second are measured: their times are in the histograms, and the
event that they returned first is looked at. All waits are counted all the same, and sums of times go on
(bpf/sampling.h). A loop that waits less often is measured as before.

A step down is taken at once. It is taken back slowly, and only if there is much room then. None is taken that would not
help: a poller may cost more than the budget however little of it is measured.
"""

from __future__ import annotations

from typing import NamedTuple

from epolltop.sources.bpf.turn_price import TurnPrice

STEPS = (0, 1_000, 250, 60)
"""Waits a second of each loop that are measured, less at each step. At the first, 0, all are."""
QUIET, BUSY = 0.03, 0.05
"""The budget without an option, as a share of a core: of a machine on which less runs than it has CPUs; of others."""
LOOK_S = 0.9
"""The shortest time to decide by."""
_LEAST = 0.5
"""The part of the budget that the probe may take, whatever the rest of epolltop takes: that does not depend on it."""
_WORTH = 0.25
"""The part of the probe's budget that a step has to save to be taken."""
_CALM = 0.5
"""The part of its budget that the probe may take after a step back."""
CALM_LOOKS = 5
"""In a row that allow a step back before it is taken."""


class Load(NamedTuple):
    """What happened within a second."""

    measured: float
    """Waits, of all loops."""
    sampled_out: float
    own: float
    """CPU time of epolltop's threads, in seconds."""

    def probe(self, price: TurnPrice) -> float:
        """Run time of the probe, in seconds."""
        return (self.measured * price.measured + self.sampled_out * price.sampled_out) / 1e9

    def before(self, step: int) -> Load:
        """What it would have been at the step above that one, at most."""
        waits = self.measured + self.sampled_out
        measured = min(waits, self.measured * STEPS[step - 1] / STEPS[step]) if step > 1 else waits
        return self._replace(measured=measured, sampled_out=waits - measured)


class Stage(NamedTuple):
    """Where it is."""

    step: int = 0
    calm: int = 0
    """Looks in a row that allow a step back."""


def budget_of(asked: float | None, running: float, cpus: int) -> float:
    """As a share of a core.

    Args:
        asked: by an option.
        running: tasks that run or want to.
        cpus: that there are.
    """
    if asked is not None:
        return asked
    return QUIET if running < cpus else BUSY


def moved(stage: Stage, load: Load, price: TurnPrice, budget: float) -> Stage:
    """Where to go from there.

    Args:
        stage: where it was under that load.
        load: since the last look.
        price: of a turn.
        budget: as a share of a core.
    """
    room = max(budget - load.own, budget * _LEAST)
    saved = load.measured * (price.measured - price.sampled_out) / 1e9
    if load.probe(price) > room:
        helps = stage.step < len(STEPS) - 1 and saved > room * _WORTH
        return Stage(stage.step + helps)
    if stage.step and load.before(stage.step).probe(price) <= room * _CALM:
        return Stage(stage.step - 1) if stage.calm + 1 >= CALM_LOOKS else stage._replace(calm=stage.calm + 1)
    return Stage(stage.step)
