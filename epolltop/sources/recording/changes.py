"""The difference between batches: of data that is in every tick, only changes are written.

Mappings, and sequences that are marked as standing, seldom change from one tick to the next. The last value is kept
apart from the batch: a census is compared with the last census, whichever tick had it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, NamedTuple, Optional, Union, get_args, get_origin

from epolltop.model.bounds import STANDING
from epolltop.sources.recording.forms import array_of, form, told_members
from epolltop.sources.recording.record_layout import RecordLayout, bare, is_named, is_record, members, most
from epolltop.sources.recording.value_form import LEFT_OUT, ValueForm, read_column, require

RECORDS_MAX = 1 << 17
"""Entries of a mapping or of what stands, unless its type says less: as many as a census tells, and four times what the
kernel side counts for."""


class Change(NamedTuple):
    """The form of values of one type in a file, relative to those of the tick before.

    Both functions take what was kept, None at first, and return what is to be kept now.
    """

    wire: Any
    """As msgspec decodes it."""
    read: Callable[[Any, Any], tuple[Any, Any]]
    """From what was decoded."""
    write: Callable[[Any, Any], tuple[Any, Any]]
    """To what msgspec encodes. Keeps copies, since a source may go on with its own.

    Raises:
        ValueError: there are more records than are read again.
    """


def change(hint: Any, layout: RecordLayout) -> Change:
    """The form of a type in files with that layout, after a value before.

    Raises:
        Unplayable, TypeError: see `form`.
    """
    plain = bare(hint)
    origin, args = get_origin(plain), get_args(plain)
    if dataclasses.is_dataclass(plain):
        return _record(plain, layout)
    if origin in (Union, UnionType) and dataclasses.is_dataclass(args[0]) and args[1:] == (type(None),):
        return _optional(_record(args[0], layout))
    if origin is Mapping:
        inner = change(args[1], layout) if get_origin(bare(args[1])) is Mapping else form(args[1], layout)
        return _mapping(most(hint), form(args[0], layout), inner, keyed=_is_keyed(args[1]))
    if STANDING in getattr(hint, "__metadata__", ()):
        return _standing(form(args[0], layout))
    return _whole(hint, form(hint, layout))


def _record(record: Any, layout: RecordLayout) -> Change:
    names = told_members(record, layout)
    changes = {member.name: change(member.hint, layout) for member in members(record) if member.name in names}
    wire = array_of(names, {name: each.wire for name, each in changes.items()})
    places = {name: names.index(name) for name in changes}

    def read(told: Any, kept: Any) -> tuple[Any, Any]:
        before = kept or {}
        made = {name: changes[name].read(told[place], before.get(name)) for name, place in places.items()}
        known = {name: value for name, (value, _) in made.items() if value is not LEFT_OUT}
        return record(**known), {name: keep for name, (_, keep) in made.items()}

    def write(value: Any, kept: Any) -> tuple[Any, Any]:
        before = kept or {}
        told = {name: changes[name].write(getattr(value, name), before.get(name)) for name in names}
        return [put for put, _ in told.values()], {name: keep for name, (_, keep) in told.items()}

    return Change(wire, read, write)


def _optional(inner: Change) -> Change:
    """None leaves what is kept."""
    return Change(
        Optional[inner.wire],  # noqa: UP045 - msgspec's types know no |
        lambda told, kept: (None, kept) if told is None else inner.read(told, kept),
        lambda value, kept: (None, kept) if value is None else inner.write(value, kept),
    )


def _whole(hint: Any, inner: ValueForm) -> Change:
    """What says everything itself."""
    cut = _cutter(hint)

    def write(value: Any, kept: Any) -> tuple[Any, Any]:
        within = cut(value) if cut else value
        return (inner.write(within) if inner.write else within), None

    return Change(inner.wire, lambda told, kept: (read_column(inner, [told])[0], None), write)


def _cutter(hint: Any) -> Callable[[Any], Any] | None:
    """Cuts texts and tuples to the length that a reader accepts: an error may have any length."""
    limit, plain = most(hint), bare(hint)
    origin, args = get_origin(plain), get_args(plain)
    if plain is str:
        return lambda text: text[:limit]
    if is_record(plain):
        cuts = {member.name: cut for member in members(plain) if (cut := _cutter(member.hint))}
        return (lambda record: _replaced(record, cuts)) if cuts else None
    if origin is tuple and args[1:] == (...,):
        item = _cutter(args[0]) or _same
        return lambda values: tuple(map(item, values[:limit]))
    if origin is tuple:
        each = [_cutter(part) or _same for part in args]
        return lambda values: tuple(cut(value) for cut, value in zip(each, values, strict=True))
    texts = [part for part in args if bare(part) is str]
    if origin in (Union, UnionType) and texts:
        cut = _cutter(texts[0]) or _same
        return lambda value: cut(value) if isinstance(value, str) else value
    return None


def _replaced(record: Any, cuts: Mapping[str, Callable[[Any], Any]]) -> Any:
    changed = {name: cut(getattr(record, name)) for name, cut in cuts.items()}
    return record._replace(**changed) if is_named(record) else dataclasses.replace(record, **changed)


def _same(value: Any) -> Any:
    return value


def _is_keyed(hint: Any) -> bool:
    """Whether a record has the key under which it is stored."""
    return is_record(hint) and any(member.name == "key" for member in members(hint))


def _mapping(limit: int | None, key: ValueForm, inner: ValueForm | Change, *, keyed: bool) -> Change:
    """Keys of what changed, their values, and which keys are gone; nil: all that were there before."""

    def read(told: Any, kept: Any) -> tuple[Any, Any]:
        keys_told, values_told, gone = told
        before = {} if gone is None else kept or {}
        keys = read_column(key, keys_told)
        if isinstance(inner, Change):
            told_of = zip(keys, values_told, strict=True)
            values = [inner.read(part, before.get(under))[0] for under, part in told_of]
        else:
            values = read_column(inner, values_told)
        came = dict(zip(keys, values, strict=True))
        if LEFT_OUT in keys or LEFT_OUT in values:
            came = {under: value for under, value in came.items() if LEFT_OUT not in (under, value)}
        require(not keyed or all(under == value.key for under, value in came.items()))
        merged = {**before, **came}  # another object each time: the last one belongs to the last batch
        for each in read_column(key, gone or []):
            merged.pop(each, None)
        require(len(merged) <= (limit or RECORDS_MAX))
        return merged, merged

    def write(table: Mapping[Any, Any], kept: Any) -> tuple[Any, Any]:
        if limit is None and len(table) > RECORDS_MAX:
            raise ValueError(f"more than {RECORDS_MAX:,} records in a tick")
        now = dict(table) if limit is None else dict(itertools.islice(table.items(), limit))
        before = kept or {}
        changed = {known: value for known, value in now.items() if before.get(known) != value}
        values: Iterable[Any] = changed.values()
        if isinstance(inner, Change):
            told = [inner.write(value, before.get(known)) for known, value in changed.items()]
            values = [put for put, _ in told]
            copies = {known: copy for known, (_, copy) in zip(changed, told, strict=True)}
            now = {known: copies[known] if known in copies else before[known] for known in now}
        elif inner.write:
            values = map(inner.write, values)
        keys = map(key.write, changed) if key.write else changed
        gone = [known for known in before if known not in now]
        return (list(keys), list(values), None if before and len(gone) == len(before) else gone), now

    array = list[key.wire]  # type: ignore[name-defined]
    wire = tuple[array, list[inner.wire], Optional[array]]  # type: ignore[name-defined]  # noqa: UP045
    return Change(wire, read, write)


def _standing(inner: ValueForm) -> Change:
    """Nil for the same object as before; otherwise all items, or old positions of gone items and new ones of others."""

    def read(told: Any, kept: Any) -> tuple[Any, Any]:
        before, shown = kept or ((), ())
        if told is None:
            return shown, (before, shown)
        whole, removed, added = told
        came = read_column(inner, whole if whole is not None else [item for _, item in added])
        made = came if whole is not None else _rebuilt(before, removed, [place for place, _ in added], came)
        require(len(made) <= RECORDS_MAX)
        shown = [item for item in made if item is not LEFT_OUT] if inner.open else made
        return shown, (made, shown)

    def write(now: Sequence[Any], kept: Any) -> tuple[Any, Any]:
        if len(now) > RECORDS_MAX:
            raise ValueError(f"more than {RECORDS_MAX:,} records in a tick")
        if now is kept:
            return None, now
        change = _change(kept, now) if kept else None
        whole, removed, added = (list(now), [], []) if change is None else (None, *change)
        if inner.write:
            whole = whole and list(map(inner.write, whole))
            added = [(place, inner.write(item)) for place, item in added]
        return (whole, removed, added), now

    item = inner.wire
    change_of = tuple[Optional[list[item]], list[int], list[tuple[int, item]]]  # type: ignore[valid-type]  # noqa: UP045
    return Change(Optional[change_of], read, write)  # noqa: UP045


def _change(before: Sequence[Any], now: Sequence[Any]) -> tuple[list[int], list[tuple[int, Any]]] | None:
    """What was removed and added; None if the whole is shorter, or if what stayed stands in another order."""
    old, new = set(before), set(now)
    removed = [place for place, item in enumerate(before) if item not in new]
    added = [(place, item) for place, item in enumerate(now) if item not in old]
    if len(removed) + len(added) > len(now) // 2:
        return None
    gone = set(removed)
    stayed = [item for place, item in enumerate(before) if place not in gone]
    return (removed, added) if stayed == [item for item in now if item in old] else None


def _rebuilt(before: Sequence[Any], removed: list[int], places: Sequence[int], added: Sequence[Any]) -> list[Any]:
    gone = set(removed)
    stayed = [item for place, item in enumerate(before) if place not in gone]
    rebuilt: list[Any] = []
    taken = 0
    for place, item in zip(places, added, strict=True):
        upto = taken + place - len(rebuilt)
        require(taken <= upto <= len(stayed))
        rebuilt += stayed[taken:upto]
        rebuilt.append(item)
        taken = upto
    return rebuilt + stayed[taken:]
