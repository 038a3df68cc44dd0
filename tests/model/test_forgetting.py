"""What a world keeps while processes come and go."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sized

from epolltop.model.batch import Batch
from epolltop.model.counts import Counts
from epolltop.model.event import Event
from epolltop.model.history import History
from epolltop.model.instance_index import InstanceIndex
from epolltop.model.instances import Instances
from epolltop.model.kept_rates import HISTORY
from epolltop.model.known_processes import KnownProcesses
from epolltop.model.observed_state import ObservedState
from epolltop.model.process import ProcessKey
from epolltop.model.tally import Tallies
from epolltop.model.world import World
from tests.support.records import SECOND_NS, A, P, batch, census, create, holding, release, source
from tests.support.watched import Watched


def _sizes(of: object) -> dict[str, int]:
    """Of all collections an object has, and of those of its parts."""
    sizes: dict[str, int] = {}
    for name, value in vars(of).items():
        if isinstance(value, Sized) and not isinstance(value, str):
            sizes[name] = len(value)
        elif isinstance(value, Tallies):
            sizes |= {f"{name}.{inner}": size for inner, size in _sizes(value["counts"]).items()}
        elif isinstance(value, History):
            sizes |= {f"{name}.{kept}": len(closed) for kept, closed in vars(value)["_closed"].items()}
        elif isinstance(value, Instances | InstanceIndex | KnownProcesses):
            sizes |= {f"{name}.{inner}": size for inner, size in _sizes(value).items()}
        elif isinstance(value, ObservedState):
            sizes |= _sizes(value)
    for window in of.windows if isinstance(of, World) else ():
        sizes |= _sizes(window)
    return sizes


def _coming_and_going(tick: int, kept: list[Event]) -> Batch:
    """Of ten processes, five go at once and five a tick later.

    The first of these is sometimes released without an event, the second is in flight meanwhile, the last is created
    without an event.

    Args:
        tick: when.
        kept: creations of those who are to go; becomes that of those who stay.
    """
    now = tick * SECOND_NS
    keys = [ProcessKey(tick * 10 + number, tick) for number in range(10)]
    told = [release(event.file, now, event.created_ns, event.process) for event in kept[tick % 4 == 0 :]]
    made = [create(tick * 4096 + number, now + 1 + number, key) for number, key in enumerate(keys)]
    gone = [release(event.file, now + 99, event.created_ns, event.process) for event in made[:5]]
    kept[:] = made[5:]
    held = [holding(event.file, event.process, created=event.created_ns) for event in (kept[0], *kept[2:])]
    one = batch(
        now + SECOND_NS // 2,
        [*told, *made[:-1], *gone],
        census(now + 100, *held),
        counts={key: Counts(1, 0, 1) for key in keys},
        alive=keys[::2],
        by=source(lost=tick // 4),
    )
    return dataclasses.replace(one, users={1000 + key.pid % 10: "somebody" for key in keys[1::2]})


def _growing(sizes: list[dict[str, int]]) -> set[str]:
    """What was larger at the end than in the middle."""
    assert len(sizes) > 2 * HISTORY
    then, after = sizes[HISTORY:-HISTORY], sizes[-HISTORY:]
    return {name for name in sizes[0] if max(each[name] for each in after) > max(each[name] for each in then)}


def test_what_is_kept_does_not_grow_with_processes_that_come_and_go() -> None:
    world = Watched()
    sizes: list[dict[str, int]] = []
    kept: list[Event] = []
    for tick in range(1, 3 * HISTORY):
        world.apply(_coming_and_going(tick, kept))
        world.look()
        world.begin_window()
        sizes.append(_sizes(world))
    assert _growing(sizes) <= {"journal"}
    assert {
        "processes.facts",
        "processes._users",
        "processes.exited_actors",
        "tallies.counts",
        "history.history",
        "instances.live._held",
    } < sizes[-1].keys()


def test_in_a_long_window_only_what_rows_need_grows_with_processes_that_come_and_go() -> None:
    world = Watched()
    sizes: list[dict[str, int]] = []
    kept: list[Event] = []
    for tick in range(1, 3 * HISTORY):
        world.apply(_coming_and_going(tick, kept))
        sizes.append(_sizes(world))
    assert _growing(sizes) <= {"journal", "tallies.counts", "processes.facts", "processes.exited_actors"}
    acted = 10 * (3 * HISTORY - 1)
    assert sizes[-1]["tallies.counts"] == acted
    assert sizes[-1]["processes.facts"] + sizes[-1]["processes.exited_actors"] <= acted
    rows = world.look().processes
    assert len(rows) == acted
    assert all(row.name for row in rows if row.pid % 2 == 0), "of those that /proc told about"


def test_in_a_long_window_nothing_is_kept_of_who_held_an_instance_and_did_nothing() -> None:
    world = Watched()
    heirs = [ProcessKey(1000 + number, 1000) for number in range(50)]
    for tick, heir in enumerate(heirs, start=1):
        now = tick * SECOND_NS
        world.apply(batch(now, [], census(now, holding(A), holding(A, heir)), alive=(P, heir)))
    assert [row.pid for row in world.look().processes] == [P.pid, heirs[-1].pid]
    assert _sizes(world)["processes.facts"] <= 4


def test_after_a_flood_collections_give_back_their_room() -> None:
    instances, flood = Instances(), 50_000
    held = [holding(4096 * (1 + number), P, number, created=1 + number) for number in range(flood)]
    instances.apply_census(census(SECOND_NS, *held), release_told=True)
    full = [sys.getsizeof(each) for each in (instances.live.by_file, instances._untold)]
    for each in held:
        instances.apply_event(release(each.file, 2 * SECOND_NS, each.created_ns, P))
    instances.apply_census(census(3 * SECOND_NS), release_told=True)
    assert not instances.live.by_file
    assert all(
        sys.getsizeof(each) < size / 100
        for each, size in zip((instances.live.by_file, instances._untold), full, strict=True)
    )
