"""Events that loops get first again and again: since when, and what was seen of their process meanwhile.

Two looks tell what became of an event only if the loop got it at both: another connection that is busy now did not move
earlier. Lists are read at a pace of their own, so the last two are not those of the last two windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from epolltop.model.file_calls import FileCalls
from epolltop.model.instance import Instance
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey
from epolltop.model.watch import InterestList

KEPT_NS = 30_000_000_000
"""An event that a wait between two others interrupts is the same one for so long."""


class CallsSeen(NamedTuple):
    """What a process had done when it was looked at."""

    calls: FileCalls
    waits: int
    """Of the loop, since the observation began."""


class HotEvent(NamedTuple):
    """Of one loop. Of each pair the second is the last look, and the first the one before; both since it began."""

    data: int
    mask: int
    since_ns: int
    """Boot clock: when it was first seen."""
    seen_ns: int
    """When it was last seen."""
    lists: tuple[InterestList | None, InterestList | None] = (None, None)
    calls: tuple[CallsSeen | None, CallsSeen | None] = (None, None)


NO_EVENTS: Mapping[LoopKey, HotEvent] = {}


def followed(
    by_loop: Mapping[LoopKey, HotEvent],
    loops: Iterable[tuple[LoopRow, Instance | None]],
    file_calls: Mapping[ProcessKey, FileCalls],
    now_ns: int,
) -> dict[LoopKey, HotEvent]:
    """What is known after a window.

    Args:
        by_loop: what was known before it.
        loops: that did something in it, with their instances.
        file_calls: at its end.
        now_ns: its end.
    """
    known = {key: each for key, each in by_loop.items() if now_ns - each.seen_ns < KEPT_NS}
    for row, instance in loops:
        if row.turn and row.turn.hot_data is not None:
            event = known.get(row.key)
            if event is None or (event.data, event.mask) != (row.turn.hot_data, row.turn.hot_mask):
                event = HotEvent(row.turn.hot_data, row.turn.hot_mask, now_ns, now_ns)
            known[row.key] = _seen_again(event, row, instance, file_calls.get(row.key.process), now_ns)
    return known


def _seen_again(
    event: HotEvent, row: LoopRow, instance: Instance | None, calls: FileCalls | None, now_ns: int
) -> HotEvent:
    (_, last_list), (_, last_calls) = event.lists, event.calls
    read = instance.interest if instance else None
    if read and read.at_ns >= event.since_ns and (last_list is None or last_list.at_ns != read.at_ns):
        event = event._replace(lists=(last_list, read))
    if calls and (last_calls is None or last_calls.calls.at_ns != calls.at_ns):
        event = event._replace(calls=(last_calls, CallsSeen(calls, row.did.total.waits)))
    return event._replace(seen_ns=now_ns)
