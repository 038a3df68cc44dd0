"""Waits that io_uring was asked for. The probe epoll_ctl meets these requests, too."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.bcc.program import Program
from epolltop.model.limits import WAITS_BY_IO_URING, Limit
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf.table_reader import TableReader
from epolltop.sources.bpf.wire import NUMBER


class IoUringWaits(TableReader):
    """Their number is all that is known of them."""

    def __init__(self, program: Program, _procfs: Procfs) -> None:
        self._program = program

    def limits(self) -> Iterator[Limit]:
        (requests,) = self._program.element("io_uring_waits", NUMBER)
        if requests:
            yield Limit.of(WAITS_BY_IO_URING, requests=requests)
