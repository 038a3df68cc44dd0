"""Records of the model made again from what a file says of them, member by member, by the declarations of members."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_origin, get_type_hints

from epolltop.query.member import Structure
from epolltop.saved.snapshot_form import Buckets, BucketsOfSeconds
from epolltop.text.safe import printable

Record = TypeVar("Record")

_EMPTY = (int, float, bool, str, tuple)
"""What has an own word for nothing: counters are 0 where it is not known what they counted."""


def read_back(structure: Structure[Any], written: Any, record: Callable[..., Record], **own: Any) -> Record:
    """A record from what a file says of it, and from its own members, which follow otherwise.

    Raises:
        ValueError: a histogram is none.
    """
    return record(**(told(structure, written, record) | own))


def told(structure: Structure[Any], written: Any, record: Any) -> dict[str, Any]:
    """The members of a record that the file has, under their own name or under one that is `of` them.

    What the file does not know is the record's default, or 0 or nothing where it has none, or None.
    """
    return {
        of: unknown if (value := getattr(written, name)) is None else _printable(value)
        for name, of, unknown in _members(structure, record)
    }


@functools.cache
def _members(structure: Structure[Any], record: Any) -> tuple[tuple[str, str, Any], ...]:
    """Their names in the file and in the record, and what unknown is there."""
    there = inspect.signature(record).parameters
    of = {member.name: member.of or member.name for member in structure.members}
    return tuple((name, member, _unknown(record, member)) for name, member in of.items() if member in there)


def _unknown(record: Any, name: str) -> Any:
    default = inspect.signature(record).parameters[name].default
    if default is not inspect.Parameter.empty:
        return default
    kind = get_type_hints(record)[name]
    kind = get_origin(kind) or kind
    return kind() if kind in _EMPTY else None


def _printable(value: Any) -> Any:
    if isinstance(value, Buckets | BucketsOfSeconds):
        return value.read()
    if isinstance(value, list):
        return tuple(map(_printable, value))
    return printable(value) if isinstance(value, str) else value
