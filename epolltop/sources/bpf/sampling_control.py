"""Keeps the probe of waits within its budget: looks at what it cost, and tells it how much to measure."""

from __future__ import annotations

import os
from collections.abc import Collection
from operator import attrgetter

from epolltop.bcc.program import Program
from epolltop.model import limits
from epolltop.model.limits import Limit
from epolltop.model.loop_activity import LoopCounts
from epolltop.sources.bpf.sampling_policy import LOOK_S, STEPS, Load, Stage, budget_of, moved
from epolltop.sources.bpf.turn_price import TurnPrice
from epolltop.sources.bpf.wire import NUMBER

_SECOND_NS = 1_000_000_000


class SamplingControl:
    """Of one observation."""

    def __init__(self, program: Program, price: TurnPrice, budget: float | None, now_ns: int, cpu_ns: int) -> None:
        """Begins with full detail.

        Args:
            program: whose probe counts waits.
            price: of a turn.
            budget: as a share of a core; None: the usual one.
            now_ns: the time.
            cpu_ns: CPU time of epolltop so far.
        """
        self._program, self._price, self._budget = program, price, budget
        self._stage = Stage()
        self._then = (now_ns, 0, 0, cpu_ns)
        self._over: dict[str, float] = {}  # what it cost before the last step down, and the budget then, in percent
        self.limits: tuple[Limit, ...] = ()
        """Present ones."""

    def look(self, loops: Collection[LoopCounts], now_ns: int, cpu_ns: int) -> None:
        """Takes a step if need be.

        Args:
            loops: all that are counted.
            now_ns: the time.
            cpu_ns: CPU time of epolltop so far.
        """
        lasted = (now_ns - self._then[0]) / 1e9
        if lasted < LOOK_S:
            return
        waits, unmeasured = (sum(map(attrgetter(counter), loops)) for counter in ("waits", "unmeasured"))
        now = (now_ns, waits, unmeasured, cpu_ns)
        # The sums fall when loops are forgotten.
        _, waited, left_out, used = (max(0, is_now - was) for is_now, was in zip(now, self._then, strict=True))
        self._then = now
        load = Load(max(0, waited - left_out) / lasted, left_out / lasted, used / 1e9 / lasted)
        budget = budget_of(self._budget, os.getloadavg()[0], os.cpu_count() or 1)
        before, self._stage = self._stage, moved(self._stage, load, self._price, budget)
        if self._stage.step > before.step:
            share = load.own + load.probe(self._price)
            self._over = {"cost_percent": round(share * 100, 1), "budget_percent": budget * 100}
        if self._stage.step != before.step:
            self._take(STEPS[self._stage.step])

    def _take(self, per_s: int) -> None:
        self._program.set_element("sampling", NUMBER.pack(_SECOND_NS // per_s if per_s else 0))
        self.limits = (Limit.of(limits.STEPPED_DOWN, measured_per_s=per_s, **self._over),) if per_s else ()
