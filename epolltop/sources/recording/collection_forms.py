"""The forms of what is made of values in a recording: lists, tuples, mappings, and values that may be missing."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Optional

import msgspec

from epolltop.sources.recording.record_layout import is_record, most
from epolltop.sources.recording.value_form import LEFT_OUT, ValueForm, Values, as_it_is, read_column, require

ITEMS_MAX = 1 << 20
"""Items of one tick in all lists of a member, such as events, unless its type says less."""

_NIL = msgspec.msgpack.encode(None)


def optional_of(hint: Any, inner: ValueForm) -> ValueForm:
    is_raw = inner.wire is msgspec.Raw

    def is_nil(value: Any) -> bool:
        return value is None or (is_raw and isinstance(value, msgspec.Raw) and bytes(value) == _NIL)

    def read(column: Values) -> Values:
        given = [value for value in column if not is_nil(value)]
        made = read_column(inner, given)
        rest = iter(made)
        return column if made is given else [None if is_nil(value) else next(rest) for value in column]

    def write(value: Any) -> Any:
        return None if value is None or inner.write is None else inner.write(value)

    return ValueForm(
        hint if inner.native else inner.wire if is_raw else Optional[inner.wire],  # noqa: UP045 - mypy takes it for a value
        native=inner.native,
        read=inner.read and read,
        write=inner.write and write,
        open=inner.open,
    )


def tuple_of(hint: Any, inner: Sequence[ValueForm]) -> ValueForm:
    """Tuples of one length."""
    if not all(each.native for each in inner):
        raise TypeError(f"no form in a recording for {hint}")

    def read(column: Values) -> Values:
        columns = zip(*column, strict=True) if column else [()] * len(inner)
        made = [read_column(each, list(values)) for each, values in zip(inner, columns, strict=True)]
        return list(zip(*made, strict=True))

    return ValueForm(hint, read=read if any(each.read for each in inner) else None)


def list_of(hint: Any, container: Any, inner: ValueForm) -> ValueForm:
    """Lists, sets and tuples of one type; equal tuples become one object."""
    made_of: Any = list if container is Sequence else container

    def of(values: Iterator[Any], length: int) -> Any:
        taken = itertools.islice(values, length)
        return made_of(value for value in taken if value is not LEFT_OUT) if inner.open else made_of(taken)

    def read(column: Values) -> Values:
        if container is tuple and inner.native:
            once = [value for value in dict.fromkeys(column) if value]
            one = dict(zip(once, spread(once), strict=True))
            return [one.get(value, value) for value in column] if one else column
        return spread(column)

    def spread(column: Values) -> Values:
        items = list(itertools.chain.from_iterable(column))
        require(len(items) <= ITEMS_MAX)
        made = read_column(inner, items)
        if made is items and inner.native:
            return column
        rest = iter(made)
        return [of(rest, len(value)) for value in column]

    def write(value: Any) -> list[Any]:
        return list(map(inner.write, value)) if inner.write else list(value)

    wire = hint if inner.native else _annotated(list[inner.wire], hint)  # type: ignore[name-defined]
    return ValueForm(wire, native=inner.native, read=read if inner.read else None, write=write if inner.write else None)


def mapping_of(hint: Any, key: ValueForm, value: ValueForm) -> ValueForm:
    """Mappings that are written whole, with keys that are no records."""
    if key.wire is msgspec.Raw or is_record(key.wire):
        raise TypeError(f"no form in a recording for {hint}")

    def read(column: Values) -> Values:
        keys = read_column(key, list(itertools.chain.from_iterable(column)))
        values = read_column(value, [item for table in column for item in table.values()])
        pairs = zip(keys, values, strict=True)
        return [kept(itertools.islice(pairs, len(table))) for table in column]

    def kept(pairs: Iterator[tuple[Hashable, Any]]) -> dict[Hashable, Any]:
        return {known: item for known, item in pairs if known is not LEFT_OUT and item is not LEFT_OUT}

    def write(table: Mapping[Any, Any]) -> dict[Any, Any]:
        put_key, put = key.write or as_it_is, value.write or as_it_is
        return {put_key(known): put(item) for known, item in table.items()}

    native = key.native and value.native
    wire = hint if native else _annotated(dict[key.wire, value.wire], hint)  # type: ignore[name-defined]
    reads, writes = key.read or value.read, key.write or value.write
    return ValueForm(wire, native=native, read=read if reads else None, write=write if writes else None)


def _annotated(wire: Any, hint: Any) -> Any:
    """Bounded as the type is."""
    limit = most(hint)
    return wire if limit is None else Annotated[wire, msgspec.Meta(max_length=limit)]
