"""Which interest lists have to be read for a view. To read one costs the program that has it, so nobody else's is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from epolltop.model.bounds import INTEREST_KEPT_MAX, WATCHES_MAX
from epolltop.model.instance import Instance
from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field, lookup
from epolltop.query.grammar import tree_of
from epolltop.query.mistake import FilterError
from epolltop.query.view import WATCHES, Subject, held_instances
from epolltop.query.watches_read import watches_read

ASKED_MAX = 10_000
"""Lists that are asked for at a time: 10 ms of each refresh. Those that were not read yet come first."""
FULL_FROM = INTEREST_KEPT_MAX - WATCHES_MAX
"""Watches. With as many, one further list may be so long that another one loses its place, and is missing in turn."""


def needs_lists(subject: Subject[Any], filter_text: str, sort: str) -> bool:
    """Whether rows, their choice or their order depend on what instances watch.

    Args:
        subject: the kind of rows.
        filter_text: a filter over them; empty: none.
        sort: name of the field by which they are sorted; empty: the subject's default.
    """
    if subject.id == WATCHES.id:
        return True
    fields = [lookup(subject.fields, sort)] if sort else []
    return any(field.of_watches for field in (*fields, *_compared(subject, filter_text)))


def lists_missing(snapshot: Snapshot, subject: Subject[Any], filter_text: str, sort: str) -> str:
    """What rows may lack because lists were not read, or not whole, in words; empty if nothing, or it does not matter.

    Args:
        snapshot: of which the rows are.
        subject: see `needs_lists`, like the others.
        filter_text: see there.
        sort: see there.
    """
    return watches_read(held_instances(snapshot)).words if needs_lists(subject, filter_text, sort) else ""


def lists_asked(held: Iterable[Instance]) -> tuple[Instance, ...]:
    """Of these instances, those whose lists are to be read, each once: no further ones than there is room for."""
    each_once = {each.key: each for each in held}.values()
    again = [each for each in each_once if each.interest is not None]
    is_full = sum(len(each.interest.watches) for each in again if each.interest) >= FULL_FROM
    first = () if is_full else (each for each in each_once if each.interest is None)
    return tuple(itertools.islice(itertools.chain(first, again), ASKED_MAX))


def _compared(subject: Subject[Any], filter_text: str) -> Iterator[Field[Any]]:
    """The fields that a filter compares, also with each other; a text that is no filter compares none."""
    if not filter_text.strip():
        return
    names = {name: field for field in subject.fields for name in field.names}
    try:
        tree = tree_of(filter_text)
    except FilterError:
        return
    for comparison in tree.find_data("comparison"):
        name, _, operand = map(str, comparison.children)
        field = names.get(name.lower())
        if field is None:
            continue
        yield field
        if field.unit != "text" and operand.lower() in names:
            yield names[operand.lower()]
