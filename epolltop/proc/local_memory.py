"""The memory of programs as far as reading it waits for nobody: what no file has, or a file in memory or on a disk.

Who reads memory that is a file's waits for the server of that file (FUSE), if the page is not there yet.
"""

from __future__ import annotations

import bisect
import errno
from typing import NamedTuple

from epolltop.own_process.pace import Deadline
from epolltop.proc.maps import NO_FILE, readable_mappings
from epolltop.proc.mem import read_memory
from epolltop.proc.mountinfo import MountLists
from epolltop.proc.reading import CLOSED
from epolltop.proc.task import threads_of


class _Ranges(NamedTuple):
    """Addresses that may be read."""

    starts: list[int]
    ends: list[int]


class LocalMemory:
    """Of some processes, as they are mapped when each is read first. Valid for one poll: mappings change.

    A program that maps another file in the very moment between is not noticed.
    """

    def __init__(self, root: str, deadline: Deadline) -> None:
        """Reads nothing yet.

        Args:
            root: of the /proc tree.
            deadline: for the lists of mappings and of mounts. A process whose lists take longer has no memory here, or
                a part.
        """
        self._root, self._deadline = root, deadline
        self._mount_lists = MountLists()
        self._known: dict[int, _Ranges] = {}

    def read(self, pid: int, thread: int, address: int, size: int) -> bytes:
        """Some bytes at an address; fewer or none if they are not there, may not be read, or not without waiting.

        Args:
            pid: of the process.
            thread: of it, one that lives.
            address: as the program has it.
            size: in bytes.

        Raises:
            OSError: epolltop lacks something, such as a free descriptor.
        """
        threads = threads_of(self._root, pid)
        if pid not in self._known:
            self._known[pid] = self._ranges(pid, threads, thread)
        starts, ends = self._known[pid]
        at = bisect.bisect_right(starts, address) - 1
        if at < 0 or address >= ends[at]:
            return b""
        return read_memory(threads, thread, address, min(size, ends[at] - address))

    def _ranges(self, pid: int, threads: str, thread: int) -> _Ranges:
        ranges = _Ranges([], [])
        try:
            mounts = self._mount_lists.mounts_of(pid, self._deadline)
            for start, end, device in readable_mappings(threads, thread, self._deadline):
                if device == NO_FILE or mounts.are_local(device):
                    ranges.starts.append(start)
                    ranges.ends.append(end)
        except CLOSED:
            pass
        except OSError as error:
            if not (isinstance(error, TimeoutError) or error.errno == errno.EFBIG):
                raise
        return ranges
