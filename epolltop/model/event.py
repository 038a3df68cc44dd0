"""What happened to instances, one record each."""

from __future__ import annotations

import enum
from typing import Annotated, NamedTuple

from msgspec import Meta

from epolltop.model.bounds import FRAMES_MAX, Frame, Name, Ticks
from epolltop.model.instance_key import InstanceKey, instance_id
from epolltop.model.open_enum import OpenEnum
from epolltop.model.process import ProcessKey


class Kind(enum.IntEnum):
    """What happened to an instance. The first three come from probes (bpf/wire.h), the others from a census."""

    CREATE = 1
    CREATE_FAILED = 2
    RELEASE = 3
    FOUND = 4
    """A census shows an instance that no event announced."""
    GONE = 5
    """A census no longer shows an instance whose release no event announced."""


class Syscall(OpenEnum):
    """The call that created an instance."""

    UNKNOWN = 0
    EPOLL_CREATE = 1
    EPOLL_CREATE1 = 2


class Event(NamedTuple):
    """One creation, failed creation or release.

    The actor (pid to name) is the task in whose context it happened: for a release, the one that dropped the last
    reference.
    """

    kind: Kind
    time_ns: int
    file: int
    """Address of the kernel's struct file: names the instance while it lives. 0 if unknown."""
    created_ns: int
    """Of the instance; 0 if it is older than the trace."""
    pid: int
    tid: int
    ppid: int
    uid: int | None
    start: Ticks
    """Of the actor, as in ProcessKey."""
    cgroup: int
    """Id of the actor's cgroup (v2); 0 if unknown."""
    name: Name
    """Of the acting thread."""
    fd: int | None
    """That creation returned."""
    errno: int
    """0, or why creation failed."""
    syscall: Syscall
    argument: int | None
    """size of epoll_create, flags of epoll_create1; None if not seen."""
    by_kernel: bool
    """The actor is a kernel thread (descriptors in flight are dropped by one)."""
    by_census: bool = False
    """The census, or another program that looked, held the last reference for a moment: pid and start are the
    creator's, and who closed it is not known."""
    since_ns: int = 0
    """With file, the identity of the instance: its creation, else when it was first seen. 0 if unknown."""
    stack: Annotated[tuple[Frame, ...], Meta(max_length=FRAMES_MAX)] = ()
    """For a creation: the actor's user stack as readable frames, innermost first; empty if not taken or not known."""

    @property
    def process(self) -> ProcessKey:
        """The process that acted."""
        return ProcessKey(self.pid, self.start)

    @property
    def instance(self) -> str | None:
        """Id of the instance it is about; None if it is not known which."""
        return instance_id(self.instance_key) if self.file and self.since_ns else None

    @property
    def instance_key(self) -> InstanceKey:
        """As of an Instance; it has a 0 if it is not known which."""
        return self.file, self.since_ns

    @property
    def lifetime_ns(self) -> int | None:
        """From creation to release; None unless both were seen."""
        return self.time_ns - self.created_ns if self.kind is Kind.RELEASE and self.created_ns else None
