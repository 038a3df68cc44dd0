"""Several windows over one world: each shows what it alone would show."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.model.batch import Batch
from epolltop.model.counts import Counts
from epolltop.model.loop_activity import LoopCounts, LoopTimes
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.window import NEWS_MAX, Window
from epolltop.model.world import World
from tests.support.records import SECOND_NS, A, P, Q, R, batch, buckets, census, create, holding, loop, turn
from tests.support.watched import Watched

DEEDS = st.fixed_dictionaries({key: st.integers(0, 2) for key in (P, Q, R)})
"""How many instances each process creates in a tick, and releases."""
LIVES = st.lists(st.tuples(DEEDS, st.sets(st.sampled_from([P, Q, R]), max_size=1)), min_size=1, max_size=12)
"""Each tick: what is done in it by those who are alive, and who ends with it."""


def _batches(lives: Sequence[tuple[dict[ProcessKey, int], set[ProcessKey]]]) -> list[Batch]:
    """The kernel's entry of a process that ended is told once more."""
    made: dict[ProcessKey, int] = {P: 0, Q: 0, R: 0}
    batches = []
    for tick, (deeds, ending) in enumerate(lives, start=1):
        made = {key: number + deeds[key] for key, number in made.items()}
        alive = sorted(made.keys() - ending)
        now = tick * SECOND_NS
        events = [create(A, now - 9, key) for key in made if deeds[key]]
        held = census(now - 5, *(holding(A, key) for key in alive))
        counts = {key: Counts(number, 0, number) for key, number in made.items()}
        batches.append(_waiting(batch(now, events, held, counts=counts, alive=alive), deeds, made))
        made = {key: made[key] for key in alive}
    return batches


def _waiting(tick: Batch, deeds: dict[ProcessKey, int], made: dict[ProcessKey, int]) -> Batch:
    """The same, with a loop of each process; who did nothing in the tick goes on with what it was at."""
    loops, times, turns = {}, {}, {}
    for process, number in made.items():
        key, did = loop(A, process), deeds[process]
        loops[key] = LoopCounts(waits=number, waiting_ns=3 * number, away_ns=number)
        times[key] = LoopTimes(buckets(b1=number), buckets(b2=number), (), 9 * did, 7 * did, 0)
        turns[key] = turn(number, number % 2 and number + 1)
    return dataclasses.replace(tick, loops=loops, turns=turns, loop_times=times)


@settings(max_examples=150)
@given(
    LIVES,
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=12, max_size=12),
    st.sampled_from([(), (P.pid, Q.pid)]),
)
def test_each_window_shows_what_it_would_show_alone(
    lives: list[tuple[dict[ProcessKey, int], set[ProcessKey]]],
    looks: list[tuple[bool, bool, bool]],
    pids: Sequence[int],
) -> None:
    selection = Selection(frozenset(pids))
    together, alone = World(selection), [World(selection) for _ in range(3)]
    windows = [together.open_window(tell_all=True) for _ in alone]
    single = [world.open_window(tell_all=True) for world in alone]
    for one, who in zip(_batches(lives), looks, strict=False):
        for world in (together, *alone):
            world.apply(one)
        for at, looking in enumerate(who):
            if looking:
                expected = alone[at].freeze(single[at])
                assert _told(together.freeze(windows[at])) == _told(expected)
                together.mark(windows[at])
                alone[at].mark(single[at])


def _told(snapshot: Snapshot) -> Snapshot:
    return dataclasses.replace(snapshot, journal=())


def test_two_windows_have_rates_and_history_of_their_own() -> None:
    world = World()
    world.apply(batch(0, counts={P: Counts()}))
    slow, quick = world.open_window(), world.open_window()
    world.mark(slow)
    world.mark(quick)
    rates: dict[str, list[float]] = {"slow": [], "quick": []}
    for tick in range(1, 5):
        world.apply(batch(tick * SECOND_NS, counts={P: Counts(created=tick * tick)}))
        rates["quick"].append(world.freeze(quick).processes[0].create_per_s)
        world.mark(quick)
    row = world.freeze(slow).processes[0]
    assert (row.create_per_s, row.rates_kept("history")) == (4.0, (4.0,))
    assert rates["quick"] == [1.0, 3.0, 5.0, 7.0]
    world.apply(batch(5 * SECOND_NS, counts={P: Counts(created=25)}))
    assert world.freeze(quick).processes[0].rates_kept("history") == (1.0, 3.0, 5.0, 7.0, 9.0)


