"""Changes of interest lists, as snapshots keep them: many snapshots are kept, so what is equal is the same object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from epolltop.model.ctl_activity import CtlErrorKey, CtlErrors, CtlKey
from epolltop.model.snapshot import CtlError

Key = TypeVar("Key")
Value = TypeVar("Value")


def errors_by_key(errors: Mapping[CtlErrorKey, CtlErrors]) -> dict[CtlKey, dict[CtlError, int]]:
    """How many calls failed in which way, by instance and process."""
    found: dict[CtlKey, dict[CtlError, int]] = {}
    for key, count in errors.items():
        found.setdefault(key.of, {})[key.operation, key.errno] = count.errors
    return found


def renewed(before: Mapping[Key, Value], after: Mapping[Key, Value]) -> Mapping[Key, Value]:
    """The second mapping, with the keys and values of the first where they are equal."""
    if before == after:
        return before
    kept = dict(before)
    for key in before.keys() - after.keys():
        del kept[key]
    kept.update((key, value) for key, value in after.items() if kept.get(key) != value)
    return kept
