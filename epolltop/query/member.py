"""What a member of a row's JSON object is. Documents, their schema and their reader are derived from members."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from epolltop.model.snapshot import Snapshot

Row = TypeVar("Row")

Form: TypeAlias = Literal["integer", "number", "text", "truth", "time", "histogram", "histogram_s"]
"""Of a value in JSON: time is text, UTC, RFC 3339; histogram_s is one of durations."""

DIGITS = 3
"""Behind the point of a number, unless a member gives more."""


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
    items_max: int | None = None
    """Of the list."""


@dataclass(frozen=True, slots=True)
class Member(Shape, Generic[Row]):
    """A name, what stands under it, and what may stand there."""

    name: str
    form: Form
    help: str
    """One sentence."""
    get: Callable[[Row, Snapshot], Any]
    """As JSON has it; None is unknown."""


def rounded(number: float | None, digits: int = DIGITS) -> float | None:
    """As JSON has it."""
    return None if number is None else round(number, digits)
