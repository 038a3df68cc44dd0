"""Histories of any rate of a process."""

from __future__ import annotations

from epolltop.model.batch import TABLES
from epolltop.model.ctl_activity import CtlCounts
from epolltop.model.history import History
from epolltop.model.kept_rates import HISTORY, KEPT_RATES, KeptRate
from epolltop.model.loop_activity import LoopCounts
from epolltop.model.rates import counted
from epolltop.query.process_fields import PROCESS_FIELDS
from tests.support.records import P, Q

KEPT = {
    "waits_history": KeptRate("loops", ("waits",)),
    "ctl_history": KeptRate("ctl", ("add", "mod", "delete")),
}


def _counted(**tables: object) -> tuple[object, ...]:
    return tuple(counted(tables.get(name, table.none), table.none, 2.0) for name, table in TABLES.items())


def test_each_declared_rate_is_kept_on_its_own() -> None:
    history = History(KEPT)
    rates = {"loops": {P: 3.0}, "ctl": {P: 2.0, Q: 5.0}}
    history.close(lambda kept: rates[kept.table], {P, Q})
    history.close(lambda kept: {}, {P, Q})
    now = _counted(loops=LoopCounts(waits=8), ctl=CtlCounts(add=1, mod=2, delete=3, via_io_uring=6))
    assert history.of(P, now) == ((3.0, 0.0, 4.0), (2.0, 0.0, 3.0))  # type: ignore[arg-type]
    assert history.of(Q, _counted()) == ((0.0,), (5.0, 0.0, 0.0))  # type: ignore[arg-type]


def test_what_is_kept_is_bounded() -> None:
    history = History(KEPT)
    for _ in range(2 * HISTORY):
        history.close(lambda kept: {P: 1.0, Q: 1.0}, {P})
    assert [len(rates) for rates in history.of(P, _counted())] == [HISTORY, HISTORY]  # type: ignore[arg-type]
    assert history.of(Q, _counted()) == ((0.0,), (0.0,))  # type: ignore[arg-type]


def test_each_kept_rate_is_of_counters_and_those_with_a_column_are_in_files() -> None:
    for kept in KEPT_RATES.values():
        assert set(kept.counters) <= set(TABLES[kept.table].none._fields)
    assert {field.id for field in PROCESS_FIELDS if field.many} <= KEPT_RATES.keys()
