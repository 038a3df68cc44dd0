"""Which loops are looked at between two polls."""

from __future__ import annotations

import pytest

from epolltop.findings import unexplained as module
from epolltop.findings.cases import Cases
from epolltop.findings.families import FAMILIES
from epolltop.findings.families.blocked_loops import AWAY_MS, looked_at_ns
from epolltop.findings.floor import floor_of
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.findings.unexplained import FRESH_S, unexplained
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_row import LoopRow

from .judged import running, traced
from .late_loops import look, loop


def told(*rows: LoopRow, settings: Settings = DEFAULTS) -> frozenset[LoopKey]:
    cases = Cases(traced(running(*rows)), None, floor=floor_of(FAMILIES, settings), settings=settings)
    return unexplained(cases.active_loops, looked_at_ns(settings))


def test_who_was_away_for_long_is_looked_at_until_somebody_saw_it() -> None:
    away = loop(3, 150)
    assert told(away) == {away.key}
    assert told(loop(3, 50)) == frozenset()
    assert told(loop(3, 150, late=look(ago_s=FRESH_S - 1))) == frozenset()
    assert told(loop(3, 150, late=look(ago_s=FRESH_S + 1))) == {away.key}


@pytest.mark.parametrize(("threshold_ms", "late_ms"), [(40, 40), (100, 100), (2000, 100), (0, 1)])
def test_who_is_away_for_as_long_as_a_threshold_is_looked_at(threshold_ms: float, late_ms: float) -> None:
    settings = Settings({AWAY_MS.name: threshold_ms})
    assert looked_at_ns(settings) == late_ms * 1_000_000
    away = loop(3, late_ms)
    assert told(away, settings=settings) == {away.key}
    assert told(loop(0.5, late_ms * 0.9), settings=settings) == frozenset()


def test_none_is_late_of_several_with_one_instance_and_none_that_is_not_there() -> None:
    assert told(loop(3, 150, shared=True)) == frozenset()
    assert told(loop(3, 150, turn=None)) == frozenset()


def test_some_of_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    assert len(told(*(loop(3, 150, tid=tid) for tid in range(100, 103)))) == 2
