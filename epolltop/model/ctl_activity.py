"""How processes changed interest lists, as the probe on epoll_ctl sums it."""

from __future__ import annotations

from typing import NamedTuple

from epolltop.model.instance_key import TracedKey
from epolltop.model.open_enum import OpenEnum
from epolltop.model.process import ProcessKey


class CtlOperation(OpenEnum):
    """What epoll_ctl was asked for, as the kernel numbers it."""

    UNKNOWN = 0
    """Something else, which the kernel refuses."""
    ADD = 1
    DEL = 2
    MOD = 3


class CtlKey(NamedTuple):
    """Who changed which interest list."""

    file: int
    """As in Event."""
    created_ns: int
    """Of the instance; 0 if it is older than the trace."""
    process: ProcessKey

    @property
    def traced_key(self) -> TracedKey:
        """Whose list it is."""
        return self.file, self.created_ns


class CtlCounts(NamedTuple):
    """Calls of epoll_ctl by one process for one instance since the source was opened, and requests for io_uring.

    They do not tell how many watches there are: the kernel removes those of closed files without a call.
    """

    add: int = 0
    """Calls, whatever they returned."""
    mod: int = 0
    delete: int = 0
    via_io_uring: int = 0
    """Of all three."""
    readd: int = 0
    """Additions of a watch within a second of its removal."""


class CtlErrorKey(NamedTuple):
    """Of calls of epoll_ctl, how they failed."""

    of: CtlKey
    operation: CtlOperation
    errno: int

    @property
    def process(self) -> ProcessKey:
        """Who called."""
        return self.of.process


class CtlErrors(NamedTuple):
    """Calls that failed in one way."""

    errors: int = 0
