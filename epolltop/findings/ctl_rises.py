"""By how much changes of interest lists rose in a window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from epolltop.model.ctl_activity import CtlCounts, CtlKey, CtlOperation
from epolltop.model.instance_key import TracedKey
from epolltop.model.snapshot import Snapshot

_NONE = CtlCounts()

CtlErrorCounts: TypeAlias = Mapping[tuple[CtlOperation, int], int]
"""By operation and errno."""


def ctl_rises(now: Snapshot, before: Snapshot | None) -> dict[CtlKey, CtlCounts] | None:
    """By instance and process, those that rose; None if they are not known.

    Args:
        now: the end of the window.
        before: its begin.
    """
    if before is None or not now.source.sees("add"):
        return None
    rises = dict[CtlKey, CtlCounts]()
    for key, counts in now.ctl.items():
        was = before.ctl.get(key, _NONE)
        if was is not counts and was != counts:
            rises[key] = CtlCounts(*(max(0, one - other) for one, other in zip(counts, was, strict=True)))
    return rises


def by_instance(rises: Mapping[CtlKey, CtlCounts]) -> dict[TracedKey, CtlCounts]:
    """Of all processes."""
    found = dict[TracedKey, CtlCounts]()
    for key, rise in rises.items():
        found[key.traced_key] = CtlCounts(*map(sum, zip(found.get(key.traced_key, _NONE), rise, strict=True)))
    return found


def errors_by_instance(
    now: Snapshot, before: Snapshot | None
) -> dict[TracedKey, dict[tuple[CtlOperation, int], int]] | None:
    """Those that failed; None if that is not known."""
    if before is None or not now.source.sees("add"):
        return None
    rises: dict[TracedKey, dict[tuple[CtlOperation, int], int]] = {}
    for key, errors in now.ctl_errors.items():
        then = before.ctl_errors.get(key, {})
        if then is errors:
            continue
        for how, number in errors.items():
            if number > then.get(how, 0):
                there = rises.setdefault(key.traced_key, {})
                there[how] = there.get(how, 0) + number - then.get(how, 0)
    return rises


def ctl_per_s(
    rises: Mapping[TracedKey, CtlCounts] | None, window_s: float | None, instance: TracedKey, counter: str
) -> float | None:
    """Of an instance: `all` of them, or one of the counters.

    Args:
        rises: by instance; None: not known.
        window_s: of the window; None or 0: nothing was counted yet.
        instance: the one.
        counter: name.
    """
    if rises is None or not window_s:
        return None
    rise = rises.get(instance, _NONE)
    number = rise.add + rise.mod + rise.delete if counter == "all" else getattr(rise, counter)
    return float(number) / window_s
