"""What all findings come to, and what it costs to say so."""

from __future__ import annotations

from dataclasses import replace

from epolltop.model.loop_activity import LoopCounts
from epolltop.model.snapshot import Snapshot
from epolltop.model.source import Probe
from epolltop.model.world import World
from epolltop.query.headline import headline
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.verdict import verdict
from tests.support.records import SECOND_NS, A, B, P, batch, census, holding, loop, source, turn

WAITS = Probe("epoll_wait", "here", traces=True)
KEYS = (loop(A, tid=101), loop(B, tid=102))


def two_busy_loops() -> Snapshot:
    """As a world tells it: the rows of loops are made when they are looked at."""
    world = World()
    window = world.open_window()
    for at in (8, 9):
        world.apply(
            batch(
                at * SECOND_NS,
                taken=census(at * SECOND_NS - 1, holding(A), holding(B, fd=4)),
                loops={key: LoopCounts(at, away_ns=at) for key in KEYS},
                turns={key: turn(at * SECOND_NS) for key in KEYS},
                alive=(P,),
            )
        )
        world.mark(window)
    return world.freeze(window)


def test_of_a_healthy_machine_it_tells_how_many_loops_were_judged() -> None:
    shown = replace(two_busy_loops(), judged_s=2.0, source=replace(source(), probes=(WAITS,)))
    assert verdict(shown) == "nothing found in 2 loops for 2.0s"


def test_a_screen_of_processes_makes_no_row_of_a_loop() -> None:
    """Of ten thousand loops that takes a tenth of a second, each time."""
    shown = replace(two_busy_loops(), judged_s=2.0)
    (row,) = shown.processes
    told = [verdict(shown), headline(shown), *(field.show(row, shown) for field in PROCESS_FIELDS if field.shown)]
    assert all(told[:2])
    assert "rows" not in vars(row.loops)
    assert len(row.loops.rows) == 2
    assert "rows" in vars(row.loops)
