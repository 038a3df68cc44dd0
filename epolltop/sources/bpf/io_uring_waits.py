"""Waits that io_uring was asked for. The probe epoll_ctl meets these requests, too."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator, Mapping
from typing import Any

from epolltop.bcc.program import Program
from epolltop.model.holding import Census
from epolltop.model.limits import WAITS_BY_IO_URING, Limit
from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs

_NUMBER = struct.Struct("=Q")


class IoUringWaits:
    """Implements TableReader."""

    def __init__(self, program: Program, _procfs: Procfs) -> None:
        self._program = program

    def read(self, census: Census | None) -> None:
        """They are read when they are told."""

    def processes(self) -> set[ProcessKey]:
        return set()

    def members(self, _alive: Container[ProcessKey]) -> Mapping[str, Mapping[Any, Any]]:
        return {}

    def refused(self) -> int:
        return 0

    def limits(self) -> Iterator[Limit]:
        (requests,) = self._program.element("io_uring_waits", _NUMBER)
        if requests:
            yield Limit.of(WAITS_BY_IO_URING, requests=requests)
