"""Histories of any rate of a process."""

from __future__ import annotations

from epolltop.model.batch import TABLES
from epolltop.model.counts import Counts
from epolltop.model.ctl_activity import CtlCounts
from epolltop.model.history import History
from epolltop.model.kept_rates import HISTORY, KEPT_RATES, KeptRate
from epolltop.model.loop_activity import LoopCounts
from epolltop.model.rates import counted
from epolltop.query.process_fields import PROCESS_FIELDS
from tests.support.records import SECOND_NS, A, P, Q, batch, census, holding
from tests.support.watched import Watched, rows_by_pid

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


def _histories(*created: int, polls: int = 1) -> list[tuple[float, ...]]:
    """Of P, when it has created so many: a window each, that begins with the end of the one before."""
    world = Watched()
    histories = []
    for poll, number in enumerate(created):
        at = (1 + poll) * SECOND_NS
        world.apply(batch(at, [], census(at, holding(A)), counts={P: Counts(created=number)}))
        if poll == 0:
            mark = world.begin_window()
        elif poll % polls == 0:
            histories.append(rows_by_pid(world.look(mark))[P.pid].rates_kept("history"))
            mark = world.begin_window()
    return histories


def test_history_is_a_rate_a_window_and_goes_back_so_far() -> None:
    history = _histories(*(tick * tick for tick in range(HISTORY + 11)))[-1]
    assert len(history) == HISTORY
    assert history[-1] == 2 * (HISTORY + 10) - 1
    assert history[0] == 2 * 11 - 1


def test_history_begins_with_the_first_creation_and_is_forgotten_when_it_is_over() -> None:
    histories = _histories(1, 1, 1, 5, 5, 7, *[7] * HISTORY)
    assert histories[:5] == [(0.0,), (0.0,), (4.0,), (4.0, 0.0), (4.0, 0.0, 2.0)]
    assert histories[-4] == (4.0, 0.0, 2.0, *[0.0] * (HISTORY - 3)), "all that it goes back"
    assert histories[-3] == (2.0, *[0.0] * (HISTORY - 2)), "the first is forgotten, with the zeros after it"
    assert histories[-2:] == [(2.0, *[0.0] * (HISTORY - 1)), (0.0,)]


def test_history_is_of_windows_however_often_the_source_was_asked() -> None:
    assert _histories(0, 1, 4, 4, 5, 9, 13, polls=2) == [(2.0,), (2.0, 0.5), (2.0, 0.5, 4.0)]
