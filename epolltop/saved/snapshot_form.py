"""The members of a snapshot file (docs/snapshot.md) that are needed to read it again, and what they may be.

Those of processes and instances follow from the registry (query/members.py). Bounds are such that no sum or time of day
made from them overflows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union

import msgspec

from epolltop.model.bounds import EVIDENCE_MAX
from epolltop.model.histogram import BUCKETS_MAX, Histogram, from_json
from epolltop.query.member import Form, Member
from epolltop.query.members import FIRST, INSTANCE_MEMBERS, PROCESS_MEMBERS

_Natural = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Number = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, lt=1e10)]
_Amount = Annotated[float, msgspec.Meta(ge=0, lt=1e20)]
_Rate = Annotated[float, msgspec.Meta(ge=-1e20, lt=1e20)]
_LongText = Annotated[str, msgspec.Meta(max_length=1 << 17)]
_Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{1,16}@[0-9]{1,18}$")]
_Start = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]


class Clocks(msgspec.Struct):
    """One instant, twice."""

    boottime_ns: _Natural
    realtime_ns: _Natural


class SavedHost(msgspec.Struct):
    """The machine."""

    hostname: _LongText
    kernel: _LongText
    machine: _LongText


class SavedProbe(msgspec.Struct):
    """What is attached where."""

    name: _LongText
    attached_to: _LongText
    traces: bool


class SavedLimit(msgspec.Struct):
    """What cannot be seen; the rest of it is known by its id."""

    id: _LongText
    evidence: Annotated[dict[_LongText, _Number | _Rate | _LongText], msgspec.Meta(max_length=EVIDENCE_MAX)] = {}


class SavedSource(msgspec.Struct):
    """Where the facts came from; its kind does not matter any more."""

    fallback: _LongText | None
    census_by: _LongText
    unreadable: _Natural
    probes: Annotated[list[SavedProbe], msgspec.Meta(min_length=1)]
    blind_spots: list[_LongText]
    events: _Natural
    sampled_out: _Natural
    untold_releases: _Natural
    lost: _Natural
    overflowed: _Natural
    unattributed: _Natural = 0
    missed: _Natural = 0
    stacks_left_out: _Natural = 0
    sees_compat: bool = True
    failed_sampled_out: _Natural = 0


class Self(msgspec.Struct):
    """What epolltop used."""

    cpu_ns: _Natural
    rss_bytes: _Natural
    cpu_share: _Rate


class SavedView(msgspec.Struct):
    """What was looked at."""

    of: str


class SavedTotals(msgspec.Struct):
    """Of all processes."""

    processes: _Natural
    shown: _Natural
    instances: _Natural
    created: _Number | None
    released: _Number | None
    create_failed: _Number | None
    released_by_kernel: _Number | None
    create_per_s: _Rate | None
    release_per_s: _Rate | None
    exact: bool = True
    unseen_creations: _Natural = 0
    partly_listed: bool = False
    holding: _Natural | None = None
    in_flight: _Natural = 0


def _type_of(member: Member[Any]) -> Any:
    """What may stand under it."""
    item = _TYPES[member.form]
    if member.signed:
        item = _SIGNED[member.form]
    elif member.choices:
        item = Literal[member.choices]
    elif member.pattern:
        item = Annotated[str, msgspec.Meta(pattern=f"^({member.pattern})$")]
    if member.many:
        items: Any = list.__class_getitem__(Union[item, None] if member.gaps else item)  # noqa: UP007
        item = Annotated[items, msgspec.Meta(max_length=member.items_max)]
    return item if member.known else Union[item, None]  # noqa: UP007


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
    "integer": _Natural, "number": _Amount, "text": _LongText, "truth": bool, "time": datetime.datetime,
    "histogram": Buckets, "histogram_s": BucketsOfSeconds,
}  # fmt: skip
_SIGNED: dict[Form, Any] = {"integer": _Number, "number": _Rate}


def _derived(name: str, members: Iterable[Member[Any]], **more: Any) -> Any:
    """Of members that not every file has, None means the lack, too."""
    types: list[Any] = [(member.name, _type_of(member)) for member in members if member.name in FIRST]
    types += more.items()
    types += [(member.name, _type_of(member), None) for member in members if member.name not in FIRST]
    return msgspec.defstruct(name, types)


if TYPE_CHECKING:
    Instance: TypeAlias = Any
    Process: TypeAlias = Any
else:
    Instance = _derived("Instance", INSTANCE_MEMBERS)
    Process = _derived("Process", PROCESS_MEMBERS, instances=list[Instance])


class Argument(msgspec.Struct):
    """Of a call."""

    value: _Number | None


class Epoll(msgspec.Struct):
    """What Tracee has no name for."""

    kind: str
    id: _Id | None
    fd: _Number | None
    errno: str | None
    created_at: datetime.datetime | None
    lifetime_ns: _Number | None
    process_start_ticks: _Start | None
    by_kernel: bool
    by_census: bool
    stack: list[_LongText] | None = None


class SavedEvent(msgspec.Struct, rename="camel"):
    """Under Tracee's names."""

    timestamp: _Number
    process_id: _Natural | None
    thread_id: _Natural | None
    parent_process_id: _Natural | None
    user_id: _Natural | None
    cgroup_id: _Natural | None
    process_name: _LongText | None
    event_name: str
    args: list[Argument]
    epoll: Epoll


class Document(msgspec.Struct):
    """The whole."""

    schema: str
    observed_s: _Seconds
    window_s: _Seconds
    clocks: Clocks
    host: SavedHost
    source: SavedSource
    self: Self
    view: SavedView
    totals: SavedTotals
    processes: list[Process]
    limits: list[SavedLimit] | None = None
    in_flight: list[Instance] = []
    events: list[SavedEvent] = []
    census_age_s: _Seconds | None = None
    events_left_out: _Natural = 0


class Schema(msgspec.Struct):
    """What it claims to be."""

    schema: str
