"""The form of complete values in a recording, derived from the types of the model.

A record is an array of its members in the order that the header of the file gives. Where that order is the model's,
msgspec makes the record itself, in C. Otherwise, and to make text safe again, values are read by columns: all values
of a member at once.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from epolltop.errors import Unplayable
from epolltop.model.bounds import NAME_CHARS_MAX
from epolltop.sources.recording.collection_forms import list_of, mapping_of, optional_of, tuple_of
from epolltop.sources.recording.record_layout import (
    RecordLayout,
    bare,
    is_enumeration,
    is_named,
    is_record,
    members,
    most,
)
from epolltop.sources.recording.value_form import LEFT_OUT, ValueForm, Values, as_it_is, read_column, require
from epolltop.text.safe import printable

CHUNK = 1000
"""Records that are decoded at a time, where they are not the model's: what is skipped takes room until then."""


def form(hint: Any, layout: RecordLayout) -> ValueForm:
    """The form of a type in files with that layout.

    Raises:
        Unplayable: the file lacks a member that has to be given.
        TypeError: there is none; the model may not have such a type.
    """
    plain = bare(hint)
    if plain is str:
        return ValueForm(hint, read=_text(most(hint) or NAME_CHARS_MAX))
    if is_enumeration(plain):
        return _enumeration(plain, layout)
    if is_record(plain):
        return _record(plain, layout)
    if plain is float:
        return ValueForm(hint, read=_finite)
    if plain in (int, bool):
        return ValueForm(hint)
    origin, args = get_origin(plain), get_args(plain)
    return _union(hint, args, layout) if origin in (Union, UnionType) else _composed(hint, origin, args, layout)


def _union(hint: Any, args: tuple[Any, ...], layout: RecordLayout) -> ValueForm:
    if type(None) in args:
        return optional_of(hint, form(Union[tuple(each for each in args if each is not type(None))], layout))  # noqa: UP007
    if {bare(each) for each in args} <= {int, float, str}:
        return ValueForm(hint, read=_numbers_or_text(next((each for each in args if bare(each) is str), None)))
    raise TypeError(f"no form in a recording for {hint}")


def _composed(hint: Any, origin: Any, args: tuple[Any, ...], layout: RecordLayout) -> ValueForm:
    if origin is frozenset or origin is Sequence or (origin is tuple and args[1:] == (...,)):
        return list_of(hint, origin, form(args[0], layout))
    if origin is tuple:
        return tuple_of(hint, [form(each, layout) for each in args])
    if origin is Mapping:
        return mapping_of(hint, form(args[0], layout), form(args[1], layout))
    raise TypeError(f"no form in a recording for {hint}")


def told_members(record: type, layout: RecordLayout) -> Sequence[str]:
    """The names of a record's members in such a file.

    Raises:
        Unplayable: one is missing that has to be given.
    """
    names = layout.records.get(record.__name__, ())
    for member in members(record):
        if member.name not in names and member.default is None:
            raise Unplayable(f"a recording without {record.__name__}.{member.name}, which this epolltop needs")
    return names


def array_of(names: Sequence[str], wires: Mapping[str, Any]) -> Any:
    """An array of members; those that are not known are skipped."""
    return tuple.__class_getitem__(tuple(wires.get(name, msgspec.Raw) for name in names))


def _text(chars_max: int) -> Callable[[Values], Values]:
    """Bounded before and after: what a writer made safe stays as it is."""

    def read(column: Values) -> Values:
        shown = {text: printable(text) for text in set(column) if within(text)}
        require(all(map(within, shown.values())))
        changed = any(text != made for text, made in shown.items())
        return [shown[text] for text in column] if changed else column

    def within(text: str) -> bool:
        require(len(text) <= chars_max)
        return True

    return read


def _finite(column: Values) -> Values:
    require(all(map(math.isfinite, column)))
    return column


def _numbers_or_text(text: Any) -> Callable[[Values], Values]:
    """Of one member that may be either."""
    read_text = _text(most(text) or NAME_CHARS_MAX)

    def read(column: Values) -> Values:
        _finite([value for value in column if isinstance(value, float)])
        texts = [value for value in column if isinstance(value, str)]
        made = read_text(texts)
        rest = iter(made)
        return column if made is texts else [next(rest) if isinstance(value, str) else value for value in column]

    return read


def _enumeration(kind: Any, layout: RecordLayout) -> ValueForm:
    told = layout.kinds.get(kind.__name__, {})
    ours = kind.__members__
    if layout.ours and all(name in ours and ours[name] == number for name, number in told.items()):
        return ValueForm(kind)
    known = {number: ours.get(name, getattr(kind, "UNKNOWN", LEFT_OUT)) for name, number in told.items()}

    def read(column: Values) -> Values:
        require(set(column) <= known.keys())
        return [known[number] for number in column]

    return ValueForm(int, native=False, read=read, open=LEFT_OUT in known.values())


def _record(record: Any, layout: RecordLayout) -> ValueForm:
    names = told_members(record, layout)
    ours = members(record)
    forms = {member.name: form(member.hint, layout) for member in ours if member.name in names}
    as_ours = layout.ours and is_named(record) and tuple(names) == tuple(member.name for member in ours)
    if as_ours and all(each.native for each in forms.values()):
        return ValueForm(record, read=_in_place(forms))
    array = array_of(names, {name: each.wire for name, each in forms.items()})
    decode = msgspec.msgpack.Decoder(array).decode if layout.ours else as_it_is
    writes = [(operator.attrgetter(name), forms[name].write) for name in names if name in forms]

    def read(column: Values) -> Values:
        made = []
        for at in range(0, len(column), CHUNK):
            made += read_some(list(map(decode, column[at : at + CHUNK])))
        return made

    def read_some(column: Values) -> Values:
        columns = []
        for member in ours:
            if member.name in forms:
                told = list(map(operator.itemgetter(names.index(member.name)), column))
                columns.append(read_column(forms[member.name], told))
            else:
                assert member.default
                columns.append([member.default()] * len(column))
        made = list(map(record, *columns))
        for member, values in zip(ours, columns, strict=True):
            if member.name in forms and forms[member.name].open:
                made = [LEFT_OUT if value is LEFT_OUT else each for each, value in zip(made, values, strict=True)]
        return made

    def write(value: Any) -> list[Any]:
        return [put(get(value)) if put else get(value) for get, put in writes]

    unknown = any(each.open for each in forms.values())
    return ValueForm(msgspec.Raw, native=False, read=read, write=write, open=unknown)


def _in_place(forms: Mapping[str, ValueForm]) -> Callable[[Values], Values] | None:
    """Replaces what changes in records that are the model's already."""
    changing = [(position, name, each.read) for position, (name, each) in enumerate(forms.items()) if each.read]

    def read(column: Values) -> Values:
        for position, name, read_member in changing:
            told = list(map(operator.itemgetter(position), column))
            made = read_member(told)
            if made is not told:
                column = [each._replace(**{name: value}) for each, value in zip(column, made, strict=True)]
        return column

    return read if changing else None
