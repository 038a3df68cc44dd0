"""Where a process has mapped the code of which file: /proc/PID/maps, and the very files behind it."""

from __future__ import annotations

import bisect
import os
import stat
from typing import NamedTuple

MAPS_BYTES_MAX = 16 << 20
"""150,000 mappings; what lies behind is not read."""


class Mapping(NamedTuple):
    """A stretch of executable memory."""

    start: int
    end: int
    position: int
    """In the file, of the byte at start."""
    inode: int
    """0: no file."""
    path: bytes
    """As the process named it; empty for code made at run time."""

    @property
    def module(self) -> bytes:
        """The file's own name."""
        return self.path.removesuffix(b" (deleted)").rpartition(b"/")[2]


class Run(NamedTuple):
    """One run of one program: a process from one exec to the next."""

    pid: int
    start: int
    """Of the process, in clock ticks since boot."""
    image: int
    """Where the program's stack began."""

    def goes_on(self) -> bool:
        """Whether it has neither ended nor executed another program."""
        fields = _read(f"/proc/{self.pid}/stat", 4096).rpartition(b")")[2].split()
        return len(fields) >= 26 and int(fields[19]) == self.start and int(fields[25]) == self.image


class Code:
    """The executable memory of one run, as it was when it was read."""

    def __init__(self, run: Run, mappings: list[Mapping]) -> None:
        self._run = run
        self._mappings = mappings
        self._starts = [mapping.start for mapping in mappings]

    def at(self, address: int) -> Mapping | None:
        """What is mapped there."""
        at = bisect.bisect_right(self._starts, address) - 1
        return self._mappings[at] if at >= 0 and address < self._mappings[at].end else None

    def open(self, mapping: Mapping) -> int:
        """A descriptor of the file that is mapped, be it deleted, replaced, or in another mount namespace.

        Raises:
            OSError: the run is over, the file is out of reach, or another one is there by now.
        """
        root = f"/proc/{self._run.pid}"
        try:
            file = os.open(f"{root}/map_files/{mapping.start:x}-{mapping.end:x}", os.O_PATH | os.O_CLOEXEC)
            replaced = not self._run.goes_on()
        except PermissionError:  # wants CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE
            file = os.open(os.fsencode(f"{root}/root") + mapping.path, os.O_PATH | os.O_CLOEXEC)
            replaced = os.fstat(file).st_ino != mapping.inode
        try:
            # A path may lead to a FIFO by now, which would make us wait.
            if replaced or not stat.S_ISREG(os.fstat(file).st_mode):
                raise FileNotFoundError(mapping.path)
            return os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(file)


def code_of(run: Run) -> Code | None:
    """What a run executes; None if it is over."""
    maps = _read(f"/proc/{run.pid}/maps", MAPS_BYTES_MAX)
    # Looked at after the maps: who executes another program meanwhile does not pass.
    if not run.goes_on():
        return None
    return Code(run, [mapping for mapping in map(_mapping, maps.splitlines()) if mapping])


def _mapping(line: bytes) -> Mapping | None:
    fields = line.split(None, 5)
    if len(fields) < 5 or b"x" not in fields[1]:
        return None
    start, _, end = fields[0].partition(b"-")
    path = fields[5] if len(fields) > 5 else b""
    return Mapping(int(start, 16), int(end, 16), int(fields[2], 16), int(fields[4]), path)


def _read(path: str, limit: int) -> bytes:
    """The whole lines of a file's beginning; nothing if the process is gone or closed to us."""
    parts: list[bytes] = []
    left = limit
    try:
        with open(path, "rb", buffering=0) as file:
            while left > 0 and (part := file.read(min(left, 1 << 20))):
                parts.append(part)
                left -= len(part)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
    whole, line_break, _ = b"".join(parts).rpartition(b"\n")
    return whole + line_break
