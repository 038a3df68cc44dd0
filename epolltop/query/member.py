"""A member of a JSON object. Documents, their schema, their page and their reader are derived from members."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from epolltop.model.snapshot import Snapshot

Row = TypeVar("Row")
Part = TypeVar("Part")

Form: TypeAlias = Literal[
    "integer", "number", "text", "truth", "time", "histogram", "histogram_s", "evidence", "counts"
]
"""Of a value in JSON: time is text, UTC, RFC 3339; histogram_s is one of durations; evidence is an object of numbers
and texts by name, counts one of whole numbers."""

DIGITS = 3
"""Digits after the decimal point, unless a member has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What may stand under a name, beside its form."""

    known: bool = False
    """Never unknown."""
    signed: bool = False
    """A number that may be below 0."""
    many: bool = False
    """A list of such values."""
    gaps: bool = False
    """An item of the list may be unknown."""
    choices: tuple[str, ...] = ()
    """All texts that there are."""
    pattern: str = ""
    """Which texts, or items that are texts, match whole."""
    items_min: int | None = None
    items_max: int | None = None
    """Of the list."""
    below: int | None = None
    """The number is less."""
    young: bool = False
    """Early files lack it."""
    optional: bool = False
    """Where it is unknown it is left out."""
    of: str = ""
    """Member of a record that a reader makes of it, where that has another name."""


@dataclass(frozen=True, slots=True)
class Member(Shape, Generic[Row]):
    """A name, what stands under it, and what may stand there."""

    name: str
    form: Form | Structure[Any]
    help: str
    """One sentence."""
    get: Callable[[Row, Snapshot], Any]
    """As JSON has it; None is unknown. A generator is a list with a line for each item."""


@dataclass(frozen=True, eq=False)
class Structure(Generic[Row]):
    """A JSON object: what stands there about a row."""

    name: str
    """Of the kind of row, in the schema."""
    members: tuple[Member[Row], ...]

    def written(self, row: Row, snapshot: Any = None) -> dict[str, Any]:
        """As JSON has it.

        Args:
            row: what it is about.
            snapshot: that it is of; not needed where the row tells all by itself.
        """
        document = {member.name: member.get(row, snapshot) for member in self.members}
        for name in self._optional:
            if document[name] is None:
                del document[name]
        return document

    @cached_property
    def _optional(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.members if member.optional)


def same(name: str, form: Form, help: str, **shape: Any) -> Member[Any]:
    """What the row itself has under that name, or under the name that it is `of`."""
    get = attrgetter(shape.get("of") or name)
    return Member(name, form, help, lambda row, _: get(row), **shape)


def within(
    name: str, structure: Structure[Part], help: str, get: Callable[[Row, Snapshot], Part], **shape: Any
) -> Member[Row]:
    """An object inside."""

    def written(row: Row, snapshot: Snapshot) -> Any:
        return structure.written(get(row, snapshot), snapshot)

    return Member(name, structure, help, written, known=True, **shape)


def listed(
    name: str, structure: Structure[Part], help: str, get: Callable[[Row, Snapshot], Iterable[Part]], **shape: Any
) -> Member[Row]:
    """A list of objects."""

    def written(row: Row, snapshot: Snapshot) -> Any:
        return [structure.written(part, snapshot) for part in get(row, snapshot)]

    return Member(name, structure, help, written, known=True, many=True, **shape)


def long_list(
    name: str,
    structure: Structure[Part],
    help: str,
    get: Callable[[Row, Snapshot], Iterable[Part] | None],
    **shape: Any,
) -> Member[Row]:
    """A list of objects that are written one by one, a line each; None: the list is unknown."""

    def written(row: Row, snapshot: Snapshot) -> Any:
        parts = get(row, snapshot)
        return None if parts is None else (structure.written(part, snapshot) for part in parts)

    return Member(name, structure, help, written, known=True, many=True, **shape)


def rounded(number: float | None, digits: int = DIGITS) -> float | None:
    """As JSON has it."""
    return None if number is None else round(number, digits)
