"""/proc/PID/maps: the code that a process has mapped, and in map_files the very files behind it."""

from __future__ import annotations

import bisect
import errno
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from epolltop.own_process.pace import Deadline
from epolltop.proc.local_files import opened_if_local
from epolltop.proc.mountinfo import Device, MountLists, Mounts
from epolltop.proc.perf_map_file import open_perf_map
from epolltop.proc.reading import whole_lines
from epolltop.proc.stat import read_stat

MAPS_BYTES_MAX = 16 << 20
"""150,000 mappings. A process with more shows addresses instead of names."""

FILES_BYTES_MAX = 4 << 20
"""40,000 mappings, in which the files of a program are looked for; no program has a tenth of them."""

_EXECUTABLE = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) ([0-9]+) *(.*)$", re.MULTILINE
)

_READABLE = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) r... [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) ", re.MULTILINE)
_MADE = b"/memfd:"
NO_FILE: Device = (0, 0)
"""The device of mappings of no file."""


class CodeMapping(NamedTuple):
    """An executable mapping."""

    start: int
    end: int
    position: int
    """Offset in the file of the byte at start."""
    device: Device
    """The file system that has the file."""
    inode: int
    """0: no file."""
    path: bytes
    """The path by which it was mapped; empty for code made at run time."""

    @property
    def module(self) -> bytes:
        """The name of the file, without its directory."""
        return self.path.removesuffix(b" (deleted)").rpartition(b"/")[2]

    @property
    def is_made(self) -> bool:
        """Whether the program may have made the code at run time: no file has it, or one in memory without a name."""
        return not self.inode or self.path.startswith(_MADE)


class MappedFile(NamedTuple):
    """A file of which a process has mapped code."""

    path: bytes
    """By which it was mapped."""
    device: Device


class Run(NamedTuple):
    """One run of a program: a process between two calls of exec."""

    pid: int
    start: int
    """When the process started, in clock ticks since boot."""
    image: int
    """The address where the program's stack began: another run has another one."""

    def goes_on(self) -> bool:
        """Whether the process has neither ended nor executed another program."""
        stat = read_stat("/proc", self.pid)
        return stat is not None and (stat.start, stat.stack_start) == (self.start, self.image)


class Code:
    """The executable mappings of one run, as of when they were read."""

    def __init__(self, run: Run, mappings: Sequence[CodeMapping], mounts: Mounts) -> None:
        self._run = run
        self._mappings = mappings
        self._starts = [mapping.start for mapping in mappings]
        self._mounts = mounts

    def at(self, address: int) -> CodeMapping | None:
        """The mapping that contains an address."""
        at = bisect.bisect_right(self._starts, address) - 1
        return self._mappings[at] if at >= 0 and address < self._mappings[at].end else None

    def open(self, mapping: CodeMapping, deadline: Deadline) -> int:
        """Opens the mapped file itself, even if it was deleted or replaced, or is in another mount namespace.

        Never blocks: neither on a file server nor on a lease.

        Raises:
            PermissionError: this takes CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN.
            OSError: the run is over, another file is mapped there now, or reading it might block.
        """
        if not self._mounts.are_local(mapping.device):
            raise FileNotFoundError(mapping.path)
        # No path is followed: a file system that a stranger mounted on the way might never answer.
        name = f"/proc/{self._run.pid}/map_files/{mapping.start:x}-{mapping.end:x}"
        # The mapping may have been replaced since, by anybody's file.
        return opened_if_local(name, self._run.pid, self._mounts, deadline, self._run.goes_on)

    def open_perf_map(self, deadline: Deadline) -> int:
        """Opens the names that the program wrote down of code that it made; as `open`.

        Raises:
            OSError: there is no such file, or it may be a stranger's.
        """
        return open_perf_map(self._run.pid, self._mounts, deadline, self._run.goes_on)


def mapped_files(root: str, pid: int, deadline: Deadline) -> set[MappedFile]:
    """The files with code that a process has mapped; of a very long list those at its beginning, as far as time allows.

    Raises:
        OSError: the process is gone or closed to us.
    """
    files: set[MappedFile] = set()
    try:
        for lines in whole_lines(f"{root}/{pid}/maps", FILES_BYTES_MAX, deadline):
            files.update(
                MappedFile(found[7].removesuffix(b" (deleted)"), (int(found[4], 16), int(found[5], 16)))
                for found in _EXECUTABLE.finditer(lines)
                if found[7].startswith(b"/")
            )
    except OSError as error:
        if not (isinstance(error, TimeoutError) or error.errno == errno.EFBIG):
            raise
    return files


def readable_mappings(root: str, thread: int, deadline: Deadline) -> Iterator[tuple[int, int, Device]]:
    """What a program may read itself, by address: where each mapping begins and ends, and the device of its file.

    Args:
        root: of the /proc tree, or a directory of threads in it.
        thread: there.
        deadline: for reading.

    Raises:
        OSError: the thread is gone or closed to us, has more mappings than are read, or there is no time.
    """
    for lines in whole_lines(f"{root}/{thread}/maps", MAPS_BYTES_MAX, deadline):
        for start, end, major, minor in _READABLE.findall(lines):
            yield int(start, 16), int(end, 16), (int(major, 16), int(minor, 16))


def code_of(run: Run, addresses: Sequence[int], mount_lists: MountLists, deadline: Deadline) -> Code:
    """Finds the mappings of a run at some addresses.

    Args:
        run: the run.
        addresses: sorted.
        mount_lists: of this poll.
        deadline: for reading.

    Raises:
        OSError: the run is over, closed to us, has more mappings than are read, or there is no time.
    """
    mappings = []
    for lines in whole_lines(f"/proc/{run.pid}/maps", MAPS_BYTES_MAX, deadline):
        for found in _EXECUTABLE.finditer(lines):
            start, end = int(found[1], 16), int(found[2], 16)
            first = bisect.bisect_left(addresses, start)
            if first < len(addresses) and addresses[first] < end:
                device = int(found[4], 16), int(found[5], 16)
                mappings.append(CodeMapping(start, end, int(found[3], 16), device, int(found[6]), found[7]))
    mounts = mount_lists.mounts_of(run.pid, deadline)
    # Checked after the maps were read: a program that was executed meanwhile does not pass.
    if not run.goes_on():
        raise ProcessLookupError(run.pid)
    return Code(run, mappings, mounts)
