"""A look at a place: its rows, their order, and which are new. Runs in a thread."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from epolltop.model.instance import Instance
from epolltop.model.snapshot import Snapshot
from epolltop.query.asked_lists import lists_asked, needs_lists
from epolltop.query.view import arranged
from epolltop.query.watches_read import watches_read
from epolltop.ui.state.change_highlight import Glow
from epolltop.ui.state.navigation import Place


class Looked(NamedTuple):
    """The result of a look at a place."""

    place: Place
    snapshot: Snapshot
    rows: Sequence[Any]
    glow: Glow
    """What is new among them, and what is gone."""
    everything: Sequence[Any]
    """The rows there are without the filter, but for those that are gone."""
    of: int
    """Rows there are without the filter."""
    order_held: bool
    asked: tuple[Instance, ...]
    """Instances whose interest lists are to be read for it."""
    missing: str
    """What the rows may lack because lists were not read, in words; empty if nothing."""


def look(place: Place, snapshot: Snapshot, glow: Glow, order: Sequence[Any] | None, *, is_held: bool) -> Looked:
    """The rows of a place in a snapshot.

    Args:
        place: where we are.
        snapshot: the one that is shown.
        glow: compares its rows with those of the snapshot before.
        order: rows whose order is kept; None: they are sorted.
        is_held: time stands, so nothing is new.
    """
    everything = place.subject.rows(snapshot)
    if not is_held and not place.subject.ordered:
        glow.update(everything, snapshot.now_ns)
    gone = glow.gone
    rows = arranged([*everything, *gone] if gone else everything, snapshot, place.view)
    if order is not None:
        rows = steady(rows, order, place.subject.key)
    held = place.held(snapshot) if needs_lists(place.subject, place.filter_text, place.sort) else []
    return Looked(
        place,
        snapshot,
        rows,
        glow,
        everything,
        len(everything) + len(gone),
        order is not None,
        lists_asked(held),
        watches_read(held).words,
    )


def steady(rows: Sequence[Any], order: Sequence[Any], key: Callable[[Any], Hashable]) -> Sequence[Any]:
    """Rows in the order of earlier ones, with new rows at the end."""
    if len(rows) == len(order) and all(
        now is was or key(now) == key(was) for now, was in zip(rows, order, strict=True)
    ):
        return rows
    places = {key(row): at for at, row in enumerate(order)}
    return sorted(rows, key=lambda row: places.get(key(row), len(places)))
