"""The members of a snapshot file (docs/snapshot.md) that are needed to read it again, and what they may be.

Bounds are such that no sum or time of day made from them overflows.
"""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec

from epolltop.model.history import HISTORY
from epolltop.model.snapshot import Provenance

_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Number = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, lt=1e10)]
_Rate = Annotated[float, msgspec.Meta(ge=-1e20, lt=1e20)]
_Past = Annotated[list[Annotated[float, msgspec.Meta(ge=0, lt=1e20)]], msgspec.Meta(max_length=HISTORY)]
_Text = Annotated[str, msgspec.Meta(max_length=1 << 17)]
_Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{1,16}@[0-9]{1,18}$")]
_Start = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
_Flag = Annotated[str, msgspec.Meta(pattern="^(EPOLL_CLOEXEC|0x[0-9a-f]{1,8})$")]


class Clocks(msgspec.Struct):
    """One instant, twice."""

    boottime_ns: _Count
    realtime_ns: _Count


class Host(msgspec.Struct):
    """The machine."""

    hostname: _Text
    kernel: _Text
    machine: _Text


class Probe(msgspec.Struct):
    """What is attached where."""

    name: _Text
    attached_to: _Text
    traces: bool


class Source(msgspec.Struct):
    """Where the facts came from; its kind does not matter any more."""

    fallback: _Text | None
    census_by: _Text
    unreadable: _Count
    probes: Annotated[list[Probe], msgspec.Meta(min_length=1)]
    blind_spots: list[_Text]
    events: _Count
    sampled_out: _Count
    untold_releases: _Count
    lost: _Count
    overflowed: _Count
    unattributed: _Count = 0
    missed: _Count = 0
    stacks_left_out: _Count = 0
    sees_compat: bool = True
    failed_sampled_out: _Count = 0


class Self(msgspec.Struct):
    """What epolltop used."""

    cpu_ns: _Count
    rss_bytes: _Count
    cpu_share: _Rate


class View(msgspec.Struct):
    """What was looked at."""

    of: str


class Totals(msgspec.Struct):
    """Of all processes."""

    processes: _Count
    shown: _Count
    instances: _Count
    created: _Number | None
    released: _Number | None
    create_failed: _Number | None
    released_by_kernel: _Number | None
    create_per_s: _Rate | None
    release_per_s: _Rate | None
    exact: bool = True
    unseen_creations: _Count = 0
    partly_listed: bool = False
    holding: _Count | None = None
    in_flight: _Count = 0


class Instance(msgspec.Struct):
    """As one holder sees it."""

    id: _Id
    fds: list[_Count]
    holders: list[_Count]
    provenance: Provenance
    creator: _Count | None
    size: _Number | None
    flags: list[_Flag] | None
    watches: _Count | None
    stack: list[_Text] | None = None
    cloexec: list[bool | None] = []
    creator_tid: _Count | None = None
    creator_thread: _Text | None = None
    holder_count: _Count = 0


class Process(msgspec.Struct):
    """A row."""

    pid: _Count
    ppid: _Count | None
    name: _Text
    command: _Text
    uid: _Count | None
    user: _Text | None
    cgroup: _Text | None
    started_at: datetime.datetime | None
    ended: bool
    fds: _Count | None
    fd_limit: _Count | None
    open: _Count
    created: _Number | None
    released: _Number | None
    create_failed: _Number | None
    sampled_out: _Number | None
    create_per_s: _Rate | None
    release_per_s: _Rate | None
    instances: list[Instance]
    container: _Text | None = None
    ns_pid: _Count | None = None
    exact: bool = True
    compat: bool = False
    command_bytes: _Count | None = None
    command_truncated: bool = False
    failed_sampled_out: _Number | None = 0
    history: _Past | None = None
    partly_listed: bool = False
    net_per_min: _Rate | None = None
    net_per_hour: _Rate | None = None
    growth_over_s: _Seconds | None = None
    fd_limit_in_s: _Rate | None = None


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
    stack: list[_Text] | None = None


class Event(msgspec.Struct, rename="camel"):
    """Under Tracee's names."""

    timestamp: _Number
    process_id: _Count | None
    thread_id: _Count | None
    parent_process_id: _Count | None
    user_id: _Count | None
    cgroup_id: _Count | None
    process_name: _Text | None
    event_name: str
    args: list[Argument]
    epoll: Epoll


class Document(msgspec.Struct):
    """The whole."""

    schema: str
    observed_s: _Seconds
    window_s: _Seconds
    clocks: Clocks
    host: Host
    source: Source
    self: Self
    view: View
    totals: Totals
    processes: list[Process]
    in_flight: list[Instance] = []
    events: list[Event] = []
    census_age_s: _Seconds | None = None
    events_left_out: _Count = 0


class Schema(msgspec.Struct):
    """What it claims to be."""

    schema: str
