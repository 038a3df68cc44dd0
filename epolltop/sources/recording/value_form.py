"""The form of values of one type in a recording: how columns of them are read and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Values = list[Any]


class Damaged(Exception):
    """The data read is not what an Encoder writes."""


class ValueForm(NamedTuple):
    """The form of values of one type in a file."""

    wire: Any
    """As msgspec decodes it."""
    native: bool = True
    """That is the type itself."""
    read: Callable[[Values], Values] | None = None
    """From what was decoded; the same object if that is it."""
    write: Callable[[Any], Any] | None = None
    """To what msgspec encodes; None: as it is."""
    open: bool = False
    """What is read may be LEFT_OUT."""


LEFT_OUT: Any = object()
"""Stands for a value of an enumeration that is not known, and for a record with such a value."""


def require(holds: bool) -> None:
    """Raises Damaged if not."""
    if not holds:
        raise Damaged("out of range")


def read_column(inner: ValueForm, column: Values) -> Values:
    """Values of that form."""
    return inner.read(column) if inner.read else column


def as_it_is(value: Any) -> Any:
    return value
