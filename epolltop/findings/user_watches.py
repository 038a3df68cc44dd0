"""Watches by user, who may have fs.epoll.max_user_watches of them.

The kernel charges the real user who created an instance. What is known is the effective one of its holders, which
differs only in programs that change their user.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow


class UserWatches(NamedTuple):
    """Of one user."""

    watches: int
    """That are known: a lower bound."""
    largest: ProcessKey | None
    """The process with the most of these."""


def watches_of(instances: Iterable[Instance]) -> int | None:
    """How many are known; None: of no instance."""
    known = [each.watches if each.interest is None else each.interest.length for each in instances]
    numbers = [number for number in known if number is not None]
    return sum(numbers) if numbers else None


def user_watches(rows: Iterable[ProcessRow]) -> UserWatches:
    """Of all processes of one user; an instance that several of them hold counts once, for the first."""
    counted: set[InstanceKey] = set()
    watches, largest, most = 0, None, -1
    for row in rows:
        own = [each for each in row.instances if each.key not in counted]
        counted.update(each.key for each in own)
        number = watches_of(own)
        if number is not None:
            watches += number
            if number > most:
                largest, most = row.key, number
    return UserWatches(watches, largest)
