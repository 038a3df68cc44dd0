"""The mask of a watch in words: for which events it waits, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from epolltop.model.watch import InterestList, event_names
from epolltop.text.numbers import grouped

_OF_ALL = ("EPOLLERR", "EPOLLHUP")
"""The kernel adds these to each watch."""
_HOW = {"EPOLLET": "edge", "EPOLLONESHOT": "oneshot", "EPOLLEXCLUSIVE": "exclusive", "EPOLLWAKEUP": "wakeup"}
"""Bits that are no events, in the order in which they are told."""
LEVEL = "level"
NO_EVENT = "none"
"""It waits for no event: it was added so, or it was oneshot and has fired."""


def event_words(mask: int) -> str:
    """The events, without those that each watch waits for."""
    names = (name for name in event_names(mask) if name not in _OF_ALL and name not in _HOW)
    return " ".join(name.removeprefix("EPOLL") for name in names) or NO_EVENT


def kinds_watched(lists: Iterable[InterestList]) -> str:
    """How many targets there are of each kind, the most first."""
    counts = Counter(watch.target.kind.word for each in lists for watch in each.watches)
    return ", ".join(f"{grouped(number)} {kind}" for kind, number in counts.most_common())


def mode_words(mask: int) -> str:
    """How: level or edge first."""
    names = event_names(mask)
    return " ".join([LEVEL] * ("EPOLLET" not in names) + [word for name, word in _HOW.items() if name in names])
