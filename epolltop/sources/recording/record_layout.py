"""Which members the records of a recording have: the header of a file names them, once and in order.

The names come from the annotated records of the model. A reader puts members where their names belong, gives the
missing ones their defaults, and skips the ones that it does not know.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from epolltop.model.batch import Batch


class RecordMember(NamedTuple):
    """One member of a record."""

    name: str
    hint: Any
    default: Callable[[], Any] | None
    """None: it has to be given."""


class RecordLayout(NamedTuple):
    """What the records and enumerations of one file have."""

    records: Mapping[str, tuple[str, ...]]
    """Names of the members by name of the record, in the order in which the file has them."""
    kinds: Mapping[str, Mapping[str, int]]
    """Numbers by name, by name of the enumeration."""
    ours: bool = True
    """Records of the same members may be decoded at once into those of the model."""


def is_record(hint: Any) -> bool:
    """A NamedTuple or a dataclass."""
    return isinstance(hint, type) and (dataclasses.is_dataclass(hint) or (issubclass(hint, tuple) and is_named(hint)))


def is_named(hint: Any) -> bool:
    """A NamedTuple."""
    return hasattr(hint, "_field_defaults")


def is_enumeration(hint: Any) -> bool:
    """An enumeration of numbers."""
    return isinstance(hint, type) and issubclass(hint, enum.IntEnum)


@functools.cache
def members(record: type) -> tuple[RecordMember, ...]:
    """Those of a record, in order."""
    hints = get_type_hints(record, include_extras=True)
    if not dataclasses.is_dataclass(record):
        defaults: Mapping[str, Any] = record._field_defaults  # type: ignore[attr-defined]
        names: Sequence[str] = record._fields  # type: ignore[attr-defined]
        given = {name: _always(value) for name, value in defaults.items()}
        return tuple(RecordMember(name, hints[name], given.get(name)) for name in names)
    found = []
    for field in dataclasses.fields(record):
        default: Callable[[], Any] | None = None
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory
        elif field.default is not dataclasses.MISSING:
            default = _always(field.default)
        found.append(RecordMember(field.name, hints[field.name], default))
    return tuple(found)


@functools.cache
def own_layout() -> RecordLayout:
    """Of a file that is written now."""
    return layout_of(Batch)


def layout_of(batch: type) -> RecordLayout:
    """Of a file with such batches."""
    records, kinds = {}, {}
    for each in _reached(batch):
        if is_record(each):
            records[each.__name__] = tuple(member.name for member in members(each))
        elif is_enumeration(each):
            kinds[each.__name__] = {kind.name: kind.value for kind in each}
    return RecordLayout(records, kinds)


def tells_more(layout: RecordLayout) -> bool:
    """Whether a file has something that the model does not know."""
    ours = own_layout()
    return any(
        not set(names) <= set(known.get(record, ()))
        for told, known in ((layout.records, ours.records), (layout.kinds, ours.kinds))
        for record, names in told.items()
    )


def bare(hint: Any) -> Any:
    """A type without what it is annotated with."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def most(hint: Any) -> int | None:
    """The maximum length of its values, if the type has one."""
    notes = getattr(hint, "__metadata__", ())
    return next((note.max_length for note in notes if getattr(note, "max_length", None) is not None), None)


def _reached(hint: Any) -> Iterator[Any]:
    """Records and enumerations in a type, itself included."""
    if is_record(hint):
        yield hint
        for member in members(hint):
            yield from _reached(member.hint)
    elif is_enumeration(hint):
        yield hint
    else:
        for part in get_args(hint):
            yield from _reached(part)


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value