def test_who_is_gone_is_forgotten_when_no_window_shows_it() -> None:
    world = World()
    slow, quick = world.open_window(), world.open_window()
    world.apply(batch(SECOND_NS))
    world.mark(slow)
    world.mark(quick)
    world.apply(batch(2 * SECOND_NS, counts={P: Counts(3, 0, 3)}, alive=()))
    world.mark(quick)
    world.apply(batch(3 * SECOND_NS, counts={}, alive=()))
    assert world.freeze(quick).processes == ()
    world.mark(quick)
    (row,) = world.freeze(slow).processes
    assert (row.created, row.create_per_s, row.ended) == (3, 1.5, True)
    world.mark(slow)
    assert not world._state.tallies.processes()


def test_who_is_forgotten_and_comes_back_is_counted_anew_in_each_window() -> None:
    world = World()
    slow, quick = world.open_window(), world.open_window()
    world.apply(batch(SECOND_NS, counts={P: Counts(5)}, alive=()))
    world.mark(slow)
    world.mark(quick)
    world.apply(batch(2 * SECOND_NS, counts={}, alive=()))
    world.mark(quick)
    world.apply(batch(3 * SECOND_NS, counts={P: Counts(1)}, alive=()))
    for window, window_s in ((slow, 2), (quick, 1)):
        (row,) = world.freeze(window).processes
        assert (row.created, row.create_per_s) == (1, 1 / window_s)


def test_a_window_that_is_closed_keeps_nothing() -> None:
    world = World()
    left, open_ = world.open_window(), world.open_window()
    world.apply(batch(SECOND_NS, counts={P: Counts(1)}, alive=()))
    world.apply(batch(2 * SECOND_NS, counts={}, alive=()))
    world.mark(open_)
    assert world._state.tallies.processes()
    world.close_window(left)
    world.mark(open_)
    assert not world._state.tallies.processes()


def test_news_are_told_to_each() -> None:
    world = World()
    one, other, deaf = world.open_window(tell_all=True), world.open_window(tell_all=True), world.open_window()
    world.apply(batch(SECOND_NS, [create(A, 10)]))
    assert [event.file for event in world.freeze(one).news] == [A]
    world.apply(batch(2 * SECOND_NS, [create(A + 1, 11)]))
    assert [event.file for event in world.freeze(other).news] == [A, A + 1]
    assert [event.file for event in one.take_news()] == [A + 1]
    assert world.freeze(deaf).news == ()


def test_news_are_only_for_who_asks() -> None:
    world = Watched()
    world.apply(batch(30, [create(A, 10)]))
    snapshot = world.look()
    assert (snapshot.news, len(snapshot.journal)) == ((), 1)


def test_of_the_news_that_nobody_takes_the_last_are_kept_and_the_others_counted() -> None:
    window, many = Window(tell_all=True), NEWS_MAX // 2 + 1
    for time_ns in range(1, 5):
        window.hear([create(A, time_ns)] * many)
        window.limit(many)
    assert (len(window.news), window.dropped) == (NEWS_MAX, 4 * many - NEWS_MAX)
    assert (window.news[0].time_ns, window.news[-1].time_ns) == (3, 4)
    assert len(window.take_news()) == NEWS_MAX
    window.hear([create(A, 5)])
    assert (len(window.take_news()), window.dropped) == (1, 4 * many - NEWS_MAX)


def test_the_news_of_one_batch_wait_however_many_they_are() -> None:
    world = World()
    window = world.open_window(tell_all=True)
    world.apply(batch(SECOND_NS, [create(A, 1)]))
    world.apply(batch(2 * SECOND_NS, [create(A, 2)] * (NEWS_MAX + 5)))
    assert (len(window.news), window.dropped) == (NEWS_MAX + 5, 1)
