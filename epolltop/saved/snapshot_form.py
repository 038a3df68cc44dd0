"""What may stand in a snapshot file that is read: a type for each declaration of query/document_members.py.

Bounds are such that no sum or time of day made from the values overflows. Of a member with choices any text is taken:
who needs the value looks it up, and a later epolltop may know more.
"""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union

import msgspec

from epolltop.model.bounds import COUNTS_MAX, EVIDENCE_MAX
from epolltop.model.finding import FACTS_MAX
from epolltop.model.histogram import BUCKETS_MAX, Histogram, from_json
from epolltop.query.document_members import DOCUMENT
from epolltop.query.member import Form, Member, Structure

_Natural = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Number = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
_Amount = Annotated[float, msgspec.Meta(ge=0, lt=1e20)]
_Rate = Annotated[float, msgspec.Meta(ge=-1e20, lt=1e20)]
_LongText = Annotated[str, msgspec.Meta(max_length=1 << 17)]


class Buckets(msgspec.Struct):
    """Of numbers."""

    max: _Amount
    histogram: Annotated[list[tuple[_Amount, _Natural]], msgspec.Meta(max_length=BUCKETS_MAX)]

    def read(self) -> Histogram:
        """As the model has it; ValueError: it is none."""
        return from_json(self.histogram, self.max, 1)


class BucketsOfSeconds(msgspec.Struct):
    """Of durations."""

    max_s: _Amount
    histogram: Annotated[list[tuple[_Amount, _Natural]], msgspec.Meta(max_length=BUCKETS_MAX)]

    def read(self) -> Histogram:
        """As the model has it; ValueError: it is none."""
        return from_json(self.histogram, self.max_s, 10**9)


_TYPES: dict[Form, Any] = {
    "integer": _Natural,
    "number": _Amount,
    "text": _LongText,
    "truth": bool,
    "time": datetime.datetime,
    "histogram": Buckets,
    "histogram_s": BucketsOfSeconds,
    "evidence": Annotated[
        dict[_LongText, _Number | _Rate | _LongText], msgspec.Meta(max_length=max(EVIDENCE_MAX, FACTS_MAX))
    ],
    "counts": Annotated[dict[_LongText, _Natural], msgspec.Meta(max_length=COUNTS_MAX)],
}
_SIGNED: dict[Form, Any] = {"integer": _Number, "number": _Rate}


def _one(member: Member[Any]) -> Any:
    """The value, or one of them."""
    if isinstance(member.form, Structure):
        return type_of(member.form)
    if member.pattern:
        return Annotated[str, msgspec.Meta(pattern=f"^({member.pattern})$")]
    kind = (_SIGNED if member.signed else _TYPES)[member.form]
    return kind if member.below is None else Annotated[kind.__origin__, msgspec.Meta(ge=0, lt=member.below)]


def _value(member: Member[Any]) -> Any:
    """What may stand under it."""
    value = _one(member)
    if member.many:
        items: Any = list.__class_getitem__(Union[value, None] if member.gaps else value)  # noqa: UP007
        value = Annotated[items, msgspec.Meta(min_length=member.items_min, max_length=member.items_max)]
    return value if member.known else Union[value, None]  # noqa: UP007


@functools.cache
def type_of(structure: Structure[Any]) -> Any:
    """A record of what a file has of it; None where the file lacks a member that not every file has."""
    always = [(member.name, _value(member)) for member in structure.members if not (member.young or member.optional)]
    maybe = [(member.name, _value(member), None) for member in structure.members if member.young or member.optional]
    return msgspec.defstruct(structure.name, [*always, *maybe])


if TYPE_CHECKING:
    Written: TypeAlias = Any
    """A record of any structure."""
else:
    Written = msgspec.Struct
DOCUMENT_TYPE: Any = type_of(DOCUMENT)


class Schema(msgspec.Struct):
    """What it claims to be."""

    schema: str
